#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/exec_lines.h"
#include "exec/exec_stderr.h"
#include "exec/exec_words.h"
#include "exec_encode.h"
#include "exec_row.h"
#include <tallyd/testing/fake_host.h>
#include "test.h"

/* ---- Words ------------------------------------------------------------------- */

static void a_command_is_split_as_a_shell_would(void **state)
{
	static const char *const cases[][4] = {
		{"/bin/a", "/bin/a"},
		{"  /bin/a  b\tc ", "/bin/a", "b", "c"},
		{"a 'b c' d\"e f\"", "a", "b c", "de f"},
		{"a \"\\\"x\\\\\" '\\'", "a", "\"x\\", "\\"},
		{"a\\ b ''", "a b", ""},
		{"$HOME *", "$HOME", "*"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char **words = NULL;
		size_t n = 0;
		assert_int_equal(exec_words_split(cases[i][0], &words), 0);
		for (; n < 3 && cases[i][n + 1]; n++)
			assert_string_equal(words[n], cases[i][n + 1]);
		assert_null(words[n]);
		free(words);
	}
}

static void a_command_without_a_word_or_the_end_of_a_quote_is_refused(void **state)
{
	static const char *const wrong[] = {"", "  ", "a 'b", "a \"b", "\"a\\\""};
	char **words = NULL;
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(exec_words_split(wrong[i], &words), -EINVAL);
	assert_null(words);
}

/* ---- Lines ------------------------------------------------------------------- */

/* What comes of the bytes, in pieces of that many: lines between bars, ! for one too long. */
static void lines_of(const char *bytes, size_t piece, char *ret, size_t size)
{
	struct exec_lines lines;
	int ends[2];
	char *line;
	size_t len, n = 0;
	enum exec_lines_got got;
	assert_int_equal(exec_lines_init(&lines, 8), 0);
	assert_int_equal(pipe(ends), 0);
	ret[0] = '\0';
	for (size_t at = 0; at < strlen(bytes); at += piece) {
		size_t some = strlen(bytes + at) < piece ? strlen(bytes + at) : piece;
		assert_int_equal(write(ends[1], bytes + at, some), some);
		assert_true(exec_lines_fill(&lines, ends[0]) > 0);
		while ((got = exec_lines_next(&lines, &line, &len)) != EXEC_LINES_NONE)
			n += (size_t)snprintf(ret + n, size - n, "%s|",
					      got == EXEC_LINES_LINE ? line : "!");
	}
	if ((got = exec_lines_rest(&lines, &line, &len)) != EXEC_LINES_NONE)
		snprintf(ret + n, size - n, "rest %s", got == EXEC_LINES_LINE ? line : "!");
	close(ends[0]);
	close(ends[1]);
	exec_lines_done(&lines);
}

static void lines_come_whole_however_they_are_cut(void **state)
{
	char found[256];
	(void)state;
	for (size_t piece = 1; piece <= 16; piece++) {
		lines_of("ab\r\n\n12345678\nrest", piece, found, sizeof(found));
		assert_string_equal(found, "ab||12345678|rest rest");
	}
}

static void a_line_that_is_too_long_is_told_once_and_passed_over(void **state)
{
	char found[256];
	(void)state;
	for (size_t piece = 1; piece <= 16; piece++) {
		lines_of("a\n123456789\nb\n1234567890123456789012345678901234567890\nc\n123456789",
			 piece, found, sizeof(found));
		/* The last one has no end: it is told while it comes, or when nothing more does. */
		found[strlen(found) - 1] = '\0';
		assert_true(strcmp(found, "a|!|b|!|c|!") == 0 ||
			    strcmp(found, "a|!|b|!|c|rest ") == 0);
	}
}

/* ---- Levels of stderr -------------------------------------------------------- */

static void a_line_of_stderr_may_say_its_level(void **state)
{
	static const struct {
		const char *line, *text;
		int level;
	} cases[] = {
		{"plain", "plain", -1},
		{"<3>bad", "bad", TALLY_ERROR},
		{"<0>worse", "worse", TALLY_ERROR},
		{"<7>", "", TALLY_DEBUG},
		{"<8>x", "<8>x", -1},
		{"E! bad", "bad", TALLY_ERROR},
		{"2026-11-30T12:00:00Z W! hm", "hm", TALLY_WARNING},
		{"2026/11/30 12:00:00 I! so", "so", TALLY_INFO},
		{"D!x", "D!x", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int level = -1;
		size_t skip = exec_stderr_level(cases[i].line, &level);
		assert_string_equal(cases[i].line + skip, cases[i].text);
		assert_int_equal(level, cases[i].level);
	}
}

/* ---- Declarations ------------------------------------------------------------ */

enum { ROW_TEXT = 256 };

struct rig {
	struct fake_host *host;
	struct tally_ctx *ctx;
	struct exec_tables tables;
	struct exec_row row;
	struct exec_problem problem;
};

static int set_up(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	rig->host = fake_host_create("input.exec:test");
	rig->ctx = fake_host_ctx(rig->host);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *rig = *state;
	exec_row_done(&rig->row);
	fake_host_destroy(rig->host);
	free(rig);
	return 0;
}

static const char sensors_text[] =
	"series sensors (sensor text tag, temperature real unit=celsius, "
	"reads int counter, open bool, note text, more json)";

static void a_table_is_declared_by_a_text(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(
		exec_tables_from_text(rig->ctx,
				      "series sensors(sensor text tag,reads int counter "
				      "unit=1)\n state doors (seen time, door text tag, "
				      "gone_at time gone), log lines kept_long (n int order)",
				      &rig->tables),
		0);
	assert_int_equal(rig->tables.n, 3);
	const struct tally_table *table = exec_tables_find(&rig->tables, "sensors");
	assert_int_equal(table->kind, TALLY_SERIES);
	assert_int_equal(table->n_columns, 3);
	assert_string_equal(table->columns[0].name, "time");
	assert_int_equal(table->columns[2].role, TALLY_COUNTER);
	assert_string_equal(table->columns[2].unit, "1");
	assert_int_equal(table->flags, 0);
	assert_int_equal(exec_tables_find(&rig->tables, "lines")->flags, TALLY_KEPT_LONG);
	table = exec_tables_find(&rig->tables, "doors");
	assert_int_equal(table->kind, TALLY_STATE);
	assert_string_equal(table->columns[0].name, "seen");
	assert_int_equal(table->columns[2].role, TALLY_GONE);
}

static void a_wrong_declaration_is_refused_with_what_is_wrong(void **state)
{
	static const char *const cases[][2] = {
		{"table x (a int)", "declare: \"table x\" where series, state or log and the name "
				    "of a table should stand"},
		{"series x a int", "declare: \"a\" where kept_long or ( should stand"},
		{"series x (a number)", "declare: \"number\" where a type (time, int, real, bool, "
					"text or json) should stand"},
		{"series x (a int tga)",
		 "declare: \"tga\" where tag, field, counter, gone, order or unit=… should stand"},
		{"series x (a int", "declare: \"the end\" where ) should stand"},
		{"series x ()", "declare: \")\" where the name of a column should stand"},
		{"series x_rows (a int)",
		 "table x_rows: names that end in _rows are a store's own"},
		{"series x (a real tag)", "table x: column a: role 1 does not go with type 3"},
		{"state x (a int)", "table x: a STATE table needs a TAG as its key"},
	};
	struct rig *rig = *state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(exec_tables_from_text(rig->ctx, cases[i][0], &rig->tables) < 0);
		assert_string_equal(fake_host_reason(rig->host), cases[i][1]);
		assert_int_equal(rig->tables.n, 0);
	}
}

/* ---- Rows -------------------------------------------------------------------- */

static void declare_sensors(struct rig *rig)
{
	assert_int_equal(exec_tables_from_text(rig->ctx, sensors_text, &rig->tables), 0);
}

/* As text, so that a case is one line. */
static const char *row_text(struct rig *rig, char ret[ROW_TEXT])
{
	const struct tally_table *table = rig->row.table;
	size_t n = 0;
	ret[0] = '\0';
	for (uint32_t c = 0; c < table->n_columns; c++) {
		const struct tally_cell *cell = &rig->row.cells[c];
		uint16_t type = table->columns[c].type;
		char value[128] = "-";
		if (cell->set && type == TALLY_REAL)
			snprintf(value, sizeof(value), "%g", cell->f);
		else if (cell->set && (type == TALLY_TEXT || type == TALLY_JSON))
			snprintf(value, sizeof(value), "'%.*s'", (int)cell->len, cell->text);
		else if (cell->set)
			snprintf(value, sizeof(value), "%lld", (long long)cell->i);
		n += (size_t)snprintf(ret + n, ROW_TEXT - n, "%s%s", c ? " " : "", value);
	}
	return ret;
}

static int parse_influx(struct rig *rig, const char *line)
{
	size_t len = strlen(line);
	char *copy = strdup(line);
	char found[ROW_TEXT] = "";
	int r = exec_row_from_influx(&rig->tables, copy, len, &rig->row, &rig->problem);
	if (r == 0)
		row_text(rig, found);
	free(copy);
	snprintf(rig->problem.text, sizeof(rig->problem.text), "%s",
		 r == 0 ? found : rig->problem.text);
	return r;
}

static int parse_json(struct rig *rig, const char *line)
{
	json_t *object = json_loads(line, 0, NULL);
	char found[ROW_TEXT] = "";
	assert_non_null(object);
	int r = exec_row_from_json(&rig->tables, object, &rig->row, &rig->problem);
	if (r == 0)
		row_text(rig, found);
	json_decref(object);
	if (r == 0)
		snprintf(rig->problem.text, sizeof(rig->problem.text), "%s", found);
	return r;
}

static void the_line_protocol_is_read_as_its_description_says(void **state)
{
	static const char *const cases[][2] = {
		{"sensors,sensor=attic temperature=21.5,reads=7i,open=t,note=\"a b\" 1000",
		 "1000 'attic' 21.5 7 1 'a b' -"},
		{"sensors temperature=1e3", "- '' 1000 - - - -"},
		{"Sensors,Sensor=a\\ b\\,c\\=d note=\"q\\\"\\\\ =,\" -5",
		 "-5 'a b,c=d' - - - 'q\"\\ =,' -"},
		{"sensors,sensor=x reads=5u,temperature=3i,open=False   7  ",
		 NULL}, /* blanks behind the time are no time */
		{"sensors,sensor=x reads=5u,temperature=3i,open=False   7", "7 'x' 3 5 0 - -"},
		{"sensors,sensor=x reads=5", "- 'x' - 5 - - -"},
		{"sensors,sensor=x more=\"{\\\"a\\\": 1}\"", "- 'x' - - - - '{\"a\": 1}'"},
		{"sensors,sensor=x other=5,reads=1i", "- 'x' - 1 - - -"},
		{"sensors,sensor=日本 reads=-9223372036854775808i",
		 "- '日本' - -9223372036854775808 - - -"},
	};
	struct rig *rig = *state;
	declare_sensors(rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int r = parse_influx(rig, cases[i][0]);
		assert_int_equal(r, cases[i][1] ? 0 : -EINVAL);
		if (r == 0)
			assert_string_equal(rig->problem.text, cases[i][1]);
	}
}

static void a_bad_line_of_the_protocol_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *line;
		enum exec_refused reason;
		size_t column;
	} cases[] = {
		{"", EXEC_SYNTAX, 1},
		{",a=b c=1", EXEC_SYNTAX, 1},
		{"cpu a=1", EXEC_TABLE, 1},
		{"sensors", EXEC_SYNTAX, 8},
		{"sensors,sensor", EXEC_SYNTAX, 9},
		{"sensors,sensor=a", EXEC_SYNTAX, 17},
		{"sensors,sensor=a ", EXEC_SYNTAX, 18},
		{"sensors,sensor=a reads", EXEC_SYNTAX, 18},
		{"sensors,sensor=a reads=", EXEC_SYNTAX, 24},
		{"sensors,sensor=a reads=x", EXEC_TYPE, 24},
		{"sensors,sensor=a reads=1.5", EXEC_TYPE, 24},
		{"sensors,sensor=a reads=9223372036854775808i", EXEC_TYPE, 24},
		{"sensors,sensor=a temperature=NaN", EXEC_TYPE, 30},
		{"sensors,sensor=a temperature=1e999", EXEC_TYPE, 30},
		{"sensors,sensor=a temperature=0x10", EXEC_TYPE, 30},
		{"sensors,sensor=a open=1", EXEC_TYPE, 23},
		{"sensors,sensor=a note=\"b", EXEC_SYNTAX, 23},
		{"sensors,sensor=a note=b", EXEC_TYPE, 23},
		{"sensors,sensor=a temperature=\"b\"", EXEC_TYPE, 30},
		{"sensors,sensor=a more=\"{\"", EXEC_TYPE, 23},
		{"sensors,sensor=a reads=1i x", EXEC_SYNTAX, 26},
		{"sensors,sensor=a reads=1i,", EXEC_SYNTAX, 27},
		{"sensors,sensor=\xff reads=1i", EXEC_SYNTAX, 0},
	};
	struct rig *rig = *state;
	declare_sensors(rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse_influx(rig, cases[i].line) != -EINVAL)
			fail_msg("%s: %s", cases[i].line, rig->problem.text);
		if (rig->problem.reason != cases[i].reason ||
		    rig->problem.column != cases[i].column)
			fail_msg("%s: reason %d, column %zu: %s", cases[i].line,
				 rig->problem.reason, rig->problem.column, rig->problem.text);
	}
}

static void rows_are_read_from_json(void **state)
{
	static const char *const cases[][2] = {
		{"{\"table\": \"sensors\", \"time\": \"1970-01-01T00:00:01.5Z\", \"sensor\": "
		 "\"attic\", "
		 "\"temperature\": 21.5, \"reads\": 7, \"open\": true, \"note\": null}",
		 "1500000000 'attic' 21.5 7 1 - -"},
		{"{\"time\": 3, \"reads\": 7.0, \"temperature\": 4, \"more\": {\"a\": [1, null]}}",
		 "3000000000 - 4 7 - - '{\"a\":[1,null]}'"},
		{"{\"time\": 0.25, \"other\": 1, \"more\": \"x\"}", "250000000 - - - - - '\"x\"'"},
	};
	static const char *const wrong[] = {
		"{\"time\": \"now\"}",
		"{\"time\": 1e300}",
		"{\"reads\": 1.5}",
		"{\"reads\": \"7\"}",
		"{\"reads\": 1e19}",
		"{\"open\": 1}",
		"{\"note\": 5}",
		"{\"sensor\": true}",
		"{\"temperature\": \"1\"}",
		"{\"time\": 9223372036854775807}",
	};
	struct rig *rig = *state;
	declare_sensors(rig);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse_json(rig, cases[i][0]), 0);
		assert_string_equal(rig->problem.text, cases[i][1]);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (parse_json(rig, wrong[i]) != -EINVAL || rig->problem.reason != EXEC_TYPE)
			fail_msg("%s", wrong[i]);
	}
	assert_int_equal(parse_json(rig, "{\"table\": \"cpu\"}"), -EINVAL);
	assert_string_equal(rig->problem.text, "no table \"cpu\" is declared");
}

static void what_a_program_leaves_out_is_filled_in_if_we_know_it(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(exec_tables_from_text(
				 rig->ctx, "log lines (host text tag, unit text tag, n int order)",
				 &rig->tables),
			 0);
	assert_int_equal(parse_json(rig, "{\"unit\": \"a\"}"), 0);
	assert_int_equal(exec_row_fill(&rig->row, 5, "here", 9, &rig->problem), 0);
	char found[ROW_TEXT];
	json_t *object = json_loads("{\"unit\": \"a\"}", 0, NULL);
	assert_int_equal(exec_row_from_json(&rig->tables, object, &rig->row, &rig->problem), 0);
	assert_int_equal(exec_row_fill(&rig->row, 5, "here", 9, &rig->problem), 0);
	assert_string_equal(row_text(rig, found), "5 'here' 'a' 9");
	json_decref(object);
	assert_int_equal(parse_json(rig, "{}"), 0);
	assert_int_equal(exec_row_fill(&rig->row, 5, "here", 9, &rig->problem), -EINVAL);
	assert_string_equal(rig->problem.text, "lines: the tag unit is missing");
}

/* ---- There and back ---------------------------------------------------------- */

/* A batch of one row, which was parsed of this line. */
static struct tally_batch *batch_of(struct rig *rig, const char *json)
{
	json_t *object = json_loads(json, 0, NULL);
	assert_non_null(object);
	assert_int_equal(exec_row_from_json(&rig->tables, object, &rig->row, &rig->problem), 0);
	struct tally_batch *batch = tally_batch_new(rig->ctx, rig->row.table);
	struct tally_cell *cells = tally_batch_row(rig->ctx, batch);
	for (uint32_t c = 0; c < rig->row.table->n_columns; c++) {
		uint16_t type = rig->row.table->columns[c].type;
		cells[c] = rig->row.cells[c];
		if (cells[c].set && type >= TALLY_TEXT)
			tally_put_text(rig->ctx, batch, cells, c, cells[c].text, cells[c].len);
	}
	json_decref(object);
	return batch;
}

static const char odd_row[] =
	"{\"time\": 5, \"sensor\": \"a b,c=d\\\\\", \"temperature\": 0.1, \"reads\": -7, "
	"\"open\": false, \"note\": \"q\\\"\\\\ \", \"more\": [1, \"x\"]}";

static void what_is_written_in_the_line_protocol_is_read_as_the_same(void **state)
{
	struct rig *rig = *state;
	struct json_writer lines;
	declare_sensors(rig);
	struct tally_batch *batch = batch_of(rig, odd_row);
	json_writer_init(&lines, 4096);
	assert_true(exec_encode_influx(&lines, batch, 0));
	char *text = strndup(lines.data, lines.len);
	assert_string_equal(text,
			    "sensors,sensor=a\\ b\\,c\\=d\\\\ temperature=0.10000000000000001,"
			    "reads=-7i,open=false,note=\"q\\\"\\\\ \",more=\"[1,\\\"x\\\"]\" "
			    "5000000000\n");
	text[lines.len - 1] = '\0';
	assert_int_equal(parse_influx(rig, text), 0);
	assert_string_equal(rig->problem.text,
			    "5000000000 'a b,c=d\\' 0.1 -7 0 'q\"\\ ' '[1,\"x\"]'");
	free(text);
	json_writer_done(&lines);
	tally_batch_drop(rig->ctx, batch);
}

static void a_row_without_a_value_has_no_line(void **state)
{
	struct rig *rig = *state;
	struct json_writer lines;
	declare_sensors(rig);
	struct tally_batch *batch = batch_of(rig, "{\"time\": 5, \"sensor\": \"a\"}");
	json_writer_init(&lines, 4096);
	assert_false(exec_encode_influx(&lines, batch, 0));
	assert_int_equal(lines.len, 0);
	json_writer_done(&lines);
	tally_batch_drop(rig->ctx, batch);
}

static void what_is_written_as_json_is_read_as_the_same(void **state)
{
	struct rig *rig = *state;
	struct json_writer lines;
	declare_sensors(rig);
	struct tally_batch *batch = batch_of(rig, odd_row);
	json_writer_init(&lines, 4096);
	exec_encode_table(&lines, batch->table);
	size_t declared = lines.len;
	exec_encode_json(&lines, batch);
	char *text = strndup(lines.data + declared, lines.len - declared);
	assert_int_equal(parse_json(rig, text), 0);
	assert_string_equal(rig->problem.text,
			    "5000000000 'a b,c=d\\' 0.1 -7 0 'q\"\\ ' '[1,\"x\"]'");
	free(text);
	json_writer_done(&lines);
	tally_batch_drop(rig->ctx, batch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_command_is_split_as_a_shell_would),
		cmocka_unit_test(a_command_without_a_word_or_the_end_of_a_quote_is_refused),
		cmocka_unit_test(lines_come_whole_however_they_are_cut),
		cmocka_unit_test(a_line_that_is_too_long_is_told_once_and_passed_over),
		cmocka_unit_test(a_line_of_stderr_may_say_its_level),
		TEST(a_table_is_declared_by_a_text),
		TEST(a_wrong_declaration_is_refused_with_what_is_wrong),
		TEST(the_line_protocol_is_read_as_its_description_says),
		TEST(a_bad_line_of_the_protocol_is_refused_with_its_place),
		TEST(rows_are_read_from_json),
		TEST(what_is_written_in_the_line_protocol_is_read_as_the_same),
		TEST(a_row_without_a_value_has_no_line),
		TEST(what_is_written_as_json_is_read_as_the_same),
		TEST(what_a_program_leaves_out_is_filled_in_if_we_know_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
