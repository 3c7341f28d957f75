/*
 * Loads the plugin, reads its section, and puts a host together: the daemon's own, with the
 * functions replaced that show how batches are handled.  In the child of one check; what goes wrong
 * with the plugin is a finding, what goes wrong with us ends the child, which is a finding too.
 */
#include "conformance/subject.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "instance/binding.h"
#include "pipeline/batch.h"

const char SUBJECT_READ_OWNERSHIP[] = "docs/abi.md, Ownership";
const char SUBJECT_READ_THREADS[] = "docs/abi.md, Threads";
const char SUBJECT_READ_ERRORS[] = "docs/abi.md, Errors";
const char SUBJECT_READ_TABLES[] = "docs/plugin-guide.md, Tables";
const char SUBJECT_READ_OPTIONS[] = "docs/plugin-guide.md, Options";
const char SUBJECT_READ_OUTPUT[] = "plugin.h, struct tally_output";
const char SUBJECT_READ_BUFFER[] = "buffer.h, struct tally_buffer";
const char SUBJECT_READ_REFUSED[] = "docs/abi.md, What a refusal looks like";
const char SUBJECT_READ_LIFE[] = "plugin.h, Life cycle";
const char SUBJECT_READ_STORE[] = "plugin.h, struct tally_store_ops";

static struct subject *subject_of_child; /* one check, one child, one plugin */
static const struct tally_host *subject_daemon;

/* ---- Findings ---- */

static void subject_add(struct subject *subject, bool warning, const char *read, const char *fmt,
			va_list ap)
{
	struct subject_shared *shared = subject->shared;
	char text[SUBJECT_TEXT_SIZE];
	vsnprintf(text, sizeof(text), fmt, ap);
	unsigned n = atomic_load(&shared->n_findings);
	for (unsigned i = 0; i < n && i < SUBJECT_FINDINGS; i++)
		if (strcmp(shared->findings[i].text, text) == 0)
			return;
	if (n >= SUBJECT_FINDINGS)
		return;
	shared->findings[n] = (struct subject_finding){.warning = warning, .read = read};
	memcpy(shared->findings[n].text, text, sizeof(text));
	atomic_store(&shared->n_findings, n + 1);
}

void subject_found(struct subject *subject, const char *read, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	pthread_mutex_lock(&subject->lock);
	subject_add(subject, false, read, fmt, ap);
	pthread_mutex_unlock(&subject->lock);
	va_end(ap);
}

void subject_warn(struct subject *subject, const char *read, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	pthread_mutex_lock(&subject->lock);
	subject_add(subject, true, read, fmt, ap);
	pthread_mutex_unlock(&subject->lock);
	va_end(ap);
}

void subject_skip(struct subject *subject, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(subject->shared->skipped, sizeof(subject->shared->skipped), fmt, ap);
	va_end(ap);
}

void subject_not_for(struct subject *subject, const char *why)
{
	atomic_store(&subject->shared->inapplicable, true);
	subject_skip(subject, "%s", why);
}

void subject_hint(struct subject *subject, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(subject->shared->hint, sizeof(subject->shared->hint), fmt, ap);
	va_end(ap);
}

void subject_enter(struct subject *subject, const char *what)
{
	snprintf(subject->shared->doing, sizeof(subject->shared->doing), "%s", what);
}

/* The ABI has a meaning for them, or the host has said them. */
static bool subject_explains_itself(int error)
{
	static const int errors[] = {ECANCELED, ENOSPC, EMSGSIZE, ENOENT, ENOMEM};
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i] == error)
			return true;
	return false;
}

int subject_leave(struct subject *subject, const char *what, int r)
{
	subject->shared->doing[0] = '\0';
	if (r > 0)
		subject_found(subject, SUBJECT_READ_ERRORS,
			      "%s returned %d: it is to return 0, or -errno for a failure", what,
			      r);
	else if (r < -4095)
		subject_found(subject, SUBJECT_READ_ERRORS, "%s returned %d, which is no -errno",
			      what, r);
	else if (r < 0 && !reason_last()->text[0] && !subject_explains_itself(-r))
		subject_warn(
			subject, SUBJECT_READ_ERRORS,
			"%s returned %d (%s) without saying why: return tally_fail(ctx, …), so "
			"that the log can tell",
			what, r, strerror(-r));
	return r;
}

/* ---- The host ---- */

static void subject_own(int64_t n)
{
	struct subject *subject = subject_of_child;
	pthread_mutex_lock(&subject->lock);
	subject->owned += n;
	pthread_mutex_unlock(&subject->lock);
}

static struct tally_batch *subject_batch_new(struct tally_ctx *ctx, const struct tally_table *table)
{
	struct tally_batch *batch = subject_daemon->batch_new(ctx, table);
	subject_own(batch != NULL);
	return batch;
}

static void subject_batch_keep(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	subject_daemon->batch_keep(ctx, batch);
	subject_own(batch != NULL);
}

static void subject_batch_drop(struct tally_ctx *ctx, const struct tally_batch *batch)
{
	subject_daemon->batch_drop(ctx, batch);
	subject_own(batch ? -1 : 0);
}

static int subject_batch_decode(struct tally_ctx *ctx, const void *bytes, size_t len,
				struct tally_batch **ret)
{
	int r = subject_daemon->batch_decode(ctx, bytes, len, ret);
	subject_own(r == 0);
	return r;
}

/* In place of the router: keeps some, drops the rest. */
static int subject_take(void *arg, const char *input, struct tally_batch *batch)
{
	struct subject *subject = arg;
	(void)input;
	pthread_mutex_lock(&subject->lock);
	bool kept = subject->n_batches < SUBJECT_BATCHES;
	subject->emitted_rows += batch->n_rows;
	if (kept)
		subject->batches[subject->n_batches++] = batch;
	pthread_mutex_unlock(&subject->lock);
	if (!kept)
		batch_drop(batch);
	return 0;
}

/* The batch is taken whatever is returned, but where there was none to take. */
static int subject_emit(struct tally_ctx *ctx, struct tally_batch *batch, const char *source,
			const char *position)
{
	struct subject *subject = subject_of_child;
	if (batch && subject->refuse) {
		subject_own(-1);
		batch_drop(batch);
		return subject->refuse;
	}
	int r = subject_daemon->emit(ctx, batch, source, position);
	const char *why = r == -EINVAL ? reason_last()->text : "";
	if (!strstr(why, "plugin bug"))
		subject_own(-1);
	if (*why)
		subject_found(subject, SUBJECT_READ_OWNERSHIP, "tally_emit() refused a batch: %s",
			      why);
	if (!source && position)
		subject_warn(subject, SUBJECT_READ_OWNERSHIP,
			     "tally_emit() got a position without a source: it is not kept");
	return r;
}

static void subject_reject_entry(struct tally_ctx *ctx, const struct tally_entry *entry,
				 const char *why)
{
	subject_daemon->reject_entry(ctx, entry, why);
	pthread_mutex_lock(&subject_of_child->lock);
	subject_of_child->rejected += why && *why;
	pthread_mutex_unlock(&subject_of_child->lock);
}

static bool subject_host(struct subject *subject, const char *name)
{
	struct error error;
	const struct tally_input *input = subject->plugin->input;
	subject->services = (struct plugin_services){.metrics = metrics_create(),
						     .registry = subject->registry,
						     .registry_lock = &subject->registry_lock,
						     .hostname = "testhost",
						     .state_dir = subject->folder,
						     .producer = "conformance",
						     .emit = subject_take,
						     .emit_arg = subject};
	int64_t interval = input && input->gather ? input->interval : 0;
	if (plugin_api_create(&subject->services, subject->plugin, name, interval, &subject->api,
			      &error) < 0) {
		subject_skip(subject, "%s", error.text);
		return false;
	}
	struct tally_ctx *ctx = plugin_api_ctx(subject->api);
	subject_daemon = ctx->host;
	subject->host = *ctx->host;
	subject->host.batch_new = subject_batch_new;
	subject->host.batch_keep = subject_batch_keep;
	subject->host.batch_drop = subject_batch_drop;
	subject->host.batch_decode = subject_batch_decode;
	subject->host.emit = subject_emit;
	subject->host.reject_entry = subject_reject_entry;
	ctx->host = &subject->host;
	return true;
}

/* ---- The plugin and its section ---- */

static const enum plan_kind subject_kinds[] = {PLAN_INPUT, PLAN_OUTPUT, PLAN_BUFFER};

/* What it is meant to be, or else the first that it can be. */
static bool subject_find_kind(struct subject *subject)
{
	const char *wanted = subject->settings->kind;
	for (int i = 0; i < 3; i++) {
		enum plan_kind kind = subject_kinds[i];
		if (wanted && strcmp(wanted, plan_kind_name(kind)) != 0)
			continue;
		if (!plan_kind_fits(kind, subject->plugin))
			continue;
		subject->kind = kind;
		return true;
	}
	subject_found(subject, SUBJECT_READ_LIFE, "it is no %s: it sets no .%s",
		      wanted ? wanted : "plugin", wanted ? wanted : "input, .output or .buffer");
	return false;
}

bool subject_load(struct subject *subject)
{
	struct error error;
	subject_of_child = subject;
	pthread_mutex_init(&subject->lock, NULL);
	pthread_rwlock_init(&subject->registry_lock, NULL);
	subject->registry = registry_create(".");
	subject->bindings = bindings_create();
	if (!subject->registry || !subject->bindings)
		abort();
	subject_enter(subject, "loading it");
	int r = registry_file(subject->registry, subject->settings->path, &subject->plugin, &error);
	subject->shared->doing[0] = '\0';
	if (r < 0)
		subject_found(subject, SUBJECT_READ_REFUSED, "%s", error.text);
	return r == 0 && subject_find_kind(subject);
}

static int subject_bind(void *arg, const struct tally_option *option, const char *name, void **ret,
			struct error *error)
{
	*ret = binding_slot(arg, (enum tally_option_type)option->type, name);
	return *ret ? 0 : error_set(error, ENOMEM, "out of memory");
}

/* In memory of exactly its size, so that a look beyond it can be noticed. */
static void *subject_options(struct subject *subject, const struct config_section *section,
			     struct options **ret, struct problems *problems)
{
	struct plan_common common;
	void *config = calloc(1, subject->plugin->config_size ? subject->plugin->config_size : 1);
	struct options_target targets[PLAN_TABLES];
	size_t n = plan_targets(subject->kind, subject->plugin, &common, config, targets);
	if (config &&
	    options_parse(section, targets, n, subject_bind, subject->bindings, ret, problems) == 0)
		return config;
	free(config);
	return NULL;
}

void *subject_parse(struct subject *subject, struct options **ret)
{
	struct problems problems;
	problems_init(&problems);
	void *config = subject_options(subject, subject->section, ret, &problems);
	problems_done(&problems);
	return config;
}

void *subject_parse_text(struct subject *subject, const char *text, struct config **ret_config,
			 struct options **ret)
{
	struct problems problems;
	struct config *config = NULL;
	void *filled = NULL;
	problems_init(&problems);
	if (config_parse("subject", text, strlen(text), &config, &problems) == 0)
		filled = subject_options(subject, &config->sections[0], ret, &problems);
	problems_done(&problems);
	if (filled)
		*ret_config = config;
	else
		config_destroy(config);
	return filled;
}

/* The first section of the file that is this plugin's, of the kind that is tried. */
static bool subject_find_section(struct subject *subject, struct problems *problems)
{
	const char *path = subject->settings->config_path;
	const char *kind = plan_kind_name(subject->kind);
	if (config_read(path, &subject->file, problems) < 0 || problems_count(problems))
		return false;
	for (size_t i = 0; i < subject->file->n_sections; i++) {
		const struct config_section *section = &subject->file->sections[i];
		if (section->plugin && strcmp(section->kind, kind) == 0 &&
		    strcmp(section->plugin, subject->plugin->name) == 0)
			subject->section = subject->section ? subject->section : section;
	}
	if (!subject->section)
		problems_add(problems, path, 0, "has no section [%s.%s]", kind,
			     subject->plugin->name);
	return subject->section;
}

static bool subject_empty_section(struct subject *subject, struct problems *problems)
{
	char text[128];
	int len = snprintf(text, sizeof(text), "[%s.%s]\n", plan_kind_name(subject->kind),
			   subject->plugin->name);
	if (config_parse("an empty section", text, (size_t)len, &subject->parsed, problems) < 0)
		return false;
	subject->section = &subject->parsed->sections[0];
	return true;
}

/* Why an empty section is not enough. */
static const char *subject_required(const struct tally_plugin *plugin)
{
	static char text[128];
	for (const struct tally_option *o = plugin->options; o && o->name; o++)
		if ((o->flags & TALLY_OPT_REQUIRED) && (!o->fallback || !*o->fallback)) {
			snprintf(text, sizeof(text), "it requires the option %s", o->name);
			return text;
		}
	return "it does not take an empty section";
}

/* A section that lacks what is required is no fault of the plugin. */
bool subject_prepare(struct subject *subject)
{
	struct problems problems;
	problems_init(&problems);
	bool ok = subject->settings->config_path ? subject_find_section(subject, &problems)
						 : subject_empty_section(subject, &problems);
	if (ok)
		subject->config =
			subject_options(subject, subject->section, &subject->options, &problems);
	if (!subject->config && subject->settings->config_path)
		subject_found(subject, SUBJECT_READ_OPTIONS, "%s",
			      problems.n ? problems.texts[0] : "out of memory");
	else if (!subject->config)
		subject_skip(subject, "%s: give a section with --config FILE",
			     subject_required(subject->plugin));
	problems_done(&problems);
	if (!subject->config || !subject_host(subject, subject->section->name))
		return false;
	plugin_api_set_options(subject->api, subject->options);
	return true;
}
