/*
 * The formats of log_record.h; called by log_file.c for each line of a file, on the input's thread.
 */
#include "logs/log_record.h"

#include <string.h>

#include "base/json_reader.h"
#include "base/rfc3339.h"

/* ---- Docker's ---- */

static bool read_json(char *record, size_t len, struct log_part *ret)
{
	struct json_text key, text = {0}, stream = {0}, time = {0};
	struct json_reader json;
	json_reader_init(&json, record, len);
	if (json_peek(&json) != JSON_NEXT_OBJECT)
		return false;
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		if (json_text_is(&key, "log"))
			json_read_text(&json, &text);
		else if (json_text_is(&key, "stream"))
			json_read_text(&json, &stream);
		else if (json_text_is(&key, "time"))
			json_read_text(&json, &time);
		else
			json_skip(&json);
	}
	if (!json_finish(&json) || !time.at || rfc3339_parse(time.at, time.len, &ret->time) < 0)
		return false;
	/* An empty text is left out by the engine, and all decoded text lies in record. */
	size_t begin = text.at ? (size_t)(text.at - record) : 0;
	ret->stream = stream.at && strcmp(stream.at, "stderr") == 0 ? LOG_STDERR : LOG_STDOUT;
	log_part_set_text(ret, record + begin, text.len, 0,
			  text.len ? record[begin + text.len - 1] : '\0');
	return true;
}

/* ---- CRI ---- */

/* The next word up to a blank or the end; false: it is empty. */
static bool next_word(char **at, const char *end, const char **ret, size_t *ret_len)
{
	char *blank = memchr(*at, ' ', (size_t)(end - *at));
	*ret = *at;
	*ret_len = (size_t)((blank ? blank : end) - *at);
	*at += *ret_len + (blank != NULL);
	return *ret_len > 0;
}

static bool read_cri(char *record, size_t len, struct log_part *ret);

/* A record behind NULs within the text of another, which a power cut has torn.  One NUL may be the
 * container's own. */
static bool read_behind_nuls(char *record, size_t len, struct log_part *ret)
{
	char *end = record + len, *nul = memrchr(record, '\0', len);
	return nul && (nul == record || nul[-1] == '\0') && nul + 1 < end && nul[1] >= '0' &&
	       nul[1] <= '9' && read_cri(nul + 1, (size_t)(end - nul - 1), ret);
}

static bool read_cri(char *record, size_t len, struct log_part *ret)
{
	const char *stream, *tags, *end = record + len;
	size_t stream_len, tags_len, used = log_part_time(record, len, &ret->time);
	char *at = record + used;
	if (used == 0 || !next_word(&at, end, &stream, &stream_len) || stream_len != 6 ||
	    (memcmp(stream, "stdout", 6) != 0 && memcmp(stream, "stderr", 6) != 0))
		return false;
	ret->stream = stream[3] == 'e' ? LOG_STDERR : LOG_STDOUT;
	/* Tags, of which the first says whether the line ends: F, P, F:other. */
	if (!next_word(&at, end, &tags, &tags_len) || (tags[0] != 'F' && tags[0] != 'P') ||
	    (tags_len > 1 && tags[1] != ':'))
		return false;
	ret->ends = tags[0] == 'F';
	struct log_part behind;
	if (read_behind_nuls(at, (size_t)(end - at), &behind))
		return false;
	ret->text = at;
	ret->len = (size_t)(end - at);
	ret->cut = 0;
	ret->cri = true;
	return true;
}

/* ---- Either ---- */

bool log_record_read(char *record, size_t len, struct log_part *ret)
{
	*ret = (struct log_part){0};
	if (len > 0 && record[0] >= '0' && record[0] <= '9')
		return read_cri(record, len, ret);
	return read_json(record, len, ret);
}

/* How a record of json-file begins: its members are always in this order, and no text contains
 * this, since quotes in it are escaped. */
static const char *const json_begins[] = {"{\"log\":", "{\"stream\":"};

bool log_record_recover(char *record, size_t len, struct log_part *ret)
{
	char *end = record + len;
	*ret = (struct log_part){0};
	if (read_behind_nuls(record, len, ret))
		return true;
	for (char *at = end; (at = memrchr(record, '{', (size_t)(at - record))) != NULL;)
		for (size_t i = 0; i < sizeof(json_begins) / sizeof(json_begins[0]); i++) {
			size_t begin_len = strlen(json_begins[i]);
			/* Reading it before may have put a NUL where its first quote was. */
			if ((size_t)(end - at) < begin_len || (at[1] != '"' && at[1] != '\0') ||
			    memcmp(at + 2, json_begins[i] + 2, begin_len - 2) != 0)
				continue;
			at[1] = '"';
			return at > record && read_json(at, (size_t)(end - at), ret);
		}
	return false;
}
