/*
 * The target of a request, taken apart once on libmicrohttpd's thread and only read after that,
 * also by the worker that answers.
 *
 *	target_sort()     parameters in one order, so that the cache sees equal requests as equal
 *	target_parse()    one copy of the text, cut and percent-decoded in place
 *	target_param()    the first value of a name: a scan, there are at most PARAMS_MAX
 *
 * Decoding is strict: a %00 or half an escape is refused, because two readers of the same URI that
 * repair it differently are how attackers get past a filter in front of a server.  Separators are
 * found before anything is decoded, so an escaped / or & is part of its segment or value (RFC 3986,
 * section 2.2).
 */
#include "message/params.h"

#include "base/cleanup.h"
#include <errno.h>
#include "base/json_writer.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;
	return at ? (int)(at - digits) % 16 : -1;
}

/* In place.  -EINVAL: a malformed escape, or one for NUL. */
static int decode(char *text, bool plus_is_space)
{
	char *out = text;
	for (const char *in = text; *in; in++) {
		char c = *in;
		if (c == '+' && plus_is_space)
			c = ' ';
		if (c == '%') {
			int high = hex_value(in[1]);
			int low = high < 0 ? -1 : hex_value(in[2]);
			if (low < 0 || high + low == 0)
				return -EINVAL;
			c = (char)(high * 16 + low);
			in += 2;
		}
		*out++ = c;
	}
	*out = '\0';
	return 0;
}

static int parse_path(char *path, struct target *target)
{
	char *rest = path;
	while (rest) {
		char *segment = strsep(&rest, "/");
		if (target->n_segments == TARGET_MAX_SEGMENTS)
			return -E2BIG;
		if (decode(segment, false) < 0)
			return -EINVAL;
		target->segments[target->n_segments++] = segment;
	}
	return 0;
}

static int parse_query(char *query, struct target *target)
{
	char *rest = query;
	while (rest) {
		char *value = strsep(&rest, "&");
		if (*value == '\0')
			continue;
		char *name = strsep(&value, "=");
		if (target->n_params == PARAMS_MAX)
			return -E2BIG;
		if (decode(name, true) < 0 || (value && decode(value, true) < 0))
			return -EINVAL;
		target->params[target->n_params++] = (struct param){name, value ? value : ""};
	}
	return 0;
}

int target_parse(const char *raw, struct target *ret)
{
	*ret = (struct target){0};
	if (*raw != '/')
		return -EINVAL;
	ret->memory = strdup(raw + 1);
	if (!ret->memory)
		return -ENOMEM;
	char *query = ret->memory;
	char *path = strsep(&query, "?");
	int r = parse_path(path, ret);
	if (r == 0)
		r = parse_query(query, ret);
	if (r < 0)
		target_done(ret);
	return r;
}

/* ---- Order --------------------------------------------------------------- */

struct piece {
	const char *text;
	size_t len;
};

/* Where it belongs among those before, most often the end: clients send most queries in order. */
static void insert_piece(struct piece *pieces, uint32_t n, struct piece one)
{
	for (; n > 0; n--) {
		const struct piece *last = &pieces[n - 1];
		int order = memcmp(last->text, one.text, last->len < one.len ? last->len : one.len);
		if (order < 0 || (order == 0 && last->len <= one.len))
			break;
		pieces[n] = *last;
	}
	pieces[n] = one;
}

/* false: there are too many, which target_parse() will say. */
static bool sort_pieces(const char *query, struct piece pieces[PARAMS_MAX], uint32_t *ret_n)
{
	uint32_t n = 0;
	while (*query) {
		size_t len = strcspn(query, "&");
		if (len && n == PARAMS_MAX)
			return false;
		if (len)
			insert_piece(pieces, n++, (struct piece){query, len});
		query += len + (query[len] == '&');
	}
	*ret_n = n;
	return true;
}

static bool are_in_place(const char *query, const struct piece *pieces, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (pieces[i].text != query)
			return false;
		query += pieces[i].len;
		query += i + 1 < n && *query == '&';
	}
	return *query == '\0';
}

void target_sort(char *raw)
{
	struct piece pieces[PARAMS_MAX];
	uint32_t n;
	char *query = strchr(raw, '?');
	if (!query || !sort_pieces(query + 1, pieces, &n) ||
	    (n > 0 && are_in_place(query + 1, pieces, n)))
		return;
	auto_free char *old = strdup(raw);
	if (!old)
		return; /* all that is lost is that it shares no answer */
	char *end = query;
	for (uint32_t i = 0; i < n; i++) {
		*end++ = i ? '&' : '?';
		end = mempcpy(end, old + (pieces[i].text - raw), pieces[i].len);
	}
	*end = '\0';
}

void target_done(struct target *target)
{
	free(target->memory);
	target->memory = NULL;
}

static bool is_utf8(const char *text)
{
	return utf8_valid(text, strlen(text));
}

bool target_is_utf8(const struct target *target, const char **ret_param)
{
	for (uint32_t i = 0; i < target->n_segments; i++)
		if (!is_utf8(target->segments[i])) {
			*ret_param = NULL;
			return false;
		}
	for (uint32_t i = 0; i < target->n_params; i++)
		if (!is_utf8(target->params[i].name) || !is_utf8(target->params[i].value)) {
			*ret_param = target->params[i].name;
			return false;
		}
	return true;
}

const char *target_param(const struct target *target, const char *name)
{
	for (uint32_t i = 0; i < target->n_params; i++)
		if (strcmp(target->params[i].name, name) == 0)
			return target->params[i].value;
	return NULL;
}
