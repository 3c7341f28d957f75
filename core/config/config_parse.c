/*
 * inih splits `key = value ; comment`, one line at a time; all else is done here, around it, as
 * it would keep silent about much: it cuts section names at 50 bytes and lines at its buffer's
 * size, joins what is indented to the line above, reports only the first bad line, and never
 * mentions a section without keys.  So section lines are kept from it, and it gets every other line
 * without its indentation; a line that should have held a key and did not call back is an error.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <string.h>

#include "config/config_builder.h"
#include "base/cleanup.h"
#include "base/suggest.h"
#include "config/expand.h"
#include "base/text.h"
#include "base/utf8.h"

enum parse_place { PARSE_NOWHERE, PARSE_SECTION, PARSE_REFUSED };

struct parse {
	struct config_builder *builder;
	const char *file;
	const char *pos, *end;
	unsigned line;
	bool wants_key; /* the line handed out must come back as a key */
	enum parse_place place;
};

#define parse_problem(parse, ...)                                                                  \
	problems_add((parse)->builder->problems, (parse)->file, (parse)->line, __VA_ARGS__)

/* Room for one more item in an array that doubles when n is a power of two.  What it outgrew stays
 * in the arena: less than the array itself. */
static void *parse_grow(struct config_builder *builder, void *array, size_t n, size_t item)
{
	if (n & (n - 1))
		return array;
	void *grown = arena_alloc(&builder->arena, (n ? 2 * n : 1) * item);
	if (!grown)
		builder->out_of_memory = true;
	else if (n)
		memcpy(grown, array, n * item);
	return grown;
}

/* ---- Sections ---------------------------------------------------------------- */

/* A section of the last kind has only a name of its own: rules are many, and each is an input. */
const char config_rule_plugin[] = "alert";
static const char *const parse_kinds[] = {"input", "buffer", "output", config_rule_plugin};
enum { PARSE_KINDS = sizeof(parse_kinds) / sizeof(parse_kinds[0]), PARSE_NAME_MAX = 48 };

static bool parse_is_kind(const char *kind)
{
	for (unsigned i = 0; i < PARSE_KINDS; i++) {
		if (strcmp(kind, parse_kinds[i]) == 0)
			return true;
	}
	return false;
}

/* More characters than in a plugin's name, since a label is often the name of a host. */
static bool parse_is_label(const char *label)
{
	size_t n = 0;
	while (isalnum((unsigned char)label[n]) || (label[n] && strchr("_.-", label[n])))
		n++;
	return n > 0 && n <= PARSE_NAME_MAX && !label[n];
}

/* "output.sqlite:archive" into its parts. */
static int parse_split_name(struct parse *parse, struct config_section *section)
{
	struct arena *arena = &parse->builder->arena;
	const char *dot = strchrnul(section->name, '.');
	const char *colon = strchrnul(dot, ':');
	section->kind = arena_copy(arena, section->name, (size_t)(dot - section->name));
	if (*dot)
		section->plugin = arena_copy(arena, dot + 1, (size_t)(colon - dot - 1));
	if (*colon)
		section->label = arena_text(arena, colon + 1);
	if (section->kind && (!*dot || section->plugin) && (!*colon || section->label))
		return 0;
	parse->builder->out_of_memory = true;
	return -ENOMEM;
}

/* [alert.NAME] stands for [input.alert:NAME]. */
static void parse_name_rule(struct config_section *section)
{
	if (strcmp(section->kind, config_rule_plugin) != 0 || !section->plugin || section->label)
		return;
	section->label = section->plugin;
	section->plugin = config_rule_plugin;
	section->kind = parse_kinds[0];
}

/* Checked while reading, so that every later message can name a section by a text that is safe
 * to print. */
static bool parse_check_name(struct parse *parse, const struct config_section *section)
{
	if (strcmp(section->name, "tallyd") == 0)
		return true;
	if (!parse_is_kind(section->kind)) {
		const char *hint = suggest(section->kind, parse_kinds, PARSE_KINDS);
		parse_problem(parse,
			      "[%s] is not a section: use [tallyd], [input.…], [buffer.…], "
			      "[output.…] or [alert.…]%s%s%s",
			      section->name, hint ? " (did you mean " : "", hint ? hint : "",
			      hint ? "?)" : "");
	} else if (strcmp(section->kind, config_rule_plugin) == 0) {
		parse_problem(parse, "[%s] has no name of its own: write [alert.NAME]",
			      section->name);
	} else if (!section->plugin) {
		parse_problem(parse, "[%s] names no plugin: write [%s.PLUGIN]", section->name,
			      section->kind);
	} else if (!text_is_name(section->plugin)) {
		parse_problem(parse, "[%s]: \"%s\" cannot be a plugin's name (a-z, 0-9 and _)",
			      section->name, section->plugin);
	} else if (section->label && !parse_is_label(section->label)) {
		parse_problem(parse, "[%s]: \"%s\" cannot be a label (letters, digits, _ . -)",
			      section->name, section->label);
	} else {
		return true;
	}
	return false;
}

/* A section that is refused still swallows its keys, or each of them would be reported as well. */
static enum parse_place parse_add_section(struct parse *parse, const char *name, size_t len)
{
	struct config_builder *builder = parse->builder;
	struct config_section section = {.file = parse->file, .line = parse->line};
	section.name = arena_copy(&builder->arena, name, len);
	if (!section.name) {
		builder->out_of_memory = true;
		return PARSE_REFUSED;
	}
	if (parse_split_name(parse, &section) < 0)
		return PARSE_REFUSED;
	parse_name_rule(&section);
	if (!parse_check_name(parse, &section))
		return PARSE_REFUSED;
	/* Two sections of one name are refused rather than merged: with conf.d in between nobody
	 * could say which file wins. */
	for (size_t i = 0; i < builder->n_sections; i++) {
		const struct config_section *first = &builder->sections[i];
		if (strcmp(first->name, section.name) != 0)
			continue;
		if (section.plugin == config_rule_plugin)
			parse_problem(parse,
				      "[%s] is already at %s:%u; a second one needs another name",
				      section.name, first->file, first->line);
		else
			parse_problem(
				parse,
				"[%s] is already at %s:%u; for a second one, write [%s:LABEL]",
				section.name, first->file, first->line, section.name);
		return PARSE_REFUSED;
	}
	struct config_section *sections =
		parse_grow(builder, builder->sections, builder->n_sections, sizeof(*sections));
	if (!sections)
		return PARSE_REFUSED;
	builder->sections = sections;
	sections[builder->n_sections++] = section;
	return PARSE_SECTION;
}

/* text: a line that begins with a bracket. */
static enum parse_place parse_header(struct parse *parse, const char *text, size_t len)
{
	const char *close = memchr(text, ']', len);
	if (!close) {
		parse_problem(parse, "a section without a closing ]");
		return PARSE_REFUSED;
	}
	const char *rest = close + 1, *end = text + len;
	while (rest < end && isspace((unsigned char)*rest))
		rest++;
	if (rest < end && *rest != ';' && *rest != '#')
		parse_problem(parse, "unexpected \"%.*s\" after the section's ]", (int)(end - rest),
			      rest);
	const char *name = text + 1;
	while (name < close && isspace((unsigned char)*name))
		name++;
	while (close > name && isspace((unsigned char)close[-1]))
		close--;
	return parse_add_section(parse, name, (size_t)(close - name));
}

/* ---- Keys -------------------------------------------------------------------- */

/* An entry whose value could not be expanded is kept without one: the key counts as set, and is
 * not reported as missing or unknown on top. */
static void parse_add_key(struct parse *parse, const char *key, const char *value)
{
	struct config_builder *builder = parse->builder;
	struct config_section *section = &builder->sections[builder->n_sections - 1];
	for (size_t i = builder->n_entries - section->n_entries; i < builder->n_entries; i++) {
		const struct config_entry *first = &builder->entries[i];
		if (strcmp(first->key, key) != 0)
			continue;
		parse_problem(parse, "[%s] %s: is already set at %s:%u", section->name, key,
			      first->file, first->line);
		return;
	}
	if (builder->n_entries == CONFIG_MAX_KEYS) {
		/* Once: a generated file may hold thousands more. */
		if (!builder->full)
			parse_problem(parse, "more than %d keys in total", CONFIG_MAX_KEYS);
		builder->full = true;
		return;
	}
	auto_free char *expanded = NULL;
	struct error error;
	if (expand_text(value, &expanded, &error) < 0)
		parse_problem(parse, "[%s] %s: %s", section->name, key, error.text);
	struct config_entry entry = {.file = parse->file, .line = parse->line};
	entry.key = arena_text(&builder->arena, key);
	entry.value = expanded ? arena_text(&builder->arena, expanded) : NULL;
	if (!entry.key || (expanded && !entry.value)) {
		builder->out_of_memory = true;
		return;
	}
	struct config_entry *entries =
		parse_grow(builder, builder->entries, builder->n_entries, sizeof(*entries));
	if (!entries)
		return;
	builder->entries = entries;
	entries[builder->n_entries++] = entry;
	section->n_entries++;
}

/* inih's callback; its section is always empty. */
static int parse_key(void *arg, const char *ignored, const char *key, const char *value)
{
	(void)ignored;
	struct parse *parse = arg;
	parse->wants_key = false;
	if (!*key)
		parse_problem(parse, "no key before the =");
	else if (parse->place == PARSE_NOWHERE)
		parse_problem(parse, "%s: comes before the first [section]", key);
	else if (parse->place == PARSE_SECTION)
		parse_add_key(parse, key, value);
	return 1;
}

/* ---- Lines ------------------------------------------------------------------- */

/* The next line, without blanks around it. */
static const char *parse_take_line(struct parse *parse, size_t *ret_len)
{
	static const char mark[] = "\xEF\xBB\xBF"; /* as some editors put first */
	const char *text = parse->pos;
	const char *end = memchr(text, '\n', (size_t)(parse->end - text));
	parse->pos = end ? end + 1 : parse->end;
	if (!end)
		end = parse->end;
	if (parse->line++ == 0 && end - text >= 3 && memcmp(text, mark, 3) == 0)
		text += 3;
	while (text < end && isspace((unsigned char)*text))
		text++;
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	*ret_len = (size_t)(end - text);
	return text;
}

/* Deals with every line that holds no key; returns whether it is one for inih.  Bytes are checked
 * first, since messages about what the line says quote it. */
static bool parse_line(struct parse *parse, const char *text, size_t len, size_t max)
{
	if (len == 0 || *text == ';' || *text == '#')
		return false;
	if (memchr(text, '\0', len))
		parse_problem(parse, "contains a NUL byte: this is not a text file");
	else if (!utf8_valid(text, len))
		parse_problem(parse, "is not UTF-8");
	else if (len > max)
		parse_problem(parse, "the line has %zu bytes; the limit is %zu", len, max);
	else if (*text == '[')
		parse->place = parse_header(parse, text, len);
	else
		return true;
	return false;
}

/* inih's reader, like fgets(). */
static char *parse_next(char *str, int num, void *stream)
{
	struct parse *parse = stream;
	if (parse->wants_key)
		parse_problem(parse, "neither a [section] nor key = value");
	parse->wants_key = false;
	while (parse->pos < parse->end && !parse->builder->out_of_memory) {
		size_t len;
		const char *text = parse_take_line(parse, &len);
		if (!parse_line(parse, text, len, (size_t)num - 1))
			continue;
		memcpy(str, text, len);
		str[len] = '\0';
		parse->wants_key = true;
		return str;
	}
	return NULL;
}

void config_parse_text(struct config_builder *builder, const char *file, const char *text,
		       size_t len)
{
	struct parse parse = {.builder = builder, .file = file, .pos = text, .end = text + len};
	ini_max_line = CONFIG_MAX_LINE + 1; /* with the NUL; parse_line() refuses longer ones */
	/* -2: it had no memory for a line.  All else that it returns was reported here. */
	if (ini_parse_stream(parse_next, &parse, parse_key, &parse) == -2)
		builder->out_of_memory = true;
}
