/*
 * One row per type of option: how large its value is in the plugin's struct, how its text is
 * parsed, and what to say when that fails.  Called by options.c on the main thread, for the
 * configuration's values, and for a declaration's own fallback and bounds, so that a plugin with a
 * fallback out of its own range is refused when it is loaded.
 */
#include "config/option_value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <tallyd/buffer.h>

#include "base/suggest.h"
#include "base/text.h"

enum { OPTION_CHOICES_MAX = 32, OPTION_BOUND_SIZE = 64 };

struct option_type {
	size_t size;
	int (*parse)(const char *text, int64_t *ret); /* numbers only */
	const char *what;                             /* "is not …" */
};

static const struct option_type option_types[] = {
	[TALLY_OPT_BOOL] = {sizeof(bool), NULL, "yes or no"},
	[TALLY_OPT_INT] = {sizeof(int64_t), text_parse_int, "a whole number"},
	[TALLY_OPT_SIZE] = {sizeof(int64_t), text_parse_size, "a size (try 512, 64Ki or 16Mi)"},
	[TALLY_OPT_DURATION] = {sizeof(int64_t), text_parse_duration, "a duration (try 10s or 1m)"},
	[TALLY_OPT_STRING] = {sizeof(const char *), NULL, NULL},
	[TALLY_OPT_LIST] = {sizeof(const char *const *), NULL, NULL},
	[TALLY_OPT_CHOICE] = {sizeof(int64_t), NULL, NULL},
	[TALLY_OPT_STORE] = {sizeof(struct tally_store *), NULL, NULL},
	[TALLY_OPT_CACHE] = {sizeof(struct tally_cache *), NULL, NULL},
	[TALLY_OPT_CACHES] = {sizeof(const struct tally_named_cache *), NULL, NULL},
};

size_t option_value_size(uint32_t type)
{
	return type < sizeof(option_types) / sizeof(option_types[0]) ? option_types[type].size : 0;
}

const char option_value_unquote[] = "; values are written without quotes";

bool option_value_is_quoted(const char *text)
{
	size_t len = text ? strlen(text) : 0;
	return len >= 2 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0];
}

/* `"10x" is not a duration …`; a secret is not quoted. */
static int option_wrong(const struct tally_option *option, const char *text, const char *is,
			const char *what, struct error *error)
{
	const char *hint = option_value_is_quoted(text) ? option_value_unquote : "";
	if (option->flags & TALLY_OPT_SECRET)
		return error_set(error, EINVAL, "the value %s %s%s", is, what, hint);
	return error_set(error, EINVAL, "\"%s\" %s %s%s", text, is, what, hint);
}

/* ---- Numbers ----------------------------------------------------------------- */

/* One end of "a..b", written like a value of the option: "100ms".  An empty one keeps what *ret
 * is. */
static int option_bound(const struct tally_option *option, const char *text, size_t len,
			int64_t *ret)
{
	char bound[OPTION_BOUND_SIZE];
	if (len == 0)
		return 0;
	snprintf(bound, sizeof(bound), "%.*s", (int)len, text);
	return option_types[option->type].parse(bound, ret);
}

static int option_range(const struct tally_option *option, int64_t *ret_min, int64_t *ret_max)
{
	const char *dots = strstr(option->accepts, "..");
	*ret_min = INT64_MIN;
	*ret_max = INT64_MAX;
	if (!dots)
		return -EINVAL;
	int r = option_bound(option, option->accepts, (size_t)(dots - option->accepts), ret_min);
	return r < 0 ? r : option_bound(option, dots + 2, strlen(dots + 2), ret_max);
}

/* "1..65535" as "between 1 and 65535", "100ms.." as "at least 100ms". */
static void option_range_words(const char *accepts, char *ret, size_t size)
{
	const char *dots = strstr(accepts, "..");
	if (dots == accepts)
		snprintf(ret, size, "at most %s", dots + 2);
	else if (!dots[2])
		snprintf(ret, size, "at least %.*s", (int)(dots - accepts), accepts);
	else
		snprintf(ret, size, "between %.*s and %s", (int)(dots - accepts), accepts,
			 dots + 2);
}

/* Sizes, durations and numbers share their range check; they differ in how they are read. */
static int option_number(const struct tally_option *option, const char *text, int64_t *ret,
			 struct error *error)
{
	const struct option_type *type = &option_types[option->type];
	int64_t value, min, max;
	int r = type->parse(text, &value);
	if (r == -ERANGE)
		return option_wrong(option, text, "is", "larger than any number can be", error);
	if (r < 0)
		return option_wrong(option, text, "is not", type->what, error);
	if (option->accepts && option_range(option, &min, &max) == 0 &&
	    (value < min || value > max)) {
		char range[3 * OPTION_BOUND_SIZE];
		option_range_words(option->accepts, range, sizeof(range));
		return option_wrong(option, text, "is out of range: it must be", range, error);
	}
	*ret = value;
	return 0;
}

/* ---- Words ------------------------------------------------------------------- */

/* Splits "a|b|c" into copies; returns how many. */
static size_t option_choices(const char *accepts, struct arena *arena, const char **ret)
{
	size_t n = 0;
	for (const char *p = accepts; n < OPTION_CHOICES_MAX; n++) {
		size_t len = strcspn(p, "|");
		ret[n] = arena_copy(arena, p, len);
		if (!ret[n])
			return 0;
		if (!p[len])
			return n + 1;
		p += len + 1;
	}
	return n;
}

/* Shows all that would be right: a choice has few words, and the manual may not be at hand. */
static int option_choice_wrong(const struct tally_option *option, const char *text,
			       const char *const *choices, size_t n, struct error *error)
{
	char all[256] = "";
	const char *hint = suggest(text, choices, n);
	for (size_t i = 0, len = 0; i < n && len < sizeof(all); i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i ? ", " : "",
					choices[i]);
	if (!hint)
		return option_wrong(option, text, "is none of", all, error);
	char with_hint[384];
	snprintf(with_hint, sizeof(with_hint), "%s (did you mean %s?)", all, hint);
	return option_wrong(option, text, "is none of", with_hint, error);
}

/* Stored as an index, so that a plugin can switch on an enum in the order of `accepts`. */
static int option_choice(const struct tally_option *option, const char *text, int64_t *ret,
			 struct error *error)
{
	const char *choices[OPTION_CHOICES_MAX];
	struct arena arena = {0};
	size_t n = option_choices(option->accepts, &arena, choices);
	int r = -ENOENT;
	for (size_t i = 0; i < n && r < 0; i++) {
		if (strcmp(choices[i], text) == 0) {
			*ret = (int64_t)i;
			r = 0;
		}
	}
	if (r < 0)
		r = option_choice_wrong(option, text, choices, n, error);
	arena_done(&arena);
	return r;
}

static const char *option_word(const char *text, size_t *ret_len)
{
	text += strspn(text, ", \t");
	*ret_len = strcspn(text, ", \t");
	return text;
}

/* Words are counted first, so that the list is one allocation and ends with NULL. */
static int option_list(const char *text, const char *const **ret, struct arena *arena,
		       struct error *error)
{
	size_t n = 0, len;
	for (const char *p = option_word(text, &len); len; p = option_word(p + len, &len))
		n++;
	const char **list = arena_alloc(arena, (n + 1) * sizeof(*list));
	const char *p = text;
	for (size_t i = 0; list && i < n; i++, p += len) {
		p = option_word(p, &len);
		list[i] = arena_copy(arena, p, len);
		if (!list[i])
			list = NULL;
	}
	if (!list)
		return error_set(error, ENOMEM, "out of memory");
	*ret = list;
	return 0;
}

/* A list, of words that the option accepts. */
static int option_words(const struct tally_option *option, const char *text,
			const char *const **ret, struct arena *arena, struct error *error)
{
	int64_t choice;
	int r = option_list(text, ret, arena, error);
	for (size_t i = 0; r == 0 && option->accepts && (*ret)[i]; i++)
		r = option_choice(option, (*ret)[i], &choice, error);
	return r;
}

/* The names only: each cache is bound later, by the same function as every other reference. */
static int option_caches(const char *text, const struct tally_named_cache **ret,
			 struct arena *arena, struct error *error)
{
	const char *const *names;
	size_t n = 0;
	int r = option_list(text, &names, arena, error);
	if (r < 0)
		return r;
	while (names[n])
		n++;
	struct tally_named_cache *caches = arena_alloc(arena, (n + 1) * sizeof(*caches));
	if (!caches)
		return error_set(error, ENOMEM, "out of memory");
	for (size_t i = 0; i <= n; i++)
		caches[i] = (struct tally_named_cache){.name = names[i]};
	*ret = caches;
	return 0;
}

/* ---- All --------------------------------------------------------------------- */

int option_value_set(const struct tally_option *option, const char *text, void *base,
		     struct arena *arena, struct error *error)
{
	void *place = (char *)base + option->offset;
	const char *copy;
	if (!text) {
		memset(place, 0, option_value_size(option->type));
		return 0;
	}
	switch (option->type) {
	case TALLY_OPT_BOOL:
		if (text_parse_bool(text, place) == 0)
			return 0;
		return option_wrong(option, text, "is not", option_types[TALLY_OPT_BOOL].what,
				    error);
	case TALLY_OPT_INT:
	case TALLY_OPT_SIZE:
	case TALLY_OPT_DURATION:
		return option_number(option, text, place, error);
	case TALLY_OPT_CHOICE:
		return option_choice(option, text, place, error);
	case TALLY_OPT_LIST:
		return option_words(option, text, place, arena, error);
	case TALLY_OPT_STRING:
		copy = arena_text(arena, text);
		if (!copy)
			return error_set(error, ENOMEM, "out of memory");
		*(const char **)place = copy;
		return 0;
	case TALLY_OPT_CACHES:
		return option_caches(text, place, arena, error);
	default: /* a reference: options.c binds it, whose caller knows the instances */
		memset(place, 0, sizeof(void *));
		return *text ? 0 : error_set(error, EINVAL, "names nothing");
	}
}

/* By declaration and once, so that option_value_set() can rely on it for every text. */
int option_value_check_accepts(const struct tally_option *option, struct error *error)
{
	int64_t min, max;
	bool number = option->type == TALLY_OPT_INT || option->type == TALLY_OPT_SIZE ||
		      option->type == TALLY_OPT_DURATION;
	if (option->type == TALLY_OPT_CHOICE)
		return option->accepts && *option->accepts
			       ? 0
			       : error_set(error, EINVAL, "a choice needs `accepts`, as \"a|b\"");
	if (!option->accepts || option->type == TALLY_OPT_CACHES || option->type == TALLY_OPT_LIST)
		return 0;
	if (number && option_range(option, &min, &max) == 0 && min <= max)
		return 0;
	return error_set(error, EINVAL, "accepts \"%s\", which is not a range", option->accepts);
}
