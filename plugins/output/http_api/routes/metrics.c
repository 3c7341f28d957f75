/*
 * /metrics: what the daemon counts, as Prometheus reads it (text format 0.0.4).  Answered on
 * libmicrohttpd's thread, since it asks no store: it has to work when the store does not.
 */
#include <stdio.h>
#include <string.h>

#include "message/exposition.h"
#include "query/host_ages.h"
#include "routes/endpoint.h"

struct exposition {
	struct json_writer *text;
	char name[128]; /* of the last sample, to say HELP and TYPE once */
};

static int write_sample(void *arg, const struct tally_sample *sample)
{
	struct exposition *exposition = arg;
	struct json_writer *text = exposition->text;
	if (strcmp(exposition->name, sample->name) != 0) {
		exposition_head(text, sample->name, sample->help ? sample->help : "", sample->kind);
		snprintf(exposition->name, sizeof(exposition->name), "%s", sample->name);
	}
	exposition_word(text, sample->name);
	if (sample->labels && *sample->labels) {
		exposition_word(text, "{");
		exposition_word(text, sample->labels);
		exposition_word(text, "}");
	}
	exposition_value(text, sample->value);
	return text->error;
}

int metrics_text(struct context *context)
{
	struct exposition exposition = {.text = &context->builder->body};
	context->builder->type = content_type_metrics;
	tally_samples(context->ctx, write_sample, &exposition);
	host_ages_write(context->host_ages, &context->builder->body);
	return 0;
}
