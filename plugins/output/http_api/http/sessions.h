/*
 * Who is signed in: sessions that were made of a token, each known by 256 random bits of which only
 * a hash is kept.  In memory alone, so a restart ends them all, as does a change of the tokens.
 * Bounded in number, in all and per token, in life and in idle time.  HTTP thread only.
 */
#ifndef TALLYD_HTTP_SESSIONS_H
#define TALLYD_HTTP_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "http/tokens.h"

enum {
	SESSIONS_MAX = 256,
	SESSIONS_PER_TOKEN = 64,
	SESSIONS_TEXT_SIZE = 65, /* 32 bytes in hex */
};

struct sessions;

/* life, idle: ns.  NULL: no memory. */
struct sessions *sessions_create(int64_t life, int64_t idle);
void sessions_destroy(struct sessions *sessions); /* NULL is fine */

/* Ends all of them if the tokens are of another generation than at the last call. */
void sessions_follow(struct sessions *sessions, unsigned generation);

/* now: monotonic, here and below.  Where there are too many, the one that was idle for longest
 * ends.  -EIO: there are no random bits. */
int sessions_begin(struct sessions *sessions, const struct token_grant *grant, int64_t now,
		   char ret_text[SESSIONS_TEXT_SIZE]);
/* false: there is no such session, or not any more.  Else it counts as used. */
bool sessions_find(struct sessions *sessions, const char *text, int64_t now,
		   struct token_grant *ret);
void sessions_end(struct sessions *sessions, const char *text);

#endif
