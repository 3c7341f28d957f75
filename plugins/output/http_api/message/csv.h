/* Fields of CSV (RFC 4180), in UTF-8 like all else: other bytes become U+FFFD. */
#ifndef TALLYD_HTTP_CSV_H
#define TALLYD_HTTP_CSV_H

#include "base/json_writer.h"
#include <tallyd/plugin.h>

/* In quotes only if it must be.  safe: text that a spreadsheet would take for a formula gets a '
 * before it, which makes it text there, and no longer what was stored. */
void csv_write_text(struct json_writer *out, const char *text, size_t len, bool safe);
/* By the type of its column; NULL is an empty field.  Numbers are what they are, safe or not. */
void csv_write_cell(struct json_writer *out, uint16_t type, const struct tally_cell *cell,
		    bool safe);

#endif
