/*
 * A tree of values as the bytes command; jansson must read what was written, reals must read back
 * as they were, and what json_check() takes for JSON must be JSON to jansson too.  The reader has a
 * grammar of its own, which must be the same one.
 */
#include <jansson.h>
#include "base/json_chars.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct input {
	const uint8_t *at, *end;
};

static uint8_t next(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static size_t take(struct input *input, char *ret, size_t max)
{
	size_t n = next(input) % max;
	if (n > (size_t)(input->end - input->at))
		n = (size_t)(input->end - input->at);
	memcpy(ret, input->at, n);
	input->at += n;
	return n;
}

static void write_value(struct json_writer *json, struct input *input, int depth);

/* What is read back is the same. */
static void write_real(struct json_writer *json, double value)
{
	char text[64] = "";
	struct json_writer alone;
	json_write_real(json, value);
	json_writer_init(&alone, sizeof(text) - 1);
	json_write_real(&alone, value);
	memcpy(text, alone.data, alone.len);
	if (isfinite(value) ? strtod(text, NULL) != value : strcmp(text, "null") != 0)
		abort();
	json_writer_done(&alone);
}

static void write_list(struct json_writer *json, struct input *input, int depth, bool object)
{
	if (object)
		json_begin_object(json);
	else
		json_begin_array(json);
	for (int n = next(input) % 4; n > 0; n--) {
		char key[3] = {(char)next(input), (char)next(input), '\0'};
		if (object)
			json_write_key(json, key);
		write_value(json, input, depth + 1);
	}
	if (object)
		json_end_object(json);
	else
		json_end_array(json);
}

static void write_value(struct json_writer *json, struct input *input, int depth)
{
	char bytes[64] = "";
	int64_t number = 0;
	double real = 0;
	size_t len;
	switch (next(input) % (depth < 20 ? 8 : 6)) {
	case 0:
		take(input, bytes, sizeof(bytes));
		memcpy(&number, bytes, sizeof(number));
		json_write_int(json, number);
		break;
	case 1:
		take(input, bytes, sizeof(bytes));
		memcpy(&real, bytes, sizeof(real));
		write_real(json, real);
		break;
	case 2:
		len = take(input, bytes, sizeof(bytes));
		json_write_text(json, bytes, len);
		break;
	case 3:
		len = take(input, bytes, sizeof(bytes));
		json_write_json(json, bytes, len);
		break;
	case 4:
		json_write_time(json, (int64_t)next(input) << 50);
		break;
	case 5:
		json_write_bool(json, next(input) & 1);
		break;
	default:
		write_list(json, input, depth, next(input) & 1);
	}
}

/* jansson has no numbers past a double's range; they are JSON all the same. */
static bool is_json(const char *text, size_t len)
{
	json_error_t error;
	json_t *json = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
	json_decref(json);
	return json || json_error_code(&error) == json_error_numeric_overflow;
}

static bool is_read(const char *text, size_t len)
{
	struct json_reader json;
	char *copy = calloc(1, len + 1);
	if (!copy)
		abort();
	memcpy(copy, text, len);
	json_reader_init(&json, copy, len);
	bool read = json_skip(&json) && json_finish(&json);
	free(copy);
	return read && utf8_valid(text, len) && json_chars_are_whole(text, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, data + size};
	struct json_writer json;
	json_writer_init(&json, 4096);
	write_value(&json, &input, 0);
	if (!json.error && (!is_json(json.data, json.len) || !json_check(json.data, json.len)))
		abort();
	if (json.size > 4096)
		abort();
	json_writer_done(&json);
	bool checked = json_check((const char *)data, size);
	if (checked && !is_json((const char *)data, size))
		abort();
	if (checked != is_read((const char *)data, size))
		abort();
	return 0;
}
