/* What a backslash means in a JSON string. */
#ifndef TALLYD_BASE_JSON_ESCAPE_H
#define TALLYD_BASE_JSON_ESCAPE_H

/*
 * *at stands behind the backslash and is moved behind the escape; its meaning, never longer than
 * the escape and at most 4 bytes of UTF-8, goes to *out, which is moved along.  \u0000 and lone
 * surrogates become U+FFFD.  NULL, or what is wrong.
 */
const char *json_escape_decode(char **at, const char *end, char **out);

#endif
