/*
 * The labels of a metric's sample, read back out of their text form: the core hands metrics out as
 * Prometheus would read them, and /pipeline and /readyz need single labels of them.  Any thread.  A
 * value that does not fit is no value: half a table's name could be another table's.
 */
#include "query/samples.h"

#include <string.h>

/* The value that begins after its opening quote.  Returns where its closing quote is. */
static const char *read_value(const char *at, char *ret, size_t size, bool *ret_fits)
{
	size_t len = 0;
	for (; *at && *at != '"'; at++) {
		char c = *at;
		if (c == '\\' && at[1])
			c = *++at == 'n' ? '\n' : *at;
		if (len + 1 < size)
			ret[len] = c;
		len++;
	}
	*ret_fits = len < size;
	if (*ret_fits)
		ret[len] = '\0';
	return at;
}

/* O(length) per label: samples have few labels, and the pages that ask are read by people. */
bool sample_label(const char *labels, const char *key, char *ret, size_t size)
{
	size_t key_len = strlen(key);
	while (labels && *labels) {
		const char *equals = strchr(labels, '=');
		bool fits;
		if (!equals || equals[1] != '"')
			return false;
		bool wanted =
			(size_t)(equals - labels) == key_len && memcmp(labels, key, key_len) == 0;
		const char *end = read_value(equals + 2, ret, size, &fits);
		if (wanted)
			return fits;
		if (*end != '"')
			return false;
		labels = end + 1 + (end[1] == ',');
	}
	return false;
}
