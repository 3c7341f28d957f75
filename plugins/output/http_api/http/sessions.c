/*
 * auth.c calls sessions_find() on the HTTP thread for each request with a cookie, sign_in.c makes
 * and ends sessions there.  A fixed table, read from end to end: the few hundred hashes take less
 * time than the hash of the cookie.
 *
 * What a client sends is hashed (SHA-256) before it is compared, and compared in constant time: how
 * long that takes tells nothing about what is kept, and a dump of memory holds nothing to sign in
 * with.  What can fail is memory at the start, and randomness, without which nobody gets a session.
 */
#include "http/sessions.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

enum { SESSION_BYTES = 32, SESSION_HASH = 32 };

struct session {
	bool open;
	unsigned char hash[SESSION_HASH];
	struct token_grant grant;
	int64_t began, used; /* monotonic */
};

struct sessions {
	int64_t life, idle;
	unsigned generation; /* of the tokens */
	struct session session[SESSIONS_MAX];
};

struct sessions *sessions_create(int64_t life, int64_t idle)
{
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	if (!sessions)
		return NULL;
	sessions->life = life;
	sessions->idle = idle;
	return sessions;
}

void sessions_destroy(struct sessions *sessions)
{
	free(sessions);
}

void sessions_follow(struct sessions *sessions, unsigned generation)
{
	if (generation == sessions->generation)
		return;
	sessions->generation = generation;
	memset(sessions->session, 0, sizeof(sessions->session));
}

/* ---- Finding ------------------------------------------------------------- */

static bool session_is_over(const struct sessions *sessions, const struct session *session,
			    int64_t now)
{
	return now - session->began >= sessions->life || now - session->used >= sessions->idle;
}

static bool hash_equals(const unsigned char *a, const unsigned char *b)
{
	unsigned differ = 0;
	for (size_t i = 0; i < SESSION_HASH; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

static struct session *sessions_search(struct sessions *sessions, const char *text)
{
	unsigned char hash[SESSION_HASH];
	struct session *found = NULL;
	if (strlen(text) != SESSIONS_TEXT_SIZE - 1 ||
	    gnutls_hash_fast(GNUTLS_DIG_SHA256, text, SESSIONS_TEXT_SIZE - 1, hash) < 0)
		return NULL;
	for (unsigned i = 0; i < SESSIONS_MAX; i++)
		if (sessions->session[i].open && hash_equals(sessions->session[i].hash, hash))
			found = &sessions->session[i];
	return found;
}

bool sessions_find(struct sessions *sessions, const char *text, int64_t now,
		   struct token_grant *ret)
{
	struct session *session = sessions_search(sessions, text);
	if (!session)
		return false;
	if (session_is_over(sessions, session, now)) {
		session->open = false;
		return false;
	}
	session->used = now;
	*ret = session->grant;
	return true;
}

void sessions_end(struct sessions *sessions, const char *text)
{
	struct session *session = sessions_search(sessions, text);
	if (session)
		session->open = false;
}

/* ---- Beginning ----------------------------------------------------------- */

/* One that is free or over; else, of this token where it has its share already and of all
 * otherwise, the one that was idle for longest: whoever signs in over and over, or a program that
 * never signs out, signs out himself before anybody else. */
static struct session *sessions_place(struct sessions *sessions, unsigned token, int64_t now)
{
	struct session *unused = NULL, *oldest = NULL, *oldest_own = NULL;
	unsigned own = 0;
	for (unsigned i = 0; i < SESSIONS_MAX; i++) {
		struct session *session = &sessions->session[i];
		if (!session->open || session_is_over(sessions, session, now)) {
			unused = session;
			continue;
		}
		if (!oldest || session->used < oldest->used)
			oldest = session;
		if (session->grant.place != token)
			continue;
		own++;
		if (!oldest_own || session->used < oldest_own->used)
			oldest_own = session;
	}
	if (own >= SESSIONS_PER_TOKEN)
		return oldest_own;
	return unused ? unused : oldest;
}

int sessions_begin(struct sessions *sessions, const struct token_grant *grant, int64_t now,
		   char ret_text[SESSIONS_TEXT_SIZE])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char secret[SESSION_BYTES];
	struct session session = {.open = true, .grant = *grant, .began = now, .used = now};
	if (gnutls_rnd(GNUTLS_RND_KEY, secret, sizeof(secret)) < 0)
		return -EIO;
	for (unsigned i = 0; i < SESSION_BYTES; i++) {
		ret_text[(size_t)2 * i] = hex[secret[i] >> 4];
		ret_text[(size_t)2 * i + 1] = hex[secret[i] & 15];
	}
	ret_text[SESSIONS_TEXT_SIZE - 1] = '\0';
	explicit_bzero(secret, sizeof(secret));
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, ret_text, SESSIONS_TEXT_SIZE - 1, session.hash) < 0)
		return -EIO;
	*sessions_place(sessions, grant->place, now) = session;
	return 0;
}
