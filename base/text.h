/* Reading and writing the small texts of a configuration: numbers, sizes, durations, names. */
#ifndef TALLYD_BASE_TEXT_H
#define TALLYD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All return 0, -EINVAL (not such a thing) or -ERANGE, and want the whole text. */
int text_parse_int(const char *text, int64_t *ret);
int text_parse_bool(const char *text, bool *ret);
int text_parse_size(const char *text, int64_t *ret); /* bytes: 512, 64Ki, 16Mi, 1Gi, 1Ti */
int text_parse_duration(const char *text,
			int64_t *ret); /* ns: 500us 10ms 5s 2min (or 2m) 1h 7d; 0 */

/* The shortest exact way to write it: "5s", "1500ms". */
void text_format_duration(int64_t ns, char *ret, size_t size);
void text_format_size(int64_t bytes, char *ret, size_t size);

/* What plugins, tables, columns and keys are called: [a-z][a-z0-9_]*, at most 48 bytes. */
bool text_is_name(const char *text);

#endif
