/*
 * Bounds a JSON text while it comes in, so that one huge member does not cost all the others: each
 * string is cut at JSON_TRIM_STRING bytes, and in objects and arrays at depth 3 (the labels of a
 * container in a list, the attributes of an event) members are left out once it holds
 * JSON_TRIM_MEMBERS bytes, except those in `keep`.  What comes out is JSON again if what went in
 * was, cut at characters only.  Never more comes out than went in, so it may work in place.
 *
 * Knows brackets, strings and commas, checks nothing else: what is wrong in the text stays wrong,
 * for the reader to tell.  No allocation.  One thread.
 */
#ifndef TALLYD_BASE_JSON_TRIM_H
#define TALLYD_BASE_JSON_TRIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_TRIM_STRING = 16 << 10, JSON_TRIM_MEMBERS = 64 << 10, JSON_TRIM_DEPTH = 3 };

struct json_trim {
	const char *const *keep; /* keys, NULL-terminated; or NULL */
	bool whole_arrays;       /* only objects lose members */
	unsigned depth;          /* of brackets */
	bool in_string, escaped; /* escaped: behind a backslash */
	bool cutting;            /* what is left of this string is left out */
	bool dropping;           /* and of this member */
	bool in_object;          /* the bounded container is one */
	bool is_key;             /* the next string in it is */
	bool after_high;         /* a high surrogate was the last character */
	uint8_t hex_left;        /* digits of \uXXXX */
	uint32_t hex;
	size_t container, member, string; /* where they begin in what came out */
	uint32_t cut, dropped;            /* strings, members; so far */
};

void json_trim_init(struct json_trim *trim, const char *const *keep);

/* Adds what stays of n bytes at `in` to the *len bytes at `out`, where there must be room for all
 * of them; `in` may be `out + *len`, or behind. */
void json_trim_feed(struct json_trim *trim, char *out, size_t *len, const char *in, size_t n);

/* A whole value, whose members are to be bounded as if it stood at depth 3.  How many strings and
 * members were cut or left out. */
uint32_t json_trim_value(char *out, size_t *len, const char *in, size_t n);

#endif
