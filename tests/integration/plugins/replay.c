/*
 * An input for tests: emits what it finds in a file, so that a test decides about every cell.  Each
 * line is a batch: {"table":"container_logs","rows":[[1700000000000000000,"alpha",…],…]}, the cells
 * in the order of the table's columns, those left out at the end NULL.  Lines that are added later
 * follow.  It knows the tables of the inputs of this tree, and two that nobody else knows.
 */
#include <errno.h>
#include "base/json_reader.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

#include "alert/alert_table.h"
#include "changes/changes_table.h"
#include "containers/stats_table.h"
#include "containers/status_table.h"
#include "docker_images/image_tables.h"
#include "effects/effects_table.h"
#include "logs/logs_table.h"
#include "patterns/patterns_table.h"
#include "docker_status/events_table.h"

#define COLUMN(n, t, r)                                                                            \
	{                                                                                          \
		.name = n, .type = TALLY_##t, .role = TALLY_##r                                    \
	}
#define COLUMNS(list) .columns = list, .n_columns = sizeof(list) / sizeof(*(list))

static const struct tally_column note_columns[] = {
	COLUMN("time", TIME, FIELD), COLUMN("author", TEXT, TAG), COLUMN("number", INT, ORDER),
	COLUMN("text", TEXT, FIELD)};
static const struct tally_table note_table = {.name = "notes",
					      .help = "What somebody wrote down",
					      .flags = TALLY_KEPT_LONG,
					      .kind = TALLY_LOG,
					      COLUMNS(note_columns),
					      .revision = 1};
static const struct tally_column weather_columns[] = {
	COLUMN("time", TIME, FIELD),   COLUMN("place", TEXT, TAG),   COLUMN("celsius", REAL, FIELD),
	COLUMN("drops", INT, COUNTER), COLUMN("sunny", BOOL, FIELD), COLUMN("extra", JSON, FIELD)};
static const struct tally_table weather_table = {.name = "weather",
						 .help = "What it was like outside",
						 .kind = TALLY_SERIES,
						 COLUMNS(weather_columns),
						 .revision = 1};
static const struct tally_table *const tables[] = {&stats_table,
						   &status_table,
						   &events_table,
						   &logs_table,
						   &images_table,
						   &versions_table,
						   &note_table,
						   &weather_table,
						   &changes_table,
						   &patterns_table,
						   &alerts_table,
						   &effects_table,
						   NULL};

struct replay_config {
	const char *file;
};

static const struct tally_option options[] = {
	{.name = "file",
	 .help = "What to emit",
	 .type = TALLY_OPT_STRING,
	 .flags = TALLY_OPT_REQUIRED,
	 .offset = offsetof(struct replay_config, file)},
	{.name = NULL},
};

struct replay {
	struct tally_ctx *ctx;
	const struct replay_config *config;
	long done; /* bytes of the file */
	struct json_reader json;
	struct tally_batch *batch;
};

static int replay_create(struct tally_ctx *ctx, const void *config, void **ret_self)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	if (!replay)
		return tally_fail(ctx, ENOMEM, "no memory");
	replay->ctx = ctx;
	replay->config = config;
	*ret_self = replay;
	return 0;
}

static const struct tally_table *replay_table(const struct json_text *name)
{
	for (const struct tally_table *const *table = tables; *table; table++)
		if (json_text_is(name, (*table)->name))
			return *table;
	return NULL;
}

static void replay_number(struct replay *replay, struct tally_cell *row, uint32_t column,
			  uint16_t type)
{
	char number[64];
	struct json_text text;
	if (!json_read_raw(&replay->json, &text) || text.len >= sizeof(number))
		return;
	memcpy(number, text.at, text.len);
	number[text.len] = '\0';
	if (type == TALLY_REAL)
		tally_put_real(row, column, strtod(number, NULL));
	else if (type == TALLY_BOOL)
		tally_put_int(row, column, number[0] == 't');
	else
		tally_put_int(row, column, strtoll(number, NULL, 10));
}

static void replay_cell(struct replay *replay, struct tally_cell *row, uint32_t column,
			uint16_t type)
{
	struct json_text text;
	if (json_peek(&replay->json) != JSON_NEXT_STRING) {
		bool null = json_peek(&replay->json) == JSON_NEXT_WORD && *replay->json.at == 'n';
		if (null)
			json_skip(&replay->json);
		else
			replay_number(replay, row, column, type);
	} else if (json_read_text(&replay->json, &text)) {
		tally_put_text(replay->ctx, replay->batch, row, column, text.at, text.len);
	}
}

static void replay_rows(struct replay *replay, const struct tally_table *table)
{
	json_enter_array(&replay->json);
	while (json_next_item(&replay->json)) {
		struct tally_cell *row = tally_batch_row(replay->ctx, replay->batch);
		json_enter_array(&replay->json);
		for (uint32_t i = 0; row && json_next_item(&replay->json); i++)
			replay_cell(replay, row, i, table->columns[i].type);
	}
}

static int replay_line(struct replay *replay, char *line, size_t len)
{
	struct json_text key, name;
	const struct tally_table *table = NULL;
	json_reader_init(&replay->json, line, len);
	json_enter_object(&replay->json);
	if (json_next_key(&replay->json, &key) && json_read_text(&replay->json, &name))
		table = replay_table(&name);
	if (!table || !json_next_key(&replay->json, &key))
		return tally_fail(replay->ctx, EINVAL, "no such table");
	replay->batch = tally_batch_new(replay->ctx, table);
	if (!replay->batch)
		return tally_fail(replay->ctx, ENOMEM, "no memory");
	replay_rows(replay, table);
	if (replay->json.problem)
		tally_log(replay->ctx, TALLY_ERROR, "%s: %s", table->name, replay->json.problem);
	return tally_emit(replay->ctx, replay->batch, NULL, NULL);
}

static int replay_gather(void *self)
{
	struct replay *replay = self;
	char *line = NULL;
	size_t size = 0;
	int r = 0;
	FILE *file = fopen(replay->config->file, "r");
	if (!file)
		return tally_fail(replay->ctx, errno, "%s: %s", replay->config->file,
				  strerror(errno));
	fseek(file, replay->done, SEEK_SET);
	for (ssize_t len; r == 0 && (len = getline(&line, &size, file)) > 0;) {
		if (line[len - 1] != '\n')
			break; /* the rest of it is being written */
		r = replay_line(replay, line, (size_t)len - 1);
		replay->done += len;
	}
	free(line);
	fclose(file);
	return r;
}

static void replay_destroy(void *self)
{
	free(self);
}

static const struct tally_input input = {
	.size = sizeof(input), .interval = INT64_C(100000000), .gather = replay_gather};

TALLY_PLUGIN(.name = "replay", .version = TALLYD_VERSION, .help = "Emits a file, for tests",
	     .options = options, .config_size = sizeof(struct replay_config), .tables = tables,
	     .create = replay_create, .destroy = replay_destroy, .input = &input)
