/*
 * The pieces of Prometheus' text format: /metrics puts them together from the daemon's samples
 * (routes/metrics.c), /metrics/containers from rows of the store (routes/cadvisor.c).  Whatever
 * thread answers; the writer remembers what failed.
 */
#include "message/exposition.h"

#include <math.h>
#include <string.h>

#include "base/utf8.h"

void exposition_word(struct json_writer *text, const char *word)
{
	json_write_raw(text, word, strlen(word));
}

void exposition_head(struct json_writer *text, const char *name, const char *help, uint32_t kind)
{
	exposition_word(text, "# HELP ");
	exposition_word(text, name);
	exposition_word(text, " ");
	while (*help) { /* a backslash and the end of a line are escaped */
		size_t run = strcspn(help, "\\\n");
		json_write_raw(text, help, run);
		help += run;
		if (*help)
			exposition_word(text, *help++ == '\n' ? "\\n" : "\\\\");
	}
	exposition_word(text, "\n# TYPE ");
	exposition_word(text, name);
	exposition_word(text, kind == TALLY_METRIC_COUNTER ? " counter\n" : " gauge\n");
}

void exposition_label(struct json_writer *text, const char *value, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_length(value + i, len - i);
		if (n == 0) {
			n = 1;
			exposition_word(text, "\uFFFD");
		} else if (value[i] == '\n') {
			exposition_word(text, "\\n");
		} else {
			if (value[i] == '"' || value[i] == '\\')
				exposition_word(text, "\\");
			json_write_raw(text, value + i, n);
		}
	}
}

void exposition_value(struct json_writer *text, double value)
{
	exposition_word(text, " ");
	text->comma = false;
	if (isfinite(value))
		json_write_real(text, value);
	else
		exposition_word(text, isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf");
	exposition_word(text, "\n");
}
