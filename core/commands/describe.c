/*
 * Words for the numbers of the plugin ABI, for whoever prints declarations: plugins.c and
 * reference.c.  A value that this daemon does not know, of a plugin built with newer headers, is
 * "?" and not an error.  Texts are cut to the caller's buffer; nothing fails.
 */
#include "commands/describe.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tallyd/buffer.h>

static const char *describe_at(const char *const *names, size_t n, uint32_t i)
{
	return i < n && names[i] ? names[i] : "?";
}
#define DESCRIBE(names, i) describe_at(names, sizeof(names) / sizeof(names[0]), i)

const char *describe_table_kind(uint32_t kind)
{
	static const char *const names[] = {
		[TALLY_SERIES] = "series", [TALLY_STATE] = "state", [TALLY_LOG] = "log"};
	return DESCRIBE(names, kind);
}

const char *describe_column_type(uint32_t type)
{
	static const char *const names[] = {
		[TALLY_TIME] = "time", [TALLY_INT] = "int",   [TALLY_REAL] = "real",
		[TALLY_BOOL] = "bool", [TALLY_TEXT] = "text", [TALLY_JSON] = "json"};
	return DESCRIBE(names, type);
}

const char *describe_column_role(uint32_t role)
{
	static const char *const names[] = {[TALLY_FIELD] = "",
					    [TALLY_TAG] = "tag",
					    [TALLY_COUNTER] = "counter",
					    [TALLY_GONE] = "gone",
					    [TALLY_ORDER] = "order"};
	return DESCRIBE(names, role);
}

static const char *describe_option_type(uint32_t type)
{
	static const char *const names[] = {[TALLY_OPT_BOOL] = "yes or no",
					    [TALLY_OPT_INT] = "number",
					    [TALLY_OPT_SIZE] = "size",
					    [TALLY_OPT_DURATION] = "duration",
					    [TALLY_OPT_STRING] = "text",
					    [TALLY_OPT_LIST] = "list",
					    [TALLY_OPT_CHOICE] = "one of",
					    [TALLY_OPT_STORE] = "name of a store",
					    [TALLY_OPT_CACHE] = "name of a cache",
					    [TALLY_OPT_CACHES] = "list of caches"};
	return DESCRIBE(names, type);
}

/* "a|b|c" as "one of a, b, c". */
static void describe_choice(const char *head, const char *accepts, char *ret, size_t size)
{
	size_t len = (size_t)snprintf(ret, size, "%s ", head);
	for (; *accepts && len + 3 < size; accepts++) {
		if (*accepts == '|')
			ret[len++] = ',';
		ret[len++] = *accepts == '|' ? ' ' : *accepts;
	}
	ret[len] = '\0';
}

/* Either end of a range "a..b" may be left out. */
void describe_option(const struct tally_option *option, char *ret, size_t size)
{
	const char *type = describe_option_type(option->type);
	const char *secret = option->flags & TALLY_OPT_SECRET ? "secret " : "";
	const char *accepts = option->accepts;
	const char *dots = accepts ? strstr(accepts, "..") : NULL;
	if (option->type == TALLY_OPT_CHOICE && accepts)
		describe_choice("one of", accepts, ret, size);
	else if (option->type == TALLY_OPT_LIST && accepts)
		describe_choice("list of", accepts, ret, size);
	else if (!dots)
		snprintf(ret, size, "%s%s", secret, type);
	else if (dots == accepts)
		snprintf(ret, size, "%s%s, at most %s", secret, type, dots + 2);
	else if (!dots[2])
		snprintf(ret, size, "%s%s, at least %.*s", secret, type, (int)(dots - accepts),
			 accepts);
	else
		snprintf(ret, size, "%s%s, %.*s to %s", secret, type, (int)(dots - accepts),
			 accepts, dots + 2);
}

/* Several are common, as an output that others query is also a store.  What is none of them is
 * there for what its instances do by themselves. */
void describe_plugin(const struct tally_plugin *plugin, char *ret, size_t size)
{
	const struct {
		bool is;
		const char *name;
	} facets[] = {{plugin->input, "input"},
		      {plugin->buffer, "buffer"},
		      {plugin->output, "output"},
		      {plugin->store, "store"},
		      {plugin->cache, "cache"}};
	size_t len = 0;
	for (size_t i = 0; i < sizeof(facets) / sizeof(facets[0]); i++) {
		if (facets[i].is && len < size)
			len += (size_t)snprintf(ret + len, size - len, "%s%s", len ? ", " : "",
						facets[i].name);
	}
	if (len == 0)
		snprintf(ret, size, "service");
}
