/* Trimming gives the same in one piece and in many, in place, and what was JSON stays JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_reader.h"
#include "base/json_trim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char begin[] = "{\"a\":{\"b\":{\"c\":[";
static const char end[] = "]}}}";
enum { LONG = 3 * JSON_TRIM_MEMBERS };

/* What is fuzzed again and again, with commas between, so that it is long enough to be trimmed. */
static char *repeat(const uint8_t *data, size_t size, size_t *ret_len)
{
	size_t len = sizeof(begin) - 1;
	char *text = malloc(LONG + 2 * size + sizeof(begin) + sizeof(end));
	if (!text)
		abort();
	memcpy(text, begin, len);
	while (len < LONG) {
		memcpy(text + len, data, size);
		len += size;
		text[len++] = ',';
	}
	memcpy(text + len - 1, end, sizeof(end) - 1);
	*ret_len = len - 1 + sizeof(end) - 1;
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_trim trim;
	size_t len, whole = 0, pieces = 0;
	if (size == 0 || size > 4096)
		return 0;
	char *text = repeat(data, size, &len), *other = malloc(len);
	if (!other)
		abort();
	bool valid = json_check(text, len);
	json_trim_init(&trim, NULL);
	json_trim_feed(&trim, other, &whole, text, len);
	json_trim_init(&trim, NULL);
	for (size_t at = 0, n; at < len; at += n) {
		n = 1 + (at * 7 + data[at % size]) % 1000;
		n = n < len - at ? n : len - at;
		json_trim_feed(&trim, text, &pieces, text + at, n);
	}
	if (whole > len || pieces != whole || memcmp(text, other, whole) != 0 ||
	    (valid && !json_check(other, whole)))
		abort();
	free(text);
	free(other);
	return 0;
}
