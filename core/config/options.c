/*
 * Two passes: every key of the section finds its option (or is refused with what it may have
 * meant), then every option gets its value, from its key, its secret file or its fallback.  All
 * problems are reported; nothing is left half done, since only a result without any is handed out.
 */
#include "config/options.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/buffer.h>
#include <sys/stat.h>

#include "config/option_value.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/suggest.h"
#include "base/text.h"

enum { OPTIONS_SECRET_MAX = 64 * 1024 };

struct options_memory {
	struct options options; /* first: what is handed out */
	struct arena arena;
};

/* One option on its way to its value. */
struct options_item {
	const struct tally_option *option;
	void *base;
	const struct config_entry *entry, *file_entry; /* its key, its `_file` key */
};

struct options_pass {
	const struct config_section *section; /* NULL: none is written */
	struct options_item *items;
	size_t n;
	options_bind_fn *bind;
	void *bind_arg;
	struct arena *arena;
	struct problems *problems;
};

/* Where to point at: the entry, or else the section. */
static void options_problem(const struct options_pass *pass, const struct config_entry *entry,
			    const char *key, const char *text)
{
	const struct config_section *section = pass->section;
	const char *file = entry ? entry->file : section ? section->file : NULL;
	unsigned line = entry ? entry->line : section ? section->line : 0;
	problems_add(pass->problems, file, line, "[%s] %s: %s", section ? section->name : "tallyd",
		     key, text);
}

/* ---- Pass one: keys ---------------------------------------------------------- */

static bool options_is_file_key(const struct tally_option *option, const char *key)
{
	size_t len = strlen(option->name);
	return (option->flags & TALLY_OPT_SECRET) && strncmp(key, option->name, len) == 0 &&
	       strcmp(key + len, "_file") == 0;
}

/* Keys first and values afterwards: what is set twice, or under both names, is only known when
 * all keys were seen.  An unknown key is mostly a misspelt one, so it comes with the name that is
 * most like it. */
static void options_place_key(const struct options_pass *pass, const struct config_entry *entry)
{
	for (size_t i = 0; i < pass->n; i++) {
		struct options_item *item = &pass->items[i];
		if (strcmp(item->option->name, entry->key) == 0) {
			item->entry = entry;
			return;
		}
		if (options_is_file_key(item->option, entry->key)) {
			item->file_entry = entry;
			return;
		}
	}
	auto_free const char **names = calloc(pass->n + 1, sizeof(*names));
	const char *hint = NULL;
	for (size_t i = 0; names && i < pass->n; i++)
		names[i] = pass->items[i].option->name;
	if (names)
		hint = suggest(entry->key, names, pass->n);
	char text[160];
	snprintf(text, sizeof(text), hint ? "no such key (did you mean %s?)" : "no such key", hint);
	options_problem(pass, entry, entry->key, text);
}

/* ---- Secrets ----------------------------------------------------------------- */

/* The first line of a file; the caller's to wipe and free.  O_NONBLOCK, since a FIFO in that place
 * would block the start for ever. */
static char *options_read_secret(const char *path, struct error *error)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd < 0) {
		error_set(error, errno, "%s cannot be read: %s", path, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > OPTIONS_SECRET_MAX) {
		error_set(error, EINVAL, "%s is not a regular file of at most 64Ki", path);
		return NULL;
	}
	auto_free char *text = calloc(1, OPTIONS_SECRET_MAX + 1);
	ssize_t len = text ? read(fd, text, OPTIONS_SECRET_MAX) : -1;
	if (len < 0) {
		error_set(error, EIO, "%s cannot be read: %s", path,
			  strerror(text ? errno : ENOMEM));
		return NULL;
	}
	size_t line = strcspn(text, "\r\n");
	if (line == 0) {
		error_set(error, EINVAL, "the first line of %s is empty", path);
		return NULL;
	}
	char *secret = strndup(text, line);
	if (!secret)
		error_set(error, ENOMEM, "out of memory");
	explicit_bzero(text, OPTIONS_SECRET_MAX);
	return secret;
}

static const char *options_keep_secret(struct arena *arena, const char *path, struct error *error)
{
	auto_free char *secret = options_read_secret(path, error);
	const char *kept = secret ? arena_text(arena, secret) : NULL;
	if (secret && !kept)
		error_set(error, ENOMEM, "out of memory");
	if (secret)
		explicit_bzero(secret, strlen(secret));
	return kept;
}

/* Read from the file each time, so that a rotated password works without a restart; the caller
 * wipes it. */
int options_secret(const struct options *options, const char *name, char **ret, struct error *error)
{
	const struct options_value *value = options_find(options, name);
	if (!value || !value->text) {
		*ret = NULL;
		return 0;
	}
	error->code = ENOMEM;
	char *text = value->secret_file ? options_read_secret(value->secret_file, error)
					: strdup(value->text);
	if (!text)
		return -error->code;
	*ret = text;
	return 0;
}

/* ---- Pass two: values -------------------------------------------------------- */

/* Finds the text and where it is from. */
static int options_source(const struct options_pass *pass, const struct options_item *item,
			  struct options_value *value, struct error *error)
{
	const struct config_entry *entry = item->file_entry ? item->file_entry : item->entry;
	*value = (struct options_value){.option = item->option};
	if (item->entry && item->file_entry)
		return error_set(error, EINVAL, "is set twice: here and by %s_file",
				 item->option->name);
	if (entry) {
		value->file = entry->file;
		value->line = entry->line;
	}
	if (item->file_entry) {
		value->secret_file = entry->value;
		value->text = options_keep_secret(pass->arena, entry->value, error);
		return value->text ? 0 : -EINVAL;
	}
	const char *text = entry ? entry->value : item->option->fallback;
	value->text = text ? arena_text(pass->arena, text) : NULL;
	if (text && !value->text)
		return error_set(error, ENOMEM, "out of memory");
	/* Set to nothing is as good as not set. */
	if ((!text || !*text) && (item->option->flags & TALLY_OPT_REQUIRED))
		return error_set(error, EINVAL, "is missing: %s", item->option->help);
	return 0;
}

/* "memory" in "memory|off" */
static bool options_accepts(const struct tally_option *option, const char *word)
{
	size_t len = strlen(word);
	for (const char *p = option->accepts; p; p = strchr(p, '|')) {
		p += *p == '|';
		if (strncmp(p, word, len) == 0 && (p[len] == '|' || !p[len]))
			return true;
	}
	return false;
}

/* Every other type has its value already. */
static int options_bind(const struct options_pass *pass, const struct options_item *item,
			const char *text, struct error *error)
{
	const struct tally_option *option = item->option;
	void **place = (void **)(void *)((char *)item->base + option->offset);
	if (!pass->bind || !text)
		return 0;
	if (option->type == TALLY_OPT_STORE || option->type == TALLY_OPT_CACHE)
		return pass->bind(pass->bind_arg, option, text, place, error);
	struct tally_named_cache *caches = option->type == TALLY_OPT_CACHES ? *place : NULL;
	for (; caches && caches->name; caches++) {
		void *cache = NULL;
		/* A word that the option accepts itself, such as `memory`, names no instance. */
		if (options_accepts(option, caches->name))
			continue;
		int r = pass->bind(pass->bind_arg, option, caches->name, &cache, error);
		if (r < 0)
			return r;
		caches->cache = cache;
	}
	return 0;
}

static void options_take_value(const struct options_pass *pass, const struct options_item *item,
			       struct options_value *value)
{
	struct error error = {0};
	if ((item->entry && !item->entry->value) || (item->file_entry && !item->file_entry->value))
		return; /* its ${} was reported when it was read */
	int r = options_source(pass, item, value, &error);
	if (r == 0)
		r = option_value_set(item->option, value->text, item->base, pass->arena, &error);
	if (r == 0)
		r = options_bind(pass, item, value->text, &error);
	if (r < 0)
		options_problem(pass, item->file_entry ? item->file_entry : item->entry,
				item->option->name, error.text);
}

/* Returns how many there are; ret NULL: only that. */
static size_t options_list(const struct options_target *targets, size_t n_targets,
			   struct options_item *ret)
{
	size_t n = 0;
	for (size_t t = 0; t < n_targets; t++) {
		const struct tally_option *option = targets[t].options;
		for (; option && option->name; option++, n++)
			if (ret)
				ret[n] = (struct options_item){.option = option,
							       .base = targets[t].base};
	}
	return n;
}

/* Every option is parsed even after a problem, so that one run shows all of them. */
static int options_run(struct options_pass *pass, struct options *options)
{
	const struct config_section *section = pass->section;
	size_t before = problems_count(pass->problems);
	for (size_t i = 0; section && i < section->n_entries; i++)
		options_place_key(pass, &section->entries[i]);
	for (size_t i = 0; i < pass->n; i++)
		options_take_value(pass, &pass->items[i], &options->values[i]);
	options->n = pass->n;
	return problems_count(pass->problems) > before ? -EINVAL : 0;
}

/* Defaults are parsed like texts from a file: what a declaration cannot set to its own default
 * is found by options_check(). */
int options_parse(const struct config_section *section, const struct options_target *targets,
		  size_t n_targets, options_bind_fn *bind, void *bind_arg, struct options **ret,
		  struct problems *problems)
{
	size_t n = options_list(targets, n_targets, NULL);
	auto_free struct options_item *items = calloc(n + 1, sizeof(*items));
	struct options_memory *memory = calloc(1, sizeof(*memory));
	struct options *options = memory ? &memory->options : NULL;
	int r = -ENOMEM;
	if (memory) {
		options->memory = memory;
		options->values = arena_alloc(&memory->arena, (n + 1) * sizeof(*options->values));
	}
	if (items && options && options->values) {
		struct options_pass pass = {.section = section,
					    .items = items,
					    .n = options_list(targets, n_targets, items),
					    .bind = bind,
					    .bind_arg = bind_arg,
					    .arena = &memory->arena,
					    .problems = problems};
		r = options_run(&pass, options);
	} else {
		problems_add(problems, NULL, 0, "out of memory");
	}
	if (r < 0)
		options_destroy(options);
	else
		*ret = options;
	return r < 0 ? -EINVAL : 0;
}

/* ---- Afterwards -------------------------------------------------------------- */

void options_destroy(struct options *options)
{
	if (!options)
		return;
	struct options_memory *memory = options->memory;
	arena_done(&memory->arena);
	free(memory);
}

const struct options_value *options_find(const struct options *options, const char *name)
{
	for (size_t i = 0; i < options->n; i++) {
		if (strcmp(options->values[i].option->name, name) == 0)
			return &options->values[i];
	}
	return NULL;
}

static bool options_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* By text and not by value: what is written differently counts as changed, which only costs a
 * restart. */
bool options_equal(const struct options *a, const struct options *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct options_value *x = &a->values[i], *y = &b->values[i];
		if (strcmp(x->option->name, y->option->name) != 0 ||
		    !options_same_text(x->text, y->text))
			return false;
	}
	return true;
}

const char *options_shown(const struct options_value *value)
{
	bool secret = value->option->flags & TALLY_OPT_SECRET;
	return secret && value->text ? "********" : value->text;
}

/* Lives in the options' arena, as the texts from files do. */
const char *options_default(struct options *options, const char *name, const char *text)
{
	struct options_memory *memory = options->memory;
	for (size_t i = 0; i < options->n; i++) {
		struct options_value *value = &options->values[i];
		if (strcmp(value->option->name, name) != 0)
			continue;
		if (!value->text || !*value->text)
			value->text = arena_text(&memory->arena, text);
		return value->text;
	}
	return NULL;
}

/* ---- Declarations ------------------------------------------------------------ */

/* Tries the default as well, into memory of the declared size: a default that does not parse
 * would make a plugin unusable for everybody who does not set it. */
int options_check(const struct tally_option *option, size_t config_size, struct error *error)
{
	size_t size = option_value_size(option->type);
	struct arena arena = {0};
	if (!text_is_name(option->name))
		return error_set(error, EINVAL, "option \"%s\": not [a-z][a-z0-9_]*, at most 48",
				 option->name);
	if (!option->help)
		return error_set(error, EINVAL, "option %s: has no help", option->name);
	if (size == 0)
		return error_set(error, EINVAL, "option %s: has no known type", option->name);
	if (option->offset > config_size || size > config_size - option->offset ||
	    option->offset % size)
		return error_set(error, EINVAL,
				 "option %s: %zu bytes at %zu do not fit a config_size of %zu",
				 option->name, size, option->offset, config_size);
	int r = option_value_check_accepts(option, error);
	void *config = arena_alloc(&arena, config_size);
	if (r == 0 && !config)
		r = error_set(error, ENOMEM, "out of memory");
	if (r == 0)
		r = option_value_set(option, option->fallback, config, &arena, error);
	arena_done(&arena);
	if (r < 0)
		error_prefix(error, "option %s: ", option->name);
	return r;
}
