/*
 * writer.c calls this once per row, on the core's thread.  It only fills the buffer of commands and
 * does no I/O; what can go wrong is space and memory, and both show in bytes.error afterwards.
 *
 * Order within a row: first the hash, then the message.  A reader that is woken by the message and
 * then reads the hash must not find the old one.
 */
#include "publish.h"

#include <stdio.h>
#include <string.h>

#include "base/json_cell.h"

enum { PUBLISH_NAME_SIZE = 256 };

/* ---- Messages ------------------------------------------------------------ */

static void publish_message(struct commands *commands, const struct redis_config *config,
			    const struct tally_table *table, const struct tally_cell *cells)
{
	char channel[PUBLISH_NAME_SIZE];
	struct json_writer json;
	snprintf(channel, sizeof(channel), "%s" REDIS_LAYOUT "rows:%s", config->prefix,
		 table->name);
	commands_begin(commands, 3);
	commands_add_text(commands, "PUBLISH");
	commands_add_text(commands, channel);
	json_writer_init(&json, REDIS_MAX_ROW);
	json_begin_object(&json);
	for (uint32_t c = 0; c < table->n_columns; c++) {
		json_write_key(&json, table->columns[c].name);
		json_write_cell(&json, table->columns[c].type, &cells[c]);
	}
	json_end_object(&json);
	if (json.error)
		commands->bytes.error = json.error;
	else
		commands_add(commands, json.data, json.len);
	json_writer_done(&json);
}

/* ---- Hashes -------------------------------------------------------------- */

/* The tag container_id; NULL: the row is not about one container.  Docker's ids have 64 characters;
 * twice that is the limit for a key's part that an input could choose. */
static const struct tally_cell *find_container(const struct tally_table *table,
					       const struct tally_cell *cells)
{
	for (uint32_t c = 0; table->kind != TALLY_LOG && c < table->n_columns; c++)
		if (table->columns[c].role == TALLY_TAG && cells[c].set && cells[c].len <= 128 &&
		    strcmp(table->columns[c].name, "container_id") == 0)
			return &cells[c];
	return NULL;
}

static void begin_hash(struct commands *commands, const struct redis_config *config,
		       const char *command, const struct tally_cell *container, uint32_t n_words)
{
	char key[PUBLISH_NAME_SIZE];
	int len = snprintf(key, sizeof(key), "%s" REDIS_LAYOUT "container:%.*s", config->prefix,
			   (int)container->len, container->text);
	commands_begin(commands, 2 + n_words);
	commands_add_text(commands, command);
	commands_add(commands, key, (size_t)len);
}

/* As in a message, but text without quotes and escapes: readers of a hash want the bare value. */
static void add_value(struct commands *commands, const struct tally_column *column,
		      const struct tally_cell *cell)
{
	char number[64];
	struct json_writer json;
	if (column->type == TALLY_TEXT || column->type == TALLY_JSON) {
		commands_add(commands, cell->text, cell->len);
		return;
	}
	json_writer_init(&json, sizeof(number));
	json_write_cell(&json, column->type, cell);
	bool quoted = json.len >= 2 && json.data[0] == '"';
	if (json.error)
		commands->bytes.error = json.error;
	else
		commands_add(commands, json.data + quoted, json.len - 2 * quoted);
	json_writer_done(&json);
}

/* A field is named by table and column, since the tables of one container share its hash:
 * `stats.cpu_percent` from container_stats. */
static void add_fields(struct commands *commands, const struct tally_table *table,
		       const struct tally_cell *cells, bool set)
{
	static const char common[] = "container_";
	size_t skip = strncmp(table->name, common, strlen(common)) == 0 ? strlen(common) : 0;
	char field[PUBLISH_NAME_SIZE];
	for (uint32_t c = 0; c < table->n_columns; c++) {
		if ((cells[c].set != 0) != set)
			continue;
		snprintf(field, sizeof(field), "%s.%s", table->name + skip, table->columns[c].name);
		commands_add_text(commands, field);
		if (set)
			add_value(commands, &table->columns[c], &cells[c]);
	}
}

static void publish_hash(struct commands *commands, const struct redis_config *config,
			 const struct tally_table *table, const struct tally_cell *cells)
{
	const struct tally_cell *container = find_container(table, cells);
	uint32_t n_set = 0;
	if (!container)
		return;
	for (uint32_t c = 0; c < table->n_columns; c++)
		n_set += cells[c].set != 0;
	/* HSET alone would leave the last value of a column that is NULL now. */
	begin_hash(commands, config, "HSET", container, 2 * n_set);
	add_fields(commands, table, cells, true);
	if (n_set < table->n_columns) {
		begin_hash(commands, config, "HDEL", container, table->n_columns - n_set);
		add_fields(commands, table, cells, false);
	}
	/* Each row extends its life: hashes of removed containers expire by themselves. */
	begin_hash(commands, config, "PEXPIRE", container, 1);
	commands_add_number(commands, config->ttl / 1000000);
}

void publish_row(struct commands *commands, const struct redis_config *config,
		 const struct tally_batch *batch, uint32_t row)
{
	const struct tally_table *table = batch->table;
	const struct tally_cell *cells = &batch->cells[(size_t)row * table->n_columns];
	publish_hash(commands, config, table, cells);
	publish_message(commands, config, table, cells);
}
