/*
 * See log_text.h.  Pure functions, called by log_rows.c for each message.  Containers print
 * whatever they like; PostgreSQL and JSON refuse text that is not UTF-8, and PostgreSQL also
 * U+0000.
 */
#include "logs/log_text.h"

#include <string.h>

#include "base/utf8.h"

bool log_text_is_clean(const char *text, size_t len)
{
	return !memchr(text, '\0', len) && utf8_valid(text, len);
}

size_t log_text_clean(const char *text, size_t len, bool cut, char *ret)
{
	size_t at = 0, made = 0;
	while (at < len) {
		size_t size = text[at] ? utf8_length(text + at, len - at) : 0;
		if (size > 0) {
			memcpy(ret + made, text + at, size);
			made += size;
			at += size;
			continue;
		}
		if (cut && utf8_is_cut(text + at, len - at))
			break;
		memcpy(ret + made, "\xef\xbf\xbd", 3);
		made += 3;
		at++;
	}
	return made;
}
