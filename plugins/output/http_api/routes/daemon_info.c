/*
 * /api/v1/version and /plugins: what the daemon says of itself.  On libmicrohttpd's thread, since
 * it asks no store: it has to work when the store does not.
 *
 * The plugin ABI has no list of instances.  The core's metrics have one (tallyd_instance_info and
 * …_up), and reading them keeps the ABI as small as it is.  What can fail is memory: then the list
 * is shorter.
 */
#include "base/cleanup.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message/row_writer.h"
#include "routes/endpoint.h"
#include "query/samples.h"

int daemon_version(struct context *context)
{
	struct json_writer *json = &context->builder->body;
	json_begin_object(json);
	json_write_key(json, "version");
	json_write_string(json, context->ctx->host->version);
	json_write_key(json, "api");
	json_write_string(json, "v1");
	json_write_key(json, "host");
	json_write_string(json, tally_hostname(context->ctx));
	json_end_object(json);
	return 0;
}

enum { LABEL_SIZE = 192, REPORT_MAX = 10000 };

/* ---- Plugins ------------------------------------------------------------- */

struct instance {
	char name[LABEL_SIZE], kind[32], plugin[64], version[32];
	int up; /* -1: not known */
};

struct instances {
	struct instance *list;
	uint32_t n;
};

/* Made when its first sample comes, whichever of the two that is.  NULL: no memory, or too many. */
static struct instance *instance_for(struct instances *instances, const char *name)
{
	for (uint32_t i = 0; i < instances->n; i++)
		if (strcmp(instances->list[i].name, name) == 0)
			return &instances->list[i];
	if (instances->n == REPORT_MAX)
		return NULL;
	struct instance *grown = reallocarray(instances->list, instances->n + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	instances->list = grown;
	grown[instances->n] = (struct instance){.up = -1};
	snprintf(grown[instances->n].name, LABEL_SIZE, "%s", name);
	return &grown[instances->n++];
}

/* An instance has two samples: …_info names it in its labels, …_up says whether it runs. */
static int read_instance(void *arg, const struct tally_sample *sample)
{
	char name[LABEL_SIZE];
	bool info = strcmp(sample->name, "tallyd_instance_info") == 0;
	bool up = strcmp(sample->name, "tallyd_instance_up") == 0;
	if ((!info && !up) || !sample_label(sample->labels, "instance", name, sizeof(name)))
		return 0;
	struct instance *instance = instance_for(arg, name);
	if (!instance)
		return 0;
	if (up) {
		instance->up = sample->value > 0;
		return 0;
	}
	sample_label(sample->labels, "kind", instance->kind, sizeof(instance->kind));
	sample_label(sample->labels, "plugin", instance->plugin, sizeof(instance->plugin));
	sample_label(sample->labels, "version", instance->version, sizeof(instance->version));
	return 0;
}

static void write_pair(struct json_writer *json, const char *key, const char *value)
{
	json_write_key(json, key);
	json_write_string(json, *value ? value : NULL);
}

int daemon_plugins(struct context *context)
{
	struct json_writer *json = &context->builder->body;
	struct instances instances = {.n = 0};
	tally_samples(context->ctx, read_instance, &instances);
	auto_free struct instance *list = instances.list;
	list_begin(json);
	for (uint32_t i = 0; i < instances.n; i++) {
		json_begin_object(json);
		write_pair(json, "instance", list[i].name);
		write_pair(json, "kind", list[i].kind);
		write_pair(json, "plugin", list[i].plugin);
		write_pair(json, "version", list[i].version);
		json_write_key(json, "up");
		if (list[i].up < 0)
			json_write_null(json);
		else
			json_write_bool(json, list[i].up);
		json_end_object(json);
	}
	list_end(json, NULL);
	return 0;
}
