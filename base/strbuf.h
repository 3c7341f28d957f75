/*
 * A growing text with a limit: SQL under construction, or bytes on their way to the server.  An
 * append that fails is remembered, so that only the end has to look.  One thread at a time.
 */
#ifndef TALLYD_BASE_STRBUF_H
#define TALLYD_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf {
	char *data; /* always ends with a NUL that len does not count; NULL while empty */
	size_t len, size;
	bool failed;
};

/* Appends.  Names are put into the format between double quotes: those that a table declares
 * hold no quote. */
__attribute__((format(printf, 2, 3))) void strbuf_add(struct strbuf *text, const char *fmt, ...);
void strbuf_bytes(struct strbuf *text, const void *data, size_t len);
/* Room for len more bytes, which the caller writes and then adds to text->len.  NULL: none. */
char *strbuf_room(struct strbuf *text, size_t len);
void strbuf_clear(struct strbuf *text); /* keeps the memory */
void strbuf_done(struct strbuf *text);

#define auto_strbuf __attribute__((cleanup(strbuf_done)))

#endif
