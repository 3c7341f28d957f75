/* /metrics: what the daemon counts, as Prometheus reads it (text format 0.0.4). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "endpoint.h"

struct exposition {
	struct json_writer *text;
	char name[128]; /* of the last sample, to say HELP and TYPE once */
};

static void write_word(struct json_writer *text, const char *word)
{
	json_write_raw(text, word, strlen(word));
}

/* Backslash and newline are escaped in help texts. */
static void write_help(struct json_writer *text, const char *help)
{
	while (*help) {
		size_t run = strcspn(help, "\\\n");
		json_write_raw(text, help, run);
		help += run;
		if (*help)
			write_word(text, *help++ == '\n' ? "\\n" : "\\\\");
	}
}

static void write_head(struct json_writer *text, const struct tally_sample *sample)
{
	write_word(text, "# HELP ");
	write_word(text, sample->name);
	write_word(text, " ");
	write_help(text, sample->help ? sample->help : "");
	write_word(text, "\n# TYPE ");
	write_word(text, sample->name);
	write_word(text, sample->kind == TALLY_METRIC_COUNTER ? " counter\n" : " gauge\n");
}

static void write_value(struct json_writer *text, double value)
{
	text->comma = false;
	if (isfinite(value))
		json_write_real(text, value);
	else
		write_word(text, isnan(value) ? "NaN" : value < 0 ? "-Inf" : "+Inf");
}

static int write_sample(void *arg, const struct tally_sample *sample)
{
	struct exposition *exposition = arg;
	struct json_writer *text = exposition->text;
	if (strcmp(exposition->name, sample->name) != 0) {
		write_head(text, sample);
		snprintf(exposition->name, sizeof(exposition->name), "%s", sample->name);
	}
	write_word(text, sample->name);
	if (sample->labels && *sample->labels) {
		write_word(text, "{");
		write_word(text, sample->labels);
		write_word(text, "}");
	}
	write_word(text, " ");
	write_value(text, sample->value);
	write_word(text, "\n");
	return text->error;
}

int metrics_text(struct call *call)
{
	struct exposition exposition = {.text = &call->reply->body};
	call->reply->type = reply_metrics;
	tally_samples(call->ctx, write_sample, &exposition);
	return 0;
}
