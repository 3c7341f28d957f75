/*
 * What browsers are told about pages and errors: that nothing but the page's own script and style
 * may run in them, and that no other page may show them in a frame.  So text that came from a
 * container runs nowhere, even if it were ever written into one of them unescaped.
 */
#ifndef TALLYD_HTTP_SECURITY_HEADERS_H
#define TALLYD_HTTP_SECURITY_HEADERS_H

#include <microhttpd.h>

/* The Content-Security-Policy of a page, by the SHA-256 of each of its <script> and <style>
 * elements, which must have no attributes.  free() it; NULL: no memory. */
char *security_policy_of(const char *html, size_t len);

/* Of the dashboard's page: scripts, styles, pictures and requests of its own origin and nothing
 * else; no text becomes a script.  free() it; NULL: no memory. */
char *security_policy_of_dashboard(void);

/* policy NULL: nothing may run at all. */
void security_headers_add(struct MHD_Response *response, const char *policy);

#endif
