/*
 * Which web pages of other origins may read answers: those of cors_origins, none by default.  A
 * page that is not among them may still ask; its browser then keeps the answer from it.
 */
#ifndef TALLYD_HTTP_CORS_H
#define TALLYD_HTTP_CORS_H

#include <microhttpd.h>

#include "http_api.h"

/* NULL: fine; else the first that is neither * nor scheme://host or scheme://host:port. */
const char *cors_check(const char *const *origins);
bool cors_allows_all(const char *const *origins);

/* What to tell the page that this request comes from, for as long as the config; NULL: nothing. */
const char *cors_match(const struct http_config *config, struct MHD_Connection *connection);
/* Does its browser ask whether it may ask? */
bool cors_is_preflight(struct MHD_Connection *connection, const char *method);

/* match: what cors_match() said, or NULL. */
void cors_add_headers(const char *match, bool preflight, struct MHD_Response *response);

#endif
