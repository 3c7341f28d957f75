/* Points and spans of time as people write them into a URL. */
#ifndef TALLYD_HTTP_TIME_EXPR_H
#define TALLYD_HTTP_TIME_EXPR_H

#include <stdint.h>

/*
 * ns since 1970: "now", "now-1h", "now+5m", RFC 3339, Unix seconds (also with decimals), or
 * milliseconds (from 100000000000 on).  -EINVAL: none of these; -ERANGE: before 1970 or after
 * 2199.
 */
int time_expr_read(const char *text, int64_t now, int64_t *ret);

/* ns, more than 0: "500ms", "10s", "5m" or "5min", "1h", "7d", "2w"; a bare number is seconds.
 * -ERANGE: more than 100 years; -EDOM: less than 1 ns; -EINVAL: none of these. */
int span_read(const char *text, int64_t *ret);

#endif
