/*
 * /metrics/containers: the newest readings under the names that cAdvisor gives them, for dashboards
 * and alerts that exist.  What was not measured is left out, never 0; so is a container whose
 * newest reading is older than cadvisor_age.  Off unless container_metrics is on, and bounded like
 * every answer.  On a worker's thread.
 *
 *	latest_read()      the newest readings, by host and container
 *	query_info()       what these containers are, in the same order
 *	find_subjects()    both side by side; the labels of each, written once
 *	write_all()        family by family, since samples of one name stand together
 *
 * What can fail is the store, and an answer beyond the bound: 413, with host= as the way out.
 *
 * The metrics: https://github.com/google/cadvisor/blob/master/docs/storage/prometheus.md
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include <errno.h>
#include "base/json_reader.h"
#include "base/utf8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "message/exposition.h"
#include "query/latest.h"
#include "query/catalog_cache.h"
#include "routes/endpoint.h"

static const int64_t cadvisor_age = 300 * CLOCK_SECOND; /* as long as Prometheus looks back */

/* Labels of a family; network and disk are sums over all interfaces and devices. */
#define OF_CPU ",cpu=\"total\""
#define OF_NET ",interface=\"all\""
#define OF_FS ",device=\"all\""
#define FAULTS(type) ",failure_type=\"" type "\",scope=\"container\""
#define NS 1e9
#define COUNTER(column, name, labels, divisor, help)                                               \
	{                                                                                          \
		column, "container_" name, labels, help, TALLY_METRIC_COUNTER, divisor             \
	}
#define GAUGE(column, name, labels, divisor, help)                                                 \
	{                                                                                          \
		column, "container_" name, labels, help, TALLY_METRIC_GAUGE, divisor               \
	}

static const struct family {
	const char *column, *name, *labels, *help;
	uint32_t kind;
	double divisor;
} families[] = {
	COUNTER("cpu_usage_ns", "cpu_usage_seconds_total", OF_CPU, NS,
		"Processor time used, by all cores together."),
	COUNTER("cpu_user_ns", "cpu_user_seconds_total", "", NS, "Processor time in user mode."),
	COUNTER("cpu_kernel_ns", "cpu_system_seconds_total", "", NS,
		"Processor time in kernel mode."),
	COUNTER("throttled_periods", "cpu_cfs_throttled_periods_total", "", 1,
		"Periods in which the CPU limit held it back."),
	COUNTER("throttled_ns", "cpu_cfs_throttled_seconds_total", "", NS,
		"Time for which the CPU limit held it back."),
	GAUGE("mem_usage_bytes", "memory_usage_bytes", "", 1,
	      "Memory charged to it, page cache included."),
	GAUGE("mem_used_bytes", "memory_working_set_bytes", "", 1,
	      "Memory less inactive page cache."),
	GAUGE("mem_anon_bytes", "memory_rss", "", 1, "Anonymous memory, in bytes."),
	GAUGE("mem_file_bytes", "memory_cache", "", 1, "Page cache, in bytes."),
	COUNTER("pgfault", "memory_failures_total", FAULTS("pgfault"), 1, "Page faults."),
	COUNTER("pgmajfault", "memory_failures_total", FAULTS("pgmajfault"), 1, "Page faults."),
	COUNTER("net_rx_bytes", "network_receive_bytes_total", OF_NET, 1, "Bytes received."),
	COUNTER("net_rx_packets", "network_receive_packets_total", OF_NET, 1, "Packets received."),
	COUNTER("net_rx_errors", "network_receive_errors_total", OF_NET, 1, "Errors receiving."),
	COUNTER("net_rx_dropped", "network_receive_packets_dropped_total", OF_NET, 1,
		"Packets dropped that came in."),
	COUNTER("net_tx_bytes", "network_transmit_bytes_total", OF_NET, 1, "Bytes sent."),
	COUNTER("net_tx_packets", "network_transmit_packets_total", OF_NET, 1, "Packets sent."),
	COUNTER("net_tx_errors", "network_transmit_errors_total", OF_NET, 1, "Errors sending."),
	COUNTER("net_tx_dropped", "network_transmit_packets_dropped_total", OF_NET, 1,
		"Packets dropped on their way out."),
	COUNTER("blk_read_bytes", "fs_reads_bytes_total", OF_FS, 1, "Bytes read."),
	COUNTER("blk_write_bytes", "fs_writes_bytes_total", OF_FS, 1, "Bytes written."),
	COUNTER("blk_read_ops", "fs_reads_total", OF_FS, 1, "Reads."),
	COUNTER("blk_write_ops", "fs_writes_total", OF_FS, 1, "Writes."),
	GAUGE("pids", "threads", "", 1, "Processes and threads."),
	GAUGE("pids_limit", "threads_max", "", 1, "Processes and threads that it may have."),
};
enum { N_FAMILIES = sizeof(families) / sizeof(*families) };
static const struct family labels_cut = {NULL,
					 "tallyd_container_labels_cut",
					 "",
					 "Labels of it are cut or left out here, as they are long.",
					 TALLY_METRIC_GAUGE,
					 1};
static const struct family last_seen =
	GAUGE(NULL, "last_seen", "", NS, "When it was last measured, since 1970.");

/* What container_info says.  A container without a limit has no sample: cAdvisor's 0 would read as
 * a limit of nothing.  A CPU limit is quota by period, and only the quotient is stored, so both are
 * given for the engine's own period. */
enum { PERIOD_US = 100000 };

static const struct spec {
	struct family family;
	enum { SPEC_AS_IT_IS, SPEC_QUOTA, SPEC_PERIOD } value;
} specs[] = {
	{GAUGE("started_at", "start_time_seconds", "", NS, "When its last run began, since 1970."),
	 SPEC_AS_IT_IS},
	{GAUGE("mem_limit_bytes", "spec_memory_limit_bytes", "", 1, "Its memory limit."),
	 SPEC_AS_IT_IS},
	{GAUGE("cpu_limit_cores", "spec_cpu_quota", "", 1,
	       "Its CPU limit, in microseconds per period."),
	 SPEC_QUOTA},
	{GAUGE("cpu_limit_cores", "spec_cpu_period", "", 1, "The period, in microseconds."),
	 SPEC_PERIOD},
};

/* Columns of container_info; without the first two there is nothing to match by. */
static const char *const info_columns[] = {"host",           "container_id", "image",
					   "labels",         "started_at",   "mem_limit_bytes",
					   "cpu_limit_cores"};
enum { INFO_COLUMNS = sizeof(info_columns) / sizeof(*info_columns), INFO_NEEDED = 2 };
enum { INFO_HOST = 1, INFO_ID }; /* in a row */

/* Labels are repeated in every sample, so each is bounded, and all of a container are: else one of
 * them could make the answer too long for everybody. */
enum { LABEL_MAX = 1024, LABELS_MAX = 8192 };

/* A container that is exported. */
struct subject {
	const struct tally_cell *reading; /* a row of latest */
	const struct tally_cell *info;    /* a row of info; NULL: there is none */
	size_t labels, labels_len;        /* in exporter.labels */
	bool labels_cut;                  /* some are, or left out */
};

struct exporter {
	struct context *context;
	struct latest latest;
	struct result_set info;
	uint32_t info_at[INFO_COLUMNS]; /* where in its rows; 0: it has no such column */
	struct json_writer labels;
	struct subject *subjects;
	uint32_t n;
	const char *headed; /* the family whose HELP and TYPE were written last */
};

static void exporter_done(struct exporter *exporter)
{
	latest_done(&exporter->latest);
	result_set_done(&exporter->info);
	json_writer_done(&exporter->labels);
	free(exporter->subjects);
}
#define auto_exporter __attribute__((cleanup(exporter_done)))

/* Where in a row of container_info a column is; 0: nowhere. */
static uint32_t info_find(const struct exporter *exporter, const char *column)
{
	for (uint32_t i = 0; i < INFO_COLUMNS; i++)
		if (strcmp(info_columns[i], column) == 0)
			return exporter->info_at[i];
	return 0;
}

/* NULL: not known. */
static const struct tally_cell *info_cell(const struct exporter *exporter,
					  const struct subject *subject, const char *column)
{
	uint32_t at = info_find(exporter, column);
	return at && subject->info && subject->info[at].set ? &subject->info[at] : NULL;
}

/* ---- Labels -------------------------------------------------------------- */

/* A label without a value is left out: Prometheus takes an empty one for none. */
static void write_cell(struct json_writer *text, const char *name, const struct tally_cell *cell)
{
	if (!cell->set)
		return;
	exposition_word(text, name);
	exposition_word(text, "=\"");
	exposition_label(text, cell->text, utf8_bound(cell->text, cell->len, LABEL_MAX));
	exposition_word(text, "\"");
}

/* Nothing if there is one of that name already, or no more room. */
static void write_container_label(struct json_writer *text, size_t from,
				  const struct json_text *name, const struct json_text *value,
				  bool *ret_cut)
{
	size_t at = text->len, len = value->at ? utf8_bound(value->at, value->len, LABEL_MAX) : 0;
	if (at - from + name->len + len > LABELS_MAX) {
		*ret_cut = true;
		return;
	}
	/* A metric's label may have only these characters in its name; the others become _. */
	exposition_word(text, ",container_label_");
	for (size_t i = 0; i < name->len; i++) {
		char c = name->at[i];
		bool plain =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		json_write_raw(text, plain ? &c : "_", 1);
	}
	exposition_word(text, "=\"");
	/* Two labels of a container may become one: the first stays. */
	if (text->error || memmem(text->data + from, at - from, text->data + at, text->len - at)) {
		text->len = at;
		return;
	}
	*ret_cut |= len < value->len;
	exposition_label(text, value->at ? value->at : "", len);
	exposition_word(text, "\"");
}

/* Once per container, since every one of its samples repeats them. */
static void write_labels(struct exporter *exporter, struct subject *subject)
{
	struct json_writer *text = &exporter->labels;
	const struct tally_cell *reading = subject->reading;
	const struct tally_cell *image = info_cell(exporter, subject, "image");
	const struct tally_cell *labels = info_cell(exporter, subject, "labels");
	subject->labels = text->len;
	exposition_word(text, "id=\"/docker/");
	exposition_label(text, reading[LATEST_ID].text, reading[LATEST_ID].len);
	exposition_word(text, "\"");
	write_cell(text, ",name", &reading[LATEST_NAME]);
	write_cell(text, ",host", &reading[LATEST_HOST]);
	if (image)
		write_cell(text, ",image", image);
	if (labels) {
		struct json_reader json;
		struct json_text name, value;
		size_t from = text->len;
		json_reader_init(&json, (char *)(uintptr_t)labels->text, labels->len); /* ours */
		json_enter_object(&json);
		while (json_next_key(&json, &name) && json_read_text(&json, &value))
			write_container_label(text, from, &name, &value, &subject->labels_cut);
	}
	subject->labels_len = text->len - subject->labels;
}

/* ---- Asking -------------------------------------------------------------- */

/* What is known of existing containers; no rows if no input collects it. */
static int query_info(struct exporter *exporter)
{
	struct context *context = exporter->context;
	const struct tally_table *table;
	struct query query;
	int r = context_table(context, "container_info", &table);
	if (r < 0 || !table)
		return r;
	query_init(&query, context, table);
	query.spec.limit = INT32_MAX; /* what they may take is bounded in bytes */
	query.bounded = true;
	for (uint32_t i = 0; i < INFO_COLUMNS; i++) {
		const struct tally_column *column = table_column(table, info_columns[i]);
		if (!column && i < INFO_NEEDED)
			return 0;
		if (column) {
			query_select(&query, column, TALLY_RAW);
			exporter->info_at[i] = query.spec.n_select;
		}
	}
	/* All its parameters are host=: there are no others. */
	for (uint32_t i = 0; i < context->target->n_params; i++)
		query_text(&query, table_column(table, "host"), TALLY_EQUALS,
			   context->target->params[i].value);
	if (table_gone(table))
		query_filter(&query, table_gone(table), TALLY_IS_NULL,
			     &(struct tally_cell){.set = 0});
	return query_run(&query, &exporter->info);
}

static int compare_info(const struct tally_cell *info, const struct tally_cell *reading)
{
	int order = cell_compare(&info[INFO_HOST], &reading[LATEST_HOST]);
	return order ? order : cell_compare(&info[INFO_ID], &reading[LATEST_ID]);
}

/* A merge of two lists that both come by host and id, so linear however many containers there
 * are. */
static int find_subjects(struct exporter *exporter)
{
	const struct result_set *info = &exporter->info;
	uint32_t at = 0;
	exporter->subjects = calloc(exporter->latest.n + 1, sizeof(*exporter->subjects));
	if (!exporter->subjects)
		return -ENOMEM;
	for (uint32_t i = 0; i < exporter->latest.n; i++) {
		const struct tally_cell *reading = latest_row(&exporter->latest, i);
		struct subject *subject = &exporter->subjects[exporter->n];
		if (reading[LATEST_TIME].i < exporter->context->now - cadvisor_age)
			continue;
		while (at < info->n_rows && compare_info(result_set_row(info, at), reading) < 0)
			at++;
		bool found =
			at < info->n_rows && compare_info(result_set_row(info, at), reading) == 0;
		subject->reading = reading;
		subject->info = found ? result_set_row(info, at) : NULL;
		write_labels(exporter, subject);
		exporter->n++;
	}
	return exporter->labels.error;
}

/* ---- Writing ------------------------------------------------------------- */

/* HELP and TYPE go before the first sample of a name, and families without samples have neither. */
static void write_sample(struct exporter *exporter, const struct subject *subject,
			 const struct family *family, double value)
{
	struct json_writer *text = &exporter->context->builder->body;
	if (!exporter->headed || strcmp(exporter->headed, family->name) != 0)
		exposition_head(text, family->name, family->help, family->kind);
	exporter->headed = family->name;
	exposition_word(text, family->name);
	exposition_word(text, "{");
	json_write_raw(text, exporter->labels.data + subject->labels, subject->labels_len);
	exposition_word(text, family->labels);
	exposition_word(text, "}");
	exposition_value(text, value / family->divisor);
}

/* The samples of one family stand together under one HELP and TYPE, as the format demands; so the
 * loop over families is the outer one, and labels are written once per container beforehand. */
static void write_family(struct exporter *exporter, const struct family *family)
{
	const struct fields *fields = &exporter->latest.fields;
	uint32_t field = 0;
	while (field < fields->n && strcmp(fields->columns[field]->name, family->column) != 0)
		field++;
	for (uint32_t i = 0; i < exporter->n && field < fields->n; i++) {
		const struct subject *subject = &exporter->subjects[i];
		const struct tally_cell *cell = &subject->reading[LATEST_FIELDS + field];
		if (cell->set)
			write_sample(exporter, subject, family, (double)cell->i);
	}
}

/* A store may hold limits as integers or as reals, as its input declared the column. */
static void write_spec(struct exporter *exporter, const struct spec *spec)
{
	bool real = exporter->info.types[info_find(exporter, spec->family.column)] == TALLY_REAL;
	for (uint32_t i = 0; i < exporter->n; i++) {
		const struct subject *subject = &exporter->subjects[i];
		const struct tally_cell *cell = info_cell(exporter, subject, spec->family.column);
		if (!cell)
			continue;
		double value = real ? cell->f : (double)cell->i;
		if (spec->value == SPEC_QUOTA)
			value = nearbyint(value * PERIOD_US);
		else if (spec->value == SPEC_PERIOD)
			value = PERIOD_US;
		write_sample(exporter, subject, &spec->family, value);
	}
}

/* All samples, family by family. */
static void write_all(struct exporter *exporter)
{
	for (uint32_t i = 0; i < N_FAMILIES; i++)
		write_family(exporter, &families[i]);
	for (uint32_t i = 0; i < exporter->n; i++)
		write_sample(exporter, &exporter->subjects[i], &last_seen,
			     (double)exporter->subjects[i].reading[LATEST_TIME].i);
	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++)
		write_spec(exporter, &specs[i]);
	for (uint32_t i = 0; i < exporter->n; i++)
		if (exporter->subjects[i].labels_cut)
			write_sample(exporter, &exporter->subjects[i], &labels_cut, 1);
}

int metrics_containers(struct context *context)
{
	struct exporter exporter auto_exporter = {.context = context};
	if (!context->config->container_metrics)
		return response_problem(context->builder, 404, NULL,
					"switched off: container_metrics = yes in "
					"[output.http_api] switches it on");
	json_writer_init(&exporter.labels, HTTP_MAX_BODY);
	int r = latest_read(context, NULL, &exporter.latest);
	if (r == 0)
		r = query_info(&exporter);
	if (r < 0)
		return r;
	r = find_subjects(&exporter);
	if (r == -E2BIG)
		return response_problem(
			context->builder, 413, NULL,
			"too many containers for one answer; ask for one host with host=");
	if (r < 0)
		return response_unavailable(context->builder, "out of memory");
	context->builder->type = content_type_metrics;
	write_all(&exporter);
	return 0;
}
