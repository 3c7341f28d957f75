/*
 * EQUALS filters on one column become one IN (…), with the condition of a tag's partial index;
 * everything else its own term.  Columns of text have the collation "C", so that comparing them is
 * comparing bytes, and lower() knows ASCII only.  scan.c and aggregate_sql.c append these to their
 * statements, on the thread that asks.  Values go into parameters, only checked names into the
 * text; what fails is noted in either.
 */
#include "read/condition.h"

#include <string.h>

#include "base/text_match.h"
#include "pg/pg_value.h"
#include "schema/schema.h"

struct condition {
	struct strbuf *sql;
	struct parameters *parameters;
	const struct tally_column *column;
	const char *alias;
	bool nanos; /* the column goes with _nanos */
};

/* JSON is matched as the text it is. */
static void condition_column(const struct condition *c)
{
	strbuf_add(c->sql,
		   c->column->type == TALLY_JSON ? "(%s\"%s\"::text collate \"C\")" : "%s\"%s\"",
		   c->alias, c->column->name);
}

static int condition_value(const struct condition *c, const struct tally_cell *value)
{
	return parameters_cell(c->parameters, c->column->type, value);
}

static void condition_compare(const struct condition *c, const char *operator,
			      const struct tally_cell * value)
{
	condition_column(c);
	strbuf_add(c->sql, " %s $%d", operator, condition_value(c, value));
}

/* * and ? as LIKE has them; its own letters escaped. */
static void condition_glob(const struct condition *c, const struct tally_cell *value)
{
	auto_strbuf struct strbuf pattern = {0};
	for (uint32_t i = 0; value->set && i < value->len; i++) {
		char letter = value->text[i];
		if (letter == '%' || letter == '_' || letter == '\\')
			strbuf_bytes(&pattern, "\\", 1);
		letter = letter == '*' ? '%' : letter == '?' ? '_' : letter;
		strbuf_bytes(&pattern, &letter, 1);
	}
	const struct tally_cell like = {
		.text = pattern.data, .len = (uint32_t)pattern.len, .set = value->set};
	c->parameters->failed |= pattern.failed;
	condition_compare(c, "like", &like);
}

/* The longest piece that has no letters of ASCII, which are where characters may be cut. */
static struct tally_cell condition_letterless(const struct tally_cell *value)
{
	struct tally_cell longest = {.text = value->text, .set = 1};
	for (uint32_t i = 0, from = 0; i < value->len; i++) {
		if (text_is_letter(value->text[i]))
			from = i + 1;
		else if (i + 1 - from > longest.len)
			longest = (struct tally_cell){
				.text = value->text + from, .len = i + 1 - from, .set = 1};
	}
	return longest;
}

static void condition_has_text(const struct condition *c, const char *as,
			       const struct tally_cell *value)
{
	strbuf_add(c->sql, "strpos(%s", as);
	condition_column(c);
	strbuf_add(c->sql, "%s, $%d) > 0", *as ? ")" : "", condition_value(c, value));
}

/* Letterless bytes of a text from which on they are looked for by themselves. */
enum { CONDITION_LETTERLESS = 3 };

/* lower() of a line takes as long as looking through it.  What has no letters needs none, and a
 * line that lacks such a piece of the text is passed over without it. */
static void condition_contains(const struct condition *c, const struct tally_cell *value)
{
	auto_strbuf struct strbuf folded = {0};
	struct tally_cell letterless = {.set = 0}, small = *value;
	if (value->set)
		letterless = condition_letterless(value);
	if (!value->set || letterless.len == value->len) {
		condition_has_text(c, "", value);
		return;
	}
	strbuf_bytes(&folded, value->text, value->len);
	if (folded.failed) {
		c->parameters->failed = true;
		return;
	}
	for (uint32_t i = 0; i < value->len; i++)
		if (text_is_letter(folded.data[i]))
			folded.data[i] |= 0x20;
	small.text = folded.data;
	if (letterless.len >= CONDITION_LETTERLESS) {
		condition_has_text(c, "", &letterless);
		strbuf_add(c->sql, " and ");
	}
	condition_has_text(c, "lower(", &small);
}

/*
 * PostgreSQL stores \u0000 and lone surrogates in JSON, and fails when it takes the text apart, for
 * whoever asks.  So they become \ufffd, as json_chars.h has it.  Escaped backslashes are put aside
 * meanwhile, as a character that no JSON has unescaped: "\\u0000" is a backslash and letters.
 */
static void condition_json(const struct condition *c)
{
	const char *a = c->alias, *name = c->column->name;
	strbuf_add(c->sql,
		   "case when %s\"%s\"::text ~ '\\\\u(0000|[dD][89a-fA-F])' then "
		   "replace(regexp_replace(regexp_replace(replace(replace(%s\"%s\"::text, '\\\\', "
		   "chr(1)), '\\u0000', '\\ufffd'), ",
		   a, name, a, name);
	strbuf_add(c->sql,
		   "'\\\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\\\u[dD][c-fC-F][0-9a-fA-F]{2})', "
		   "'\\\\ufffd', 'g'), "
		   "'(?<!\\\\u[dD][89abAB][0-9a-fA-F]{2})\\\\u[dD][c-fC-F][0-9a-fA-F]{2}', "
		   "'\\\\ufffd', 'g'), chr(1), '\\\\')::json else %s\"%s\" end",
		   a, name);
}

static void condition_has(const struct condition *c, const struct tally_cell *value)
{
	static const struct tally_cell null;
	const char *equals = value->set ? memchr(value->text, '=', value->len) : NULL;
	size_t key_len = equals ? (size_t)(equals - value->text) : value->len;
	int key = value->set ? parameters_text(c->parameters, value->text, key_len)
			     : parameters_cell(c->parameters, TALLY_TEXT, &null);
	strbuf_add(c->sql,
		   "case when json_typeof(%s\"%s\") = 'object' then exists (select from json_each(",
		   c->alias, c->column->name);
	condition_json(c);
	strbuf_add(c->sql, ") j where j.key = $%d", key);
	if (equals)
		strbuf_add(c->sql,
			   " and json_typeof(j.value) not in ('object', 'array') and j.value #>> "
			   "'{}' = $%d",
			   parameters_text(c->parameters, equals + 1, value->len - key_len - 1));
	strbuf_add(c->sql, ") end");
}

static void condition_is_null(const struct condition *c, const char *test)
{
	strbuf_add(c->sql, "%s\"%s\" %s", c->alias, c->column->name, test);
}

static void condition_term(const struct condition *c, const struct tally_filter *filter)
{
	switch (filter->match) {
	case TALLY_DIFFERS:
		condition_compare(c, "<>", &filter->value);
		break;
	case TALLY_LESS:
		condition_compare(c, "<", &filter->value);
		break;
	case TALLY_GREATER:
		condition_compare(c, ">", &filter->value);
		break;
	case TALLY_PREFIX:
		strbuf_add(c->sql, "starts_with(");
		condition_column(c);
		strbuf_add(c->sql, ", $%d)", condition_value(c, &filter->value));
		break;
	case TALLY_CONTAINS:
		condition_contains(c, &filter->value);
		break;
	case TALLY_GLOB:
		condition_glob(c, &filter->value);
		break;
	case TALLY_HAS:
		condition_has(c, &filter->value);
		break;
	case TALLY_IS_NULL:
		condition_is_null(c, "is null");
		break;
	default:
		condition_is_null(c, "is not null");
		break;
	}
}

/* Whether the index on the tag has all that a filter may be equal to. */
static bool condition_is_indexed(const struct bound_query *bound, uint16_t column)
{
	const struct tally_query *query = bound->query;
	const struct tally_table *table = &bound->stored->table;
	if (table->kind == TALLY_STATE || table->columns[column].role != TALLY_TAG ||
	    table->columns[column].type != TALLY_TEXT)
		return false;
	for (uint32_t i = 0; i < query->n_filters; i++)
		if (bound_query_is_equals(bound, i, column) &&
		    query->filters[i].value.len >= SCHEMA_INDEXED_BYTES)
			return false;
	return true;
}

/* The values of all EQUALS filters on a column; their number. */
static uint32_t condition_alternatives(const struct bound_query *bound, uint32_t first,
				       const struct tally_cell *ret[BOUND_QUERY_MAX_FILTERS])
{
	uint32_t n = 0;
	for (uint32_t i = first; i < bound->query->n_filters; i++)
		if (bound_query_is_equals(bound, i, bound->filter[first]))
			ret[n++] = &bound->query->filters[i].value;
	return n;
}

/* All alternatives at once; of text as one parameter, so that any number of them is one statement.
 * The index is a partial one, since no entry of it may be larger than a third of a page; the server
 * uses it only where the statement itself repeats its condition. */
static void condition_equals(const struct condition *c, const struct bound_query *bound,
			     uint32_t first)
{
	const struct tally_cell *values[BOUND_QUERY_MAX_FILTERS];
	uint16_t column = bound->filter[first];
	uint32_t n = condition_alternatives(bound, first, values);
	condition_column(c);
	if (n > 1 && c->column->type == TALLY_TEXT) {
		strbuf_add(c->sql, " = any($%d)", parameters_texts(c->parameters, values, n));
	} else {
		for (uint32_t i = 0; i < n; i++)
			strbuf_add(c->sql, "%s$%d", i ? ", " : " in (",
				   condition_value(c, values[i]));
		strbuf_add(c->sql, ")");
	}
	if (condition_is_indexed(bound, column))
		strbuf_add(c->sql, " and octet_length(%s\"%s\") < %d", c->alias, c->column->name,
			   SCHEMA_INDEXED_BYTES);
}

void condition_append(struct strbuf *sql, struct parameters *parameters,
		      const struct bound_query *bound, unsigned sides, const char *tags,
		      const char *fields)
{
	for (uint32_t i = 0; i < bound->query->n_filters; i++) {
		const struct tally_column *column = &bound->stored->table.columns[bound->filter[i]];
		const struct condition c = {sql, parameters, column,
					    column->role == TALLY_TAG ? tags : fields, false};
		if (!bound_query_has_filter(bound, i, sides))
			continue;
		strbuf_add(sql, " and ");
		if (bound->query->filters[i].match == TALLY_EQUALS)
			condition_equals(&c, bound, i);
		else
			condition_term(&c, &bound->query->filters[i]);
	}
}

/* In the answer's order NULL comes after everything else; newest first all is turned around. */
static void condition_follows(const struct condition *c, const struct tally_cell *cell, bool turned)
{
	const char *a = c->alias, *name = c->column->name;
	if (c->nanos) {
		strbuf_add(c->sql, "(%s\"%s\", %s_nanos) %c ($%d, %u)", a, name, a,
			   turned ? '<' : '>', condition_value(c, cell), pg_time_nanos(cell->i));
		return;
	}
	if (!cell->set) {
		strbuf_add(c->sql, turned ? "%s\"%s\" is not null" : "false", a, name);
		return;
	}
	strbuf_add(c->sql, turned ? "%s\"%s\" < $%d" : "(%s\"%s\" > $%d", a, name,
		   condition_value(c, cell));
	if (!turned)
		strbuf_add(c->sql, " or %s\"%s\" is null)", a, name);
}

static void condition_same(const struct condition *c, const struct tally_cell *cell)
{
	if (!cell->set)
		condition_is_null(c, "is null");
	else
		strbuf_add(c->sql, "%s\"%s\" = $%d", c->alias, c->column->name,
			   condition_value(c, cell));
	if (c->nanos)
		strbuf_add(c->sql, " and %s_nanos = %u", c->alias, pg_time_nanos(cell->i));
}

/* (a > x or (a = x and (false or (b > y …)))): a row comparison, (a, b) > (x, y), would do if no
 * column could be NULL. */
void condition_append_after(struct strbuf *sql, struct parameters *parameters,
			    const struct bound_query *bound, const char *tags, const char *fields)
{
	const struct stored_table *stored = bound->stored;
	const struct tally_query *query = bound->query;
	if (!query->after)
		return;
	for (uint32_t i = 0; i < stored->n_key; i++) {
		const struct tally_column *column = &stored->table.columns[stored->key[i]];
		const struct condition c = {sql, parameters, column,
					    column->role == TALLY_TAG ? tags : fields,
					    stored->key[i] == 0 && schema_has_nanos(stored)};
		strbuf_add(sql, i ? " or (" : " and (");
		condition_follows(&c, &query->after[i], query->newest_first);
		if (i + 1 == stored->n_key)
			continue;
		strbuf_add(sql, " or (");
		condition_same(&c, &query->after[i]);
		strbuf_add(sql, " and (false");
	}
	for (uint32_t i = 0; i < stored->n_key; i++)
		strbuf_add(sql, i + 1 < stored->n_key ? ")))" : ")");
}
