/*
 * What libmicrohttpd refuses by itself (a request that is no HTTP, or headers that do not fit into
 * a connection's memory), as problem documents like all other errors.  It has pages of its own for
 * that and no way to change them, but it makes them with a function that it exports; so the one of
 * the same name in library_errors.c takes its place.  Where that is not so, as in a libmicrohttpd
 * that calls its own functions directly, clients get its pages: nothing else depends on it.
 */
#ifndef TALLYD_HTTP_LIBRARY_ERRORS_H
#define TALLYD_HTTP_LIBRARY_ERRORS_H

/* HTTP thread: what libmicrohttpd has just logged, among it the status of the page that follows. */
void library_errors_note_log(const char *text);

#endif
