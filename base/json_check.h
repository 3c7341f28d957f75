/* Whether some text is one JSON value (RFC 8259) in valid UTF-8, nested at most 64 deep. */
#ifndef TALLYD_BASE_JSON_CHECK_H
#define TALLYD_BASE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

bool json_check(const char *text, size_t len);

#endif
