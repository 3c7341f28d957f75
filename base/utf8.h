/* Is this text UTF-8, as RFC 3629 has it: no overlong forms, no surrogates? */
#ifndef TALLYD_BASE_UTF8_H
#define TALLYD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const char *text, size_t len);

#endif
