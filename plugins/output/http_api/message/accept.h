/* Content negotiation and validation: the value of a header in, a decision out. */
#ifndef TALLYD_HTTP_ACCEPT_H
#define TALLYD_HTTP_ACCEPT_H

#include <stdbool.h>

/* Accept-Encoding (RFC 9110, section 12.5.3): may the answer be gzip, and is it not liked less
 * than identity?  NULL: there is no such header. */
bool accept_gzip(const char *header);

/* Cache-Control of a request (RFC 9111, section 5.2.1.4): does it say no-cache, so that what is
 * cached will not do?  NULL: there is no such header. */
bool accept_no_cached(const char *header);

/* If-None-Match (section 13.1.2): is etag, a quoted text, among these?  Compared weakly. */
bool accept_none_match(const char *header, const char *etag);

#endif
