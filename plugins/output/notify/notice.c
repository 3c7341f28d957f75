/*
 * Columns are found by name, since the table may be that of another version.  Pure functions, any
 * thread.
 */
#include "notice.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

static const struct tally_cell *cell(const struct tally_table *table, const struct tally_cell *row,
				     const char *name, uint32_t type)
{
	for (uint32_t i = 0; i < table->n_columns; i++)
		if (strcmp(table->columns[i].name, name) == 0)
			return table->columns[i].type == type && row[i].set ? &row[i] : NULL;
	return NULL;
}

static struct notice_text text(const struct tally_table *table, const struct tally_cell *row,
			       const char *name)
{
	const struct tally_cell *found = cell(table, row, name, TALLY_TEXT);
	return found ? (struct notice_text){found->text, found->len} : (struct notice_text){"", 0};
}

static bool is(struct notice_text text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

static void make_id(struct notice *notice)
{
	uint64_t hash = hash_word(0, (uint64_t)notice->time);
	hash = hash_bytes(hash, notice->host.at, notice->host.len);
	hash = hash_bytes(hash, notice->rule.at, notice->rule.len);
	hash = hash_bytes(hash, notice->subject.at, notice->subject.len);
	hash = hash_bytes(hash, notice->state.at, notice->state.len);
	snprintf(notice->id, sizeof(notice->id), "%016" PRIx64, hash);
}

bool notice_read(const struct tally_table *table, const struct tally_cell *row, struct notice *ret)
{
	const struct tally_cell *notified = cell(table, row, "notified", TALLY_BOOL);
	const struct tally_cell *value = cell(table, row, "value", TALLY_REAL);
	const struct tally_cell *since = cell(table, row, "since", TALLY_TIME);
	if (!notified || !notified->i)
		return false;
	struct notice notice = {.host = text(table, row, "host"),
				.rule = text(table, row, "rule"),
				.subject = text(table, row, "subject"),
				.state = text(table, row, "state"),
				.severity = text(table, row, "severity"),
				.summary = text(table, row, "summary"),
				.has_value = value,
				.value = value ? value->f : 0,
				.time = row[0].i,
				.since = since ? since->i : row[0].i};
	notice.firing = is(notice.state, "firing");
	notice.level = is(notice.severity, "critical") ? NOTICE_CRITICAL
		       : is(notice.severity, "info")   ? NOTICE_INFO
						       : NOTICE_WARNING;
	make_id(&notice);
	*ret = notice;
	return true;
}

static void member(struct json_writer *json, const char *key, struct notice_text value)
{
	json_write_key(json, key);
	json_write_text(json, value.at, value.len);
}

void notice_write(const struct notice *notice, struct json_writer *json)
{
	json_begin_object(json);
	json_write_key(json, "id");
	json_write_string(json, notice->id);
	member(json, "rule", notice->rule);
	member(json, "host", notice->host);
	member(json, "subject", notice->subject);
	member(json, "state", notice->state);
	member(json, "severity", notice->severity);
	json_write_key(json, "value");
	if (notice->has_value)
		json_write_real(json, notice->value);
	else
		json_write_null(json);
	json_write_key(json, "since");
	json_write_time(json, notice->since);
	json_write_key(json, "time");
	json_write_time(json, notice->time);
	member(json, "summary", notice->summary);
	json_end_object(json);
}

void notice_line(const struct notice *notice, struct strbuf *line)
{
	size_t from = line->len;
	strbuf_bytes(line, notice->state.at, notice->state.len);
	strbuf_add(line, ": ");
	strbuf_bytes(line, notice->summary.at, notice->summary.len);
	for (size_t i = from; !line->failed && i < line->len; i++)
		if (line->data[i] == '\n' || line->data[i] == '\r')
			line->data[i] = ' ';
}

enum notice_severity notice_worst(const struct notice *notices, size_t n)
{
	enum notice_severity worst = NOTICE_INFO;
	for (size_t i = 0; i < n; i++)
		if (notices[i].level > worst)
			worst = notices[i].level;
	return worst;
}

void notice_title(const struct notice *notices, size_t n, struct strbuf *title)
{
	size_t firing = 0;
	for (size_t i = 0; i < n; i++)
		firing += notices[i].firing;
	strbuf_add(title, "%s: ", firing ? "firing" : "resolved");
	if (n == 1)
		strbuf_bytes(title, notices[0].rule.at, notices[0].rule.len);
	else if (firing == n || !firing)
		strbuf_add(title, "%zu alerts", n);
	else
		strbuf_add(title, "%zu of %zu alerts", firing, n);
}

void notice_key(const struct notice *notices, size_t n, char ret[NOTICE_ID_SIZE])
{
	uint64_t hash = 0;
	for (size_t i = 0; i < n; i++)
		hash = hash_bytes(hash, notices[i].id, NOTICE_ID_SIZE);
	snprintf(ret, NOTICE_ID_SIZE, "%016" PRIx64, hash);
}
