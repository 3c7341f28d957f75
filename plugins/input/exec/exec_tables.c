/*
 * Two ways to say the same: a text that fits into a line of the configuration, and JSON for
 * programs.  Both end in a draft; the core checks that.
 */
#include "exec_tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "exec_draft.h"
#include "json_tree.h"

const struct tally_table *exec_tables_find(const struct exec_tables *tables, const char *name)
{
	for (size_t i = 0; i < tables->n; i++)
		if (strcmp(tables->list[i]->name, name) == 0)
			return tables->list[i];
	return NULL;
}

int exec_tables_column(const struct tally_table *table, const char *name)
{
	for (uint32_t c = 0; c < table->n_columns; c++)
		if (strcmp(table->columns[c].name, name) == 0)
			return (int)c;
	return -1;
}

/* ---- From the configuration -------------------------------------------------- */

struct tables_text {
	struct tally_ctx *ctx;
	const char *at;
	char word[128]; /* "": the end */
};

/* The next word, or one of ( ) and the comma. */
static const char *tables_next(struct tables_text *text)
{
	text->at += strspn(text->at, " \t\n");
	size_t len = strcspn(text->at, " \t\n(),");
	if (len == 0 && *text->at)
		len = 1;
	size_t kept = len < sizeof(text->word) ? len : sizeof(text->word) - 1;
	memcpy(text->word, text->at, kept);
	text->word[kept] = '\0';
	text->at += len;
	return text->word;
}

static int tables_wrong(struct tables_text *text, const char *expected)
{
	return tally_fail(text->ctx, EINVAL, "declare: \"%s\" where %s should stand",
			  text->word[0] ? text->word : "the end", expected);
}

static bool tables_is(const struct tables_text *text, const char *word)
{
	return strcmp(text->word, word) == 0;
}

/* After its type: role and unit, up to the comma or parenthesis. */
static int tables_column_rest(struct tables_text *text, struct exec_draft *draft)
{
	while (tables_next(text)[0] && !tables_is(text, ",") && !tables_is(text, ")")) {
		int r = strncmp(text->word, "unit=", 5) == 0
				? exec_draft_unit(draft, text->word + 5)
				: exec_draft_role(draft, text->word);
		if (r < 0)
			return tables_wrong(text, "tag, field, counter, gone, order or unit=…");
	}
	return 0;
}

static int tables_column(struct tables_text *text, struct exec_draft *draft)
{
	char name[sizeof(text->word)];
	memcpy(name, tables_next(text), sizeof(name));
	if (!name[0] || strchr("(),", name[0]))
		return tables_wrong(text, "the name of a column");
	tables_next(text);
	if (exec_draft_column(draft, name, text->word) < 0)
		return tables_wrong(text, "a type (time, int, real, bool, text or json)");
	return tables_column_rest(text, draft);
}

static int tables_one(struct tables_text *text, struct exec_draft *draft,
		      struct exec_tables *tables)
{
	char kind[sizeof(text->word)];
	memcpy(kind, text->word, sizeof(kind));
	if (exec_draft_begin(draft, kind, tables_next(text)) < 0)
		return tally_fail(text->ctx, EINVAL,
				  "declare: \"%s %s\" where series, state or log and the name of a "
				  "table should stand",
				  kind, text->word);
	tables_next(text);
	if (tables_is(text, "kept_long")) {
		draft->flags = TALLY_KEPT_LONG;
		tables_next(text);
	}
	if (!tables_is(text, "("))
		return tables_wrong(text, "kept_long or (");
	do {
		int r = tables_column(text, draft);
		if (r < 0)
			return r;
	} while (tables_is(text, ","));
	if (!tables_is(text, ")"))
		return tables_wrong(text, ")");
	return exec_draft_end(text->ctx, draft, tables);
}

int exec_tables_from_text(struct tally_ctx *ctx, const char *said, struct exec_tables *tables)
{
	struct tables_text text = {.ctx = ctx, .at = said};
	auto_free struct exec_draft *draft = malloc(sizeof(*draft));
	int r = draft ? 0 : tally_fail(ctx, ENOMEM, "no memory");
	while (r == 0 && tables_next(&text)[0])
		r = tables_is(&text, ",") ? 0 : tables_one(&text, draft, tables);
	return r;
}

/* ---- From the program -------------------------------------------------------- */

static const char *tables_member(const json_t *object, const char *key, const char *fallback)
{
	const char *text = json_tree_text(object, key);
	return text ? text : fallback;
}

static int tables_json_column(struct tally_ctx *ctx, const json_t *column, struct exec_draft *draft)
{
	const char *name = tables_member(column, "name", "");
	const char *unit = json_tree_text(column, "unit"), *help = json_tree_text(column, "help");
	int r = exec_draft_column(draft, name, tables_member(column, "type", ""));
	if (r == 0)
		r = exec_draft_role(draft, tables_member(column, "role", "field"));
	if (r == 0 && unit)
		r = exec_draft_unit(draft, unit);
	if (r == 0 && help)
		r = exec_draft_help(draft, help);
	return r < 0 ? tally_fail(
			       ctx, EINVAL,
			       "table %s: column \"%s\": needs a name, a type (time, int, real, "
			       "bool, text, json) and perhaps a role (tag, field, counter, gone, "
			       "order), a unit of at most 31 bytes and help of at most 127",
			       draft->name, name)
		     : 0;
}

static int tables_json_one(struct tally_ctx *ctx, const json_t *table, struct exec_draft *draft,
			   struct exec_tables *tables)
{
	const char *name = tables_member(table, "name", "");
	const char *help = json_tree_text(table, "help");
	int r = exec_draft_begin(draft, tables_member(table, "kind", "series"), name);
	if (r == 0 && help)
		r = exec_draft_help(draft, help);
	if (r < 0)
		return tally_fail(ctx, EINVAL,
				  "table \"%s\": needs a name, a kind (series, state, log) and at "
				  "most 127 bytes of help",
				  name);
	json_int_t revision = json_integer_value(json_object_get(table, "revision"));
	draft->flags = json_is_true(json_object_get(table, "kept_long")) ? TALLY_KEPT_LONG : 0;
	draft->revision = revision > 0 && revision < UINT32_MAX ? (uint32_t)revision : 0;
	size_t i;
	json_t *column;
	json_array_foreach(json_object_get(table, "columns"), i, column)
	{
		r = tables_json_column(ctx, column, draft);
		if (r < 0)
			return r;
	}
	return exec_draft_end(ctx, draft, tables);
}

int exec_tables_from_json(struct tally_ctx *ctx, const json_t *object, struct exec_tables *tables)
{
	const json_t *list = json_object_get(object, "tables");
	auto_free struct exec_draft *draft = malloc(sizeof(*draft));
	int r = draft ? 0 : tally_fail(ctx, ENOMEM, "no memory");
	if (r == 0 && !json_is_array(list))
		return tally_fail(ctx, EINVAL, "tables: is not an array");
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
		r = tables_json_one(ctx, json_array_get(list, i), draft, tables);
	return r;
}
