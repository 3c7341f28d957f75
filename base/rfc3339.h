/* Times as text: RFC 3339, to the nanosecond, UTC out, any offset in. */
#ifndef TALLYD_BASE_RFC3339_H
#define TALLYD_BASE_RFC3339_H

#include <stddef.h>
#include <stdint.h>

enum { RFC3339_SIZE = 32 }; /* with its NUL: 2026-11-23T16:18:02.743741018Z */

/* ns since 1970.  The whole text: "2026-11-23T16:18:02.743741018Z", "…+02:00".  Returns -EINVAL,
 * or -ERANGE for years that ns cannot hold (before 1678, after 2261). */
int rfc3339_parse(const char *text, size_t len, int64_t *ret);

/* Without a fraction if it is 0, else with 3, 6 or 9 digits.  Returns the length. */
size_t rfc3339_format(int64_t ns, char ret[RFC3339_SIZE]);

#endif
