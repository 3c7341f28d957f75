/*
 * A growing text with a limit: SQL under construction, or bytes on their way to the server.  An
 * append that fails is remembered, so that only the end has to look.  One thread at a time.
 */
#ifndef TALLYD_PLUGINS_COMMON_PG_TEXT_H
#define TALLYD_PLUGINS_COMMON_PG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pg_text {
	char *data; /* always ends with a NUL that len does not count; NULL while empty */
	size_t len, size;
	bool failed;
};

/* Appends.  Names are put into the format between double quotes: those that a table declares
 * hold no quote. */
__attribute__((format(printf, 2, 3))) void pg_text_add(struct pg_text *text, const char *fmt, ...);
void pg_text_bytes(struct pg_text *text, const void *data, size_t len);
/* Room for len more bytes, which the caller writes and then adds to text->len.  NULL: none. */
char *pg_text_room(struct pg_text *text, size_t len);
void pg_text_clear(struct pg_text *text); /* keeps the memory */
void pg_text_done(struct pg_text *text);

#define auto_pg_text __attribute__((cleanup(pg_text_done)))

#endif
