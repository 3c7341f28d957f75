/* Fields of CSV (RFC 4180), in UTF-8 like all else: other bytes become U+FFFD. */
#ifndef TALLYD_HTTP_CSV_H
#define TALLYD_HTTP_CSV_H

#include <json_writer.h>
#include <tallyd/plugin.h>

/* In quotes only if it must be. */
void csv_write_text(struct json_writer *out, const char *text, size_t len);
/* By the type of its column; NULL is an empty field. */
void csv_write_cell(struct json_writer *out, uint16_t type, const struct tally_cell *cell);

#endif
