/*
 * The texts are foreign.  Their size is bounded by whoever fetched them, their depth by jansson
 * (JSON_PARSER_MAX_DEPTH, 2048 levels), and its tables are seeded at random, so members cannot be
 * chosen to collide.  Keys that come twice are not refused: the last one counts, as with the
 * reader.
 */
#include "json_tree.h"

json_t *json_tree_load(const char *text, size_t len)
{
	/* An engine writes "unlimited" as 2^64 - 1, for which jansson has no integer and refuses
	 * the document; nobody reads numbers from here.  Labels may have \u0000. */
	return json_loadb(text, len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
}

const char *json_tree_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}
