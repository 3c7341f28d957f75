/*
 * Two headers of a request, read as RFC 9110 has them: Accept-Encoding (12.5.3) and If-None-Match
 * (13.1.2).  Called on libmicrohttpd's thread for every request, so nothing is copied: an element
 * is a pointer and a length in the header itself.
 *
 * Neither can fail.  What cannot be read counts as the harmless answer: a weight that is no number
 * refuses the coding, an ETag without its quotes matches nothing, and the client gets plain bytes.
 */
#include "message/accept.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

enum { ACCEPT_FULL = 1000 }; /* q=1.000 */

/* One element of a list. */
struct word {
	const char *text;
	size_t len;
};

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t");
}

/* "0.25" gives 250; anything odd counts as refused. */
static int accept_weight(const char *text)
{
	int weight, scale = 100;
	if (*text != '0' && *text != '1')
		return 0;
	weight = *text++ == '1' ? ACCEPT_FULL : 0;
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9' && scale > 0; text++, scale /= 10)
			weight += (*text - '0') * scale;
	text = skip_blanks(text);
	return (*text == '\0' || *text == ',') && weight <= ACCEPT_FULL ? weight : 0;
}

/* Reads "gzip ; q=0.5" and what separates it from the next one. */
static const char *accept_next(const char *header, struct word *ret, int *ret_weight)
{
	header += strspn(header, " \t,");
	ret->text = header;
	ret->len = strcspn(header, " \t,;");
	*ret_weight = ACCEPT_FULL;
	header = skip_blanks(header + ret->len);
	if (*header == ';') {
		header = skip_blanks(header + 1);
		*ret_weight = strncasecmp(header, "q=", 2) == 0 ? accept_weight(header + 2) : 0;
	}
	return header + strcspn(header, ",");
}

static bool word_is(const struct word *word, const char *text)
{
	return word->len == strlen(text) && strncasecmp(word->text, text, word->len) == 0;
}

bool accept_gzip(const char *header)
{
	int gzip = -1, identity = -1, any = -1, weight;
	struct word word;
	while (header && *header) {
		header = accept_next(header, &word, &weight);
		if (word_is(&word, "gzip") || word_is(&word, "x-gzip"))
			gzip = weight;
		else if (word_is(&word, "identity"))
			identity = weight;
		else if (word_is(&word, "*"))
			any = weight;
	}
	if (gzip < 0)
		gzip = any;
	return gzip > 0 && gzip >= identity;
}

bool accept_none_match(const char *header, const char *etag)
{
	size_t len = strlen(etag);
	while (header && *header) {
		header += strspn(header, " \t,");
		if (*header == '*')
			return true;
		if (strncmp(header, "W/", 2) == 0)
			header += 2;
		if (*header != '"')
			return false;
		const char *end = strchr(header + 1, '"');
		if (!end)
			return false;
		if ((size_t)(end + 1 - header) == len && memcmp(header, etag, len) == 0)
			return true;
		header = end + 1;
	}
	return false;
}

bool accept_no_cached(const char *header)
{
	static const char no_cache[] = "no-cache";
	for (const char *at = header; at && *at;) {
		at += strspn(at, " \t,");
		size_t len = strcspn(at, ", \t;=");
		if (len == sizeof(no_cache) - 1 && strncasecmp(at, no_cache, len) == 0)
			return true;
		at += strcspn(at, ",");
	}
	return false;
}
