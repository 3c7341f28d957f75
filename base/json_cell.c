/*
 * For every answer of the API that shows rows, every event of a stream, every message on a channel
 * of Redis, and `tallyd once`.  Any thread; what can fail is the writer's memory and bound, which
 * it remembers itself.
 */
#include "base/json_cell.h"

#include <math.h>
#include <string.h>

#include "base/json_number.h"

void json_write_cell(struct json_writer *json, uint16_t type, const struct tally_cell *cell)
{
	if (!cell->set)
		json_write_null(json);
	else if (type == TALLY_TIME)
		json_write_time(json, cell->i);
	else if (type == TALLY_INT)
		json_write_int(json, cell->i);
	else if (type == TALLY_REAL)
		json_write_real(json, cell->f);
	else if (type == TALLY_BOOL)
		json_write_bool(json, cell->i != 0);
	else if (type == TALLY_JSON)
		json_write_json(json, cell->text, cell->len);
	else
		json_write_text(json, cell->text, cell->len);
}

/* ---- Members ------------------------------------------------------------- */

struct json_member json_member_of(const char *name, uint16_t type, uint32_t cell)
{
	return (struct json_member){
		.name = name, .len = (uint16_t)strlen(name), .type = type, .cell = (uint16_t)cell};
}

/* What is no longer than a number, which most cells of readings are; 0: it is something else. */
static size_t put_short(const struct json_writer *json, uint16_t type,
			const struct tally_cell *cell, char *at)
{
	if (!cell->set)
		return (size_t)((char *)mempcpy(at, "null", 4) - at);
	if (type == TALLY_INT && !json->ints_as_text)
		return json_number_int(at, cell->i);
	if (type == TALLY_REAL && isfinite(cell->f))
		return json_number_real(at, cell->f);
	return 0;
}

/* Name and number by one look for room: a row of readings has some thirty of them. */
static void write_member(struct json_writer *json, const struct json_member *member,
			 const struct tally_cell *cell)
{
	char *begin = json_writer_room(json, member->len + 4U + JSON_NUMBER_SIZE), *at = begin;
	if (!begin) { /* near the end there may be room for the half of it */
		json_write_name(json, member->name);
		json_write_cell(json, member->type, cell);
		return;
	}
	*at = ',';
	at += json->comma;
	*at++ = '"';
	at = mempcpy(at, member->name, member->len);
	*at++ = '"';
	*at++ = ':';
	size_t len = put_short(json, member->type, cell, at);
	json->len += (size_t)(at - begin) + len;
	json->comma = len > 0;
	if (len == 0)
		json_write_cell(json, member->type, cell);
}

void json_write_members(struct json_writer *json, const struct json_member *members, uint32_t n,
			const struct tally_cell *row)
{
	for (uint32_t i = 0; i < n; i++)
		write_member(json, &members[i], &row[members[i].cell]);
}
