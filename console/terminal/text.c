/*
 * One pass over the bytes: a character, its width by wcwidth(3), and whether there is room for it.
 * Text that has to be cut is cut where the … still fits, which is remembered as it goes.
 *
 * Which characters reorder text: Unicode's bidirectional controls (UAX 9).  Left out without a
 * sign are joiners and variation selectors, about whose width terminals disagree.
 */
#include "terminal/text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

#include "base/utf8.h"

enum { TEXT_ACCENTS = 3, TEXT_TAB = 8 };

void text_init(void)
{
	setlocale(LC_ALL, "");
	/* Containers and cron set no locale, and the terminal is one of UTF-8 all the same. */
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	setlocale(LC_NUMERIC, "C");
}

/* ---- Characters ---------------------------------------------------------------- */

static uint32_t text_decode(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	if (len == 1)
		return at[0];
	uint32_t code = at[0] & (0x7f >> len);
	for (size_t i = 1; i < len; i++)
		code = code << 6 | (at[i] & 0x3f);
	return code;
}

static bool text_reorders(uint32_t code)
{
	return code == 0x061c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static bool text_is_left_out(uint32_t code)
{
	return code == 0x00ad || code == 0x200b || code == 0x200c || code == 0x200d ||
	       code == 0x2060 || code == 0xfeff || (code >= 0xfe00 && code <= 0xfe0f) ||
	       (code >= 0xe0000 && code <= 0xe0fff);
}

/* One character as it is shown. */
struct glyph {
	const char *bytes;
	size_t len;
	int width;
	char own[4]; /* of a picture */
};

static void glyph_replace(struct glyph *glyph)
{
	glyph->bytes = "\xef\xbf\xbd";
	glyph->len = 3;
	glyph->width = 1;
}

/* Returns how many bytes of the text it is. */
static size_t glyph_of(const char *text, size_t len, struct glyph *ret)
{
	size_t bytes = utf8_length(text, len);
	if (bytes == 0) {
		glyph_replace(ret);
		return 1;
	}
	uint32_t code = text_decode(text, bytes);
	ret->bytes = text;
	ret->len = bytes;
	if (code < 0x20 || code == 0x7f) { /* its picture: U+2400 on, DEL's is U+2421 */
		ret->own[0] = '\xe2';
		ret->own[1] = '\x90';
		ret->own[2] = code == 0x7f ? '\xa1' : (char)(0x80 + code);
		ret->bytes = ret->own;
		ret->len = 3;
		ret->width = 1;
		return bytes;
	}
	ret->width = text_is_left_out(code) ? 0 : wcwidth((wchar_t)code);
	if (text_is_left_out(code))
		ret->len = 0;
	else if (ret->width < 0 || text_reorders(code))
		glyph_replace(ret);
	return bytes;
}

/* Bytes of an "ESC [ … m" here; 0: there is none. */
static size_t text_colour(const char *text, size_t len)
{
	if (len < 3 || text[0] != '\x1b' || text[1] != '[')
		return 0;
	size_t at = 2;
	while (at < len &&
	       ((text[at] >= '0' && text[at] <= '9') || text[at] == ';' || text[at] == ':'))
		at++;
	return at < len && text[at] == 'm' ? at + 1 : 0;
}

/* ---- Texts --------------------------------------------------------------------- */

struct showing {
	struct strbuf *out;
	size_t columns, used;
	size_t cut_len, cut_used; /* where it is cut if it turns out too wide */
	int accents;              /* after the last letter; all, before the first */
	bool full;
};

static void showing_put(struct showing *showing, const struct glyph *glyph)
{
	if (glyph->width == 0) {
		if (glyph->len && ++showing->accents <= TEXT_ACCENTS)
			strbuf_bytes(showing->out, glyph->bytes, glyph->len);
		return;
	}
	/* Before this one there is still room for the …, or there was not from here on. */
	if (showing->used + 1 <= showing->columns) {
		showing->cut_len = showing->out->len;
		showing->cut_used = showing->used;
	}
	showing->full = showing->columns - showing->used < (size_t)glyph->width;
	if (showing->full)
		return;
	showing->accents = 0;
	showing->used += (size_t)glyph->width;
	strbuf_bytes(showing->out, glyph->bytes, glyph->len);
}

static void showing_tab(struct showing *showing)
{
	struct glyph blank = {.bytes = " ", .len = 1, .width = 1};
	do
		showing_put(showing, &blank);
	while (!showing->full && showing->used % TEXT_TAB != 0);
}

static size_t text_show_as(struct strbuf *out, const char *text, size_t len, size_t columns,
			   bool line)
{
	struct showing showing = {
		.out = out, .columns = columns, .cut_len = out->len, .accents = TEXT_ACCENTS};
	struct glyph glyph;
	for (size_t at = 0; at < len && !showing.full;) {
		size_t colour = line ? text_colour(text + at, len - at) : 0;
		if (colour) {
			at += colour;
		} else if (line && text[at] == '\t') {
			showing_tab(&showing);
			at++;
		} else {
			at += glyph_of(text + at, len - at, &glyph);
			showing_put(&showing, &glyph);
		}
	}
	if (!showing.full)
		return showing.used;
	/* The last place where the … fits is one column before the end at the latest. */
	out->len = showing.cut_len;
	if (out->data)
		out->data[out->len] = '\0';
	if (columns == 0)
		return 0;
	strbuf_bytes(out, "\xe2\x80\xa6", 3);
	return showing.cut_used + 1;
}

size_t text_show(struct strbuf *out, const char *text, size_t len, size_t columns)
{
	return text_show_as(out, text, len, columns, false);
}

size_t text_show_line(struct strbuf *out, const char *text, size_t len, size_t columns)
{
	return text_show_as(out, text, len, columns, true);
}

size_t text_width(const char *text)
{
	size_t width = 0;
	struct glyph glyph;
	for (size_t len = strlen(text), at = 0; at < len;) {
		at += glyph_of(text + at, len - at, &glyph);
		width += (size_t)glyph.width;
	}
	return width;
}

void text_show_json(struct strbuf *out, const char *json, size_t len)
{
	size_t from = 0;
	for (size_t at = 0; at < len; at++) {
		const unsigned char *byte = (const unsigned char *)json + at;
		bool c1 = byte[0] == 0xc2 && at + 1 < len && byte[1] < 0xa0;
		if (!c1 && byte[0] != 0x7f)
			continue;
		strbuf_bytes(out, json + from, at - from);
		strbuf_add(out, "\\u%04x", c1 ? byte[1] : byte[0]);
		at += c1;
		from = at + 1;
	}
	strbuf_bytes(out, json + from, len - from);
}
