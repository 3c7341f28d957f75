/* The text of a rule, with what ends it behind the first line break, and times in which it is
 * quiet.  A rule that is taken must work on a row. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "evaluate/engine.h"
#include "keep/quiet.h"
#include "language/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "host", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "container_id", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "n", .type = TALLY_INT, .unit = "bytes"},
	{.name = "c", .type = TALLY_INT, .unit = "ns", .role = TALLY_COUNTER},
	{.name = "r", .type = TALLY_REAL, .unit = "percent"},
	{.name = "b", .type = TALLY_BOOL},
	{.name = "t", .type = TALLY_TEXT},
};
static const struct tally_table table = {.name = "a",
					 .help = "a",
					 .columns = columns,
					 .n_columns = sizeof(columns) / sizeof(columns[0]),
					 .kind = TALLY_SERIES};

static int ignore(void *arg, const struct engine_change *change)
{
	(void)arg;
	(void)change;
	return 0;
}

static void try_rule(const struct rule *rule)
{
	const struct engine_setup setup = {
		.rule = rule, .host = "box", .max_subjects = 4, .now = 1};
	struct engine *engine = engine_create(&setup);
	struct tally_cell cells[sizeof(columns) / sizeof(columns[0])] = {0};
	const struct tally_batch batch = {.table = &table, .cells = cells, .n_rows = 1};
	if (!engine)
		abort();
	for (int64_t i = 1; i < 8; i++) {
		cells[0] = (struct tally_cell){.i = i * INT64_C(10000000000), .set = 1};
		for (uint32_t c = 1; c < table.n_columns; c++) {
			cells[c].set = (uint32_t)(i + c) % 3 > 0;
			if (columns[c].type == TALLY_TEXT) {
				cells[c].text = "die";
				cells[c].len = 3;
			} else if (columns[c].type == TALLY_REAL) {
				cells[c].f = (double)i;
			} else {
				cells[c].i = columns[c].type == TALLY_BOOL ? i % 2 : i;
			}
		}
		engine_watch(engine, &batch, cells[0].i);
		engine_look(engine, i % 2, cells[0].i, ignore, NULL);
	}
	engine_look(engine, true, INT64_MAX / 2, ignore, NULL);
	engine_destroy(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct names names = {.n = 0};
	struct rule *rule = NULL;
	struct error error;
	struct quiet quiet;
	char *text = malloc(size + 1);
	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	names_add(&names, &table, "alerts");
	if (quiet_parse(text, &quiet, &error) == 0)
		(void)quiet_is(&quiet, INT64_C(1796169600000000000));
	char *clear = strchr(text, '\n');
	if (clear)
		*clear++ = '\0';
	if (parse_rule(text, clear, &names, &rule, &error) == 0) {
		try_rule(rule);
		rule_destroy(rule);
	} else if (!error.text[0]) {
		abort(); /* a refusal says why */
	}
	free(text);
	return 0;
}
