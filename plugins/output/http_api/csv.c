#include "csv.h"

#include <rfc3339.h>
#include <string.h>

#include "rowset.h"

static bool csv_needs_quotes(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (memchr(",\"\r\n", text[i], 4))
			return true;
	return false;
}

void csv_write_text(struct json_writer *out, const char *text, size_t len)
{
	bool quotes = csv_needs_quotes(text, len);
	if (quotes)
		json_write_raw(out, "\"", 1);
	while (len) {
		size_t n = json_utf8_length(text, len);
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

void csv_write_cell(struct json_writer *out, uint16_t type, const struct tally_cell *cell)
{
	char time[RFC3339_SIZE];
	if (!cell->set)
		return;
	if (type == TALLY_TEXT || type == TALLY_JSON) {
		csv_write_text(out, cell->text, cell->len);
	} else if (type == TALLY_TIME) {
		json_write_raw(out, time, rfc3339_format(cell->i, time));
	} else {
		out->comma = false;
		rowset_write_cell(out, type, cell);
	}
}
