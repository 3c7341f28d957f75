/*
 * Instructions of a log line out of the engine's file: read, split, joined, made a row of
 * container_logs, handed over in batches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "counted.h"
#include "logs/ingest.h"
#include "logs.h"
#include "logs/log_file.h"

enum { LINES = 10000 };

static struct docker_logs logs;

/* The log of one container. */
struct reading {
	struct ingest ingest;
	struct log_file file;
	char path[512];
};

/* One to be warm. */
static struct reading readings[2];

/* What web servers and programs print, some with a level. */
static const char *const texts[] = {
	"192.0.2.17 - - [28/Nov/2026:10:00:00 +0000] \\\"GET /index.html HTTP/1.1\\\" 200 612",
	"level=info msg=\\\"request done\\\" path=/api/v1/things status=200 took=12ms",
	"2026-11-28 10:00:00,123 WARNING worker.py:117 queue is 80% full",
	"{\\\"level\\\":\\\"error\\\",\\\"msg\\\":\\\"cannot connect\\\",\\\"try\\\":3}",
	"ready",
};

static void print_lines(const char *path)
{
	int64_t at = COUNTED_BEGIN;
	FILE *file = fopen(path, "w");
	counted_check(file != NULL, path);
	for (uint32_t i = 0; i < LINES; i++) {
		char time[RFC3339_SIZE];
		rfc3339_format(at += CLOCK_MS, time);
		fprintf(file, "{\"log\":\"%s %u\\n\",\"stream\":\"%s\",\"time\":\"%s\"}\n",
			texts[i % 5], i, i % 7 ? "stdout" : "stderr", time);
	}
	counted_check(fclose(file) == 0, path);
}

static void open_log(struct reading *reading, uint32_t container)
{
	ingest_init(&reading->ingest, &logs.common, counted_id(container));
	snprintf(reading->ingest.rows.name, sizeof(reading->ingest.rows.name), "web%u", container);
	snprintf(reading->path, sizeof(reading->path), "%s/%u.log", counted_folder, container);
	print_lines(reading->path);
	const struct log_begin begin = {.resume = &reading->ingest.lines.resume,
					.buffer = logs.buffer};
	counted_check(log_file_open(&reading->file, reading->path, &begin) == 0, "open");
	ingest_begin_file(&reading->ingest);
}

static void read_log(void *arg)
{
	struct reading **next = arg;
	struct reading *reading = (*next)++;
	int state = LOG_MORE;
	log_file_refresh(&reading->file);
	while (state == LOG_MORE)
		state = log_file_read(&reading->file, logs.buffer, ingest_part, &reading->ingest);
	counted_check(state == LOG_END && ingest_flush(&reading->ingest) == LOG_MORE, "read");
}

int main(int argc, char **argv)
{
	struct reading *next = readings;
	counted_init(argc, argv);
	struct fake_host *host = fake_host_create("input.docker_logs");
	fake_host_set_monotonic(host, CLOCK_SECOND);
	logs = (struct docker_logs){.ctx = fake_host_ctx(host),
				    .config = counted_config(counted_load("docker_logs")),
				    .buffer = malloc(LOG_FILE_BUFFER)};
	counted_check(log_common_init(&logs.common, logs.ctx, &logs.config->log, METRIC_LOGS) == 0,
		      "configuration");
	for (uint32_t i = 0; i < 2; i++)
		open_log(&readings[i], i);
	counted("logs: a line, from the file to a row", LINES, read_log, &next);
	counted_check(fake_host_rows(host, "container_logs") == 2 * LINES, "lines were lost");
	for (uint32_t i = 0; i < 2; i++) {
		log_file_close(&readings[i].file);
		ingest_done(&readings[i].ingest);
	}
	free(logs.buffer);
	fake_host_destroy(host);
	return 0;
}
