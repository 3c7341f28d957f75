/*
 * Which web pages of other origins may read answers: those of cors_origins, none by default.  A
 * page that is not among them may still ask; its browser then keeps the answer from it.
 */
#ifndef TALLYD_HTTP_CORS_H
#define TALLYD_HTTP_CORS_H

#include <microhttpd.h>

#include "http_api.h"

/* The first entry that is neither * nor scheme://host[:port]; NULL: all are fine. */
const char *cors_check(const char *const *origins);
bool cors_allows_all(const char *const *origins);

/* The value of Access-Control-Allow-Origin for this request; lives as long as the config.  NULL: no
 * CORS headers. */
const char *cors_match(const struct http_config *config, struct MHD_Connection *connection);
/* Whether this is a browser's preflight request. */
bool cors_is_preflight(struct MHD_Connection *connection, const char *method);

/* match: what cors_match() said, or NULL. */
void cors_add_headers(const char *match, bool preflight, struct MHD_Response *response);

#endif
