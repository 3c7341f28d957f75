/*
 * EQUALS filters on one column become one IN (…), or a set (condition_set.h), everything else its
 * own term.  Text is matched by
 * functions of ours, since SQL's own (LIKE, GLOB, substr) follow other rules than the API promises.
 * PREFIX, CONTAINS and GLOB mean the same in timescale's store, which says them in SQL.  Values are
 * always parameters; only names, quoted by %w, become part of a statement's text.
 */
#include "read/condition.h"

#include <string.h>

#include "bind.h"
#include "database.h"
#include "schema/schema.h"
#include "base/json_chars.h"
#include "base/text_match.h"
#include "read/condition_set.h"

/* ---- Matching ------------------------------------------------------------------ */

static bool condition_prefix(const char *text, size_t len, const char *value, size_t value_len)
{
	return value_len <= len && memcmp(text, value, value_len) == 0;
}

struct condition_function {
	const char *name;
	bool (*matches)(const char *text, size_t len, const char *value, size_t value_len);
};

/* SQLite's own LIKE and GLOB follow other rules, and end a text at \0. */
static void condition_call(sqlite3_context *context, int n, sqlite3_value **values)
{
	const struct condition_function *function = sqlite3_user_data(context);
	(void)n;
	const char *text = (const char *)sqlite3_value_text(values[0]);
	const char *value = (const char *)sqlite3_value_text(values[1]);
	if (!text || !value)
		return; /* NULL */
	sqlite3_result_int(context,
			   function->matches(text, (size_t)sqlite3_value_bytes(values[0]), value,
					     (size_t)sqlite3_value_bytes(values[1])));
}

/* SQLite's own functions end a text at \u0000. */
static void condition_sql_json(sqlite3_context *context, int n, sqlite3_value **values)
{
	(void)n;
	const char *text = (const char *)sqlite3_value_text(values[0]);
	/* After the text: asking for it may convert the value, and with it its length. */
	size_t len = text ? (size_t)sqlite3_value_bytes(values[0]) : 0;
	if (!text || !json_chars_are_odd(text, len)) {
		sqlite3_result_value(context, values[0]);
		return;
	}
	char *replaced = sqlite3_malloc64(len);
	if (!replaced) {
		sqlite3_result_error_nomem(context);
		return;
	}
	json_chars_replace(text, len, replaced);
	sqlite3_result_text64(context, replaced, len, sqlite3_free, SQLITE_UTF8);
}

int condition_register(struct tally_ctx *ctx, sqlite3 *db)
{
	static const struct condition_function functions[] = {{"tally_prefix", condition_prefix},
							      {"tally_contains", text_contains},
							      {"tally_glob", text_glob}};
	/* Deterministic: SQLite may then call it once for arguments that do not change. */
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	int code = sqlite3_create_function(db, "tally_json", 1, flags, NULL, condition_sql_json,
					   NULL, NULL);
	for (size_t i = 0; code == SQLITE_OK && i < sizeof(functions) / sizeof(functions[0]); i++)
		code = sqlite3_create_function(db, functions[i].name, 2, flags,
					       (void *)(uintptr_t)&functions[i], condition_call,
					       NULL, NULL);
	if (code == SQLITE_OK)
		code = condition_register_set(db);
	return code == SQLITE_OK ? 0 : database_fail(ctx, db);
}

/* ---- SQL ----------------------------------------------------------------------- */

/* Text that is not a JSON object has no members; that is no error.  CASE, since json_each() fails
 * on it, and SQLite may evaluate the terms of an AND in any order. */
static void condition_has(sqlite3_str *sql, const char *alias, const char *name, unsigned value)
{
	sqlite3_str_appendf(
		sql,
		"CASE WHEN json_valid(%s\"%w\") AND json_type(%s\"%w\") = 'object' THEN EXISTS "
		"(SELECT 1 FROM json_each(tally_json(%s\"%w\")) j WHERE CASE instr(?%u, '=') WHEN "
		"0 THEN "
		"j.key = ?%u ELSE j.key = substr(?%u, 1, instr(?%u, '=') - 1) AND CASE j.type WHEN "
		"'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(j.atom AS TEXT) END = "
		"substr(?%u, instr(?%u, '=') + 1) END) END",
		alias, name, alias, name, alias, name, value, value, value, value, value, value);
}

static void condition_term(sqlite3_str *sql, const char *alias, const char *name, uint32_t match,
			   unsigned value)
{
	switch (match) {
	case TALLY_DIFFERS:
		sqlite3_str_appendf(sql, "%s\"%w\" <> ?%u", alias, name, value);
		break;
	case TALLY_LESS:
		sqlite3_str_appendf(sql, "%s\"%w\" < ?%u", alias, name, value);
		break;
	case TALLY_GREATER:
		sqlite3_str_appendf(sql, "%s\"%w\" > ?%u", alias, name, value);
		break;
	case TALLY_PREFIX:
		sqlite3_str_appendf(sql, "tally_prefix(%s\"%w\", ?%u)", alias, name, value);
		break;
	case TALLY_CONTAINS:
		sqlite3_str_appendf(sql, "tally_contains(%s\"%w\", ?%u)", alias, name, value);
		break;
	case TALLY_GLOB:
		sqlite3_str_appendf(sql, "tally_glob(%s\"%w\", ?%u)", alias, name, value);
		break;
	case TALLY_HAS:
		condition_has(sql, alias, name, value);
		break;
	case TALLY_IS_NULL:
		sqlite3_str_appendf(sql, "%s\"%w\" IS NULL", alias, name);
		break;
	default:
		sqlite3_str_appendf(sql, "%s\"%w\" IS NOT NULL", alias, name);
		break;
	}
}

/* All alternatives at once; of a tag as the index has it. */
static void condition_equals(sqlite3_str *sql, const struct bound_query *bound, uint32_t first,
			     const char *alias)
{
	uint16_t column = bound->filter[first];
	const struct tally_column *c = &bound->stored->table.columns[column];
	if (condition_is_set(bound, first)) {
		sqlite3_str_appendf(sql, "tally_among(%s\"%w\", ?%u)", alias, c->name, first + 1);
		return;
	}
	sqlite3_str_appendf(sql, c->role == TALLY_TAG ? SCHEMA_KEY : "%s\"%w\"", alias, c->name);
	sqlite3_str_appendf(sql, " IN (?%u", first + 1);
	for (uint32_t i = first + 1; i < bound->query->n_filters; i++)
		if (bound_query_is_equals(bound, i, column))
			sqlite3_str_appendf(sql, ", ?%u", i + 1);
	sqlite3_str_appendf(sql, ")");
}

void condition_append(sqlite3_str *sql, const struct bound_query *bound, unsigned sides,
		      const char *tags, const char *fields)
{
	for (uint32_t i = 0; i < bound->query->n_filters; i++) {
		const struct tally_column *column = &bound->stored->table.columns[bound->filter[i]];
		uint32_t match = bound->query->filters[i].match;
		const char *alias = column->role == TALLY_TAG ? tags : fields;
		if (!bound_query_has_filter(bound, i, sides))
			continue;
		sqlite3_str_appendall(sql, " AND ");
		/* The first of a column stands for all: bound_query_has_filter() passes over the
		 * rest. */
		if (match == TALLY_EQUALS)
			condition_equals(sql, bound, i, alias);
		else
			condition_term(sql, alias, column->name, match, i + 1);
	}
}

void condition_bind(sqlite3_stmt *statement, const struct bound_query *bound, unsigned sides)
{
	/* A statement about one side only may use fewer parameters than there are filters. */
	int n = sqlite3_bind_parameter_count(statement), set = -1;
	for (uint32_t i = 0; i < bound->query->n_filters && (int)i < n; i++) {
		uint16_t column = bound->filter[i];
		const struct tally_column *c = &bound->stored->table.columns[column];
		if (!(sides & (c->role == TALLY_TAG ? BOUND_QUERY_TAGS : BOUND_QUERY_FIELDS)))
			continue;
		/* The first one of a set has all of it. */
		if (column == set && bound_query_is_equals(bound, i, column))
			continue;
		if (condition_is_set(bound, i)) {
			set = column;
			condition_bind_set(statement, (int)i + 1, bound, i);
		} else {
			bind_cell(statement, (int)i + 1, c->type, &bound->query->filters[i].value);
		}
	}
}
