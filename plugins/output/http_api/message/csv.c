/*
 * One field of CSV at a time, for row_writer.c and series_write.c on whatever thread answers.  RFC
 * 4180 says what is quoted; that a text may not become a formula is the client's wish
 * (csv_safe=yes), since the ' before it changes what was stored.
 *
 * The writer remembers what fails: memory, or the bound of an answer.
 */
#include "message/csv.h"

#include <string.h>

#include "base/rfc3339.h"
#include "base/utf8.h"
#include "base/json_cell.h"

/* Where other separators than commas are usual, spreadsheets split at these. */
static bool csv_needs_quotes(const char *text, size_t len, bool safe)
{
	for (size_t i = 0; i < len; i++)
		if (memchr(",\"\r\n", text[i], 4) || (safe && memchr(";\t", text[i], 2)))
			return true;
	return false;
}

/* OWASP, "CSV injection": what makes a spreadsheet take a cell for a formula; the wide ones do so
 * where people write them. */
static bool csv_is_formula(const char *text, size_t len)
{
	static const char *const begins[] = {"=",
					     "+",
					     "-",
					     "@",
					     "\t",
					     "\r",
					     "\n",
					     "\xef\xbc\x9d",
					     "\xef\xbc\x8b",
					     "\xef\xbc\x8d",
					     "\xef\xbc\xa0"};
	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++) {
		size_t n = strlen(begins[i]);
		if (len >= n && memcmp(text, begins[i], n) == 0)
			return true;
	}
	return false;
}

void csv_write_text(struct json_writer *out, const char *text, size_t len, bool safe)
{
	bool quotes = csv_needs_quotes(text, len, safe);
	if (quotes)
		json_write_raw(out, "\"", 1);
	if (safe && csv_is_formula(text, len))
		json_write_raw(out, "'", 1);
	while (len) {
		size_t n = utf8_length(text, len);
		if (n == 0)
			json_write_raw(out, "\xef\xbf\xbd", 3);
		else if (*text == '"')
			json_write_raw(out, "\"\"", 2);
		else
			json_write_raw(out, text, n);
		n += n == 0;
		text += n;
		len -= n;
	}
	if (quotes)
		json_write_raw(out, "\"", 1);
}

/* Of JSON, which no quote may stand before. */
static bool csv_is_number(const struct tally_cell *cell)
{
	for (uint32_t i = 0; i < cell->len; i++)
		if (!memchr("0123456789.eE+-", cell->text[i], 15))
			return false;
	return true;
}

void csv_write_cell(struct json_writer *out, uint16_t type, const struct tally_cell *cell,
		    bool safe)
{
	char time[RFC3339_SIZE];
	if (!cell->set)
		return;
	if (type == TALLY_TEXT || type == TALLY_JSON) {
		bool number = type == TALLY_JSON && csv_is_number(cell);
		csv_write_text(out, cell->text, cell->len, safe && !number);
	} else if (type == TALLY_TIME && out->times == JSON_TIMES_RFC3339) {
		json_write_raw(out, time, rfc3339_format(cell->i, time));
	} else {
		out->comma = false;
		json_write_cell(out, type, cell);
	}
}
