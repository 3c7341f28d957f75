#include "log_record.h"

#include <string.h>

#include "json_reader.h"
#include "rfc3339.h"

bool log_record_read(char *record, size_t len, struct log_part *ret)
{
	struct json_text key, text = {0}, stream = {0}, time = {0};
	struct json_reader json;
	json_reader_init(&json, record, len);
	if (json_peek(&json) != JSON_OBJECT)
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
