#include <errno.h>
#include <float.h>
#include <jansson.h>
#include "base/json_reader.h"
#include "base/json_real.h"
#include "base/json_cell.h"
#include "base/json_writer.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static void assert_written(struct json_writer *json, const char *expected)
{
	assert_int_equal(json->error, 0);
	assert_int_equal(json->len, strlen(expected));
	assert_memory_equal(json->data, expected, json->len);
	json_writer_done(json);
}

static void nested_values_get_their_commas(void **state)
{
	(void)state;
	struct json_writer json;
	json_writer_init(&json, 1000);
	json_begin_object(&json);
	json_write_key(&json, "a");
	json_begin_array(&json);
	json_write_int(&json, 1);
	json_begin_object(&json);
	json_end_object(&json);
	json_begin_array(&json);
	json_end_array(&json);
	json_write_null(&json);
	json_end_array(&json);
	json_write_key(&json, "b");
	json_write_bool(&json, true);
	json_write_name(&json, "c");
	json_write_string(&json, NULL);
	json_end_object(&json);
	assert_written(&json, "{\"a\":[1,{},[],null],\"b\":true,\"c\":null}");
}

static void text_is_escaped_and_made_valid(void **state)
{
	(void)state;
	struct json_writer json;
	json_writer_init(&json, 1000);
	/* a lone continuation, an overlong slash, a surrogate, a cut-off start */
	static const char bad[] = "a\x80"
				  "b\xc0\xaf"
				  "c\xed\xa0\x80"
				  "d\xe2\x82";
	json_begin_array(&json);
	json_write_string(&json, "q\" b\\ n\n t\t r\r nul\x01 del\x7f");
	json_write_string(&json, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb3");
	json_write_text(&json, bad, sizeof(bad) - 1);
	json_write_text(&json, "a\0b", 3);
	json_end_array(&json);
	assert_written(&json, "[\"q\\\" b\\\\ n\\n t\\t r\\r nul\\u0001 del\x7f\","
			      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xb3\","
			      "\"a\xef\xbf\xbd"
			      "b\xef\xbf\xbd\xef\xbf\xbd"
			      "c\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
			      "d\xef\xbf\xbd\xef\xbf\xbd\","
			      "\"a\\u0000b\"]");
}

/* Plain text is looked at in words of eight bytes: every byte at every place, whatever the length.
 */
static void a_byte_is_escaped_wherever_it_stands(void **state)
{
	char text[40];
	(void)state;
	for (size_t len = 1; len < 24; len++)
		for (size_t at = 0; at < len; at++)
			for (int byte = 0; byte < 256; byte++) {
				struct json_writer json;
				char escaped[8] = {(char)byte}, expected[80];
				memset(text, 'x', len);
				text[at] = (char)byte;
				if (byte == '"' || byte == '\\')
					snprintf(escaped, sizeof(escaped), "\\%c", byte);
				else if (byte == '\n' || byte == '\r' || byte == '\t')
					snprintf(escaped, sizeof(escaped), "\\%c",
						 byte == '\n'   ? 'n'
						 : byte == '\r' ? 'r'
								: 't');
				else if (byte < 0x20)
					snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
				else if (byte >= 0x80)
					snprintf(escaped, sizeof(escaped), "\xef\xbf\xbd");
				snprintf(expected, sizeof(expected), "[\"%.*s%s%.*s\"", (int)at,
					 text, escaped, (int)(len - at - 1), text + at + 1);
				json_writer_init(&json, 1000);
				json_begin_array(&json);
				json_write_text(&json, text, len);
				assert_written(&json, expected);
			}
}

static void integers_are_written_to_their_ends(void **state)
{
	(void)state;
	struct json_writer json;
	json_writer_init(&json, 1000);
	json_begin_array(&json);
	json_write_int(&json, 0);
	json_write_int(&json, -1);
	json_write_int(&json, INT64_MAX);
	json_write_int(&json, INT64_MIN);
	json_end_array(&json);
	assert_written(&json, "[0,-1,9223372036854775807,-9223372036854775808]");
}

static void reals_are_short_and_what_is_no_number_is_null(void **state)
{
	(void)state;
	struct json_writer json;
	json_writer_init(&json, 1000);
	const double values[] = {
		0,    -0.0,     1.5,      -2.25,    0.1,       100,  1e6,        1e9,
		1e21, 0.000001, 12.34567, 0.999999, -0.000001, 1e-7, 4294967296, -999999999999999,
		1e15, 1e9 + 0.5};
	json_begin_array(&json);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		json_write_real(&json, values[i]);
	json_write_real(&json, NAN);
	json_write_real(&json, INFINITY);
	json_write_real(&json, -INFINITY);
	json_end_array(&json);
	assert_written(&json, "[0,0,1.5,-2.25,0.1,100,1000000,1000000000,1e+21,0.000001,12.34567,"
			      "0.999999,-0.000001,1e-07,4294967296,-999999999999999,1e+15,"
			      "1000000000.5,null,null,null]");
}

static void every_real_reads_back_as_it_was(void **state)
{
	(void)state;
	uint64_t seed = 88172645463325252;
	for (int i = 0; i < 200000; i++) {
		struct json_writer json;
		double value, read;
		char text[64] = "";
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		if (i % 3 == 0)
			memcpy(&value, &seed, sizeof(value));
		else if (i % 3 == 1)
			value = (double)(int64_t)(seed >> 20) / 1e6;
		else
			value = (double)(seed % 100000000) / 1e5;
		if (!isfinite(value))
			continue;
		json_writer_init(&json, 64);
		json_write_real(&json, value);
		memcpy(text, json.data, json.len);
		read = strtod(text, NULL);
		assert_true(read == value);
		json_writer_done(&json);
	}
}

/* What printf finds by trying. */
static void ordinary_reals_have_the_fewest_digits(void **state)
{
	(void)state;
	uint64_t seed = 88172645463325252;
	for (int i = 0; i < 200000; i++) {
		char shortest[JSON_REAL_SIZE + 1] = "", wanted[64];
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		double value =
			ldexp((double)(seed >> 11 | UINT64_C(1) << 52), -53 - (int)(seed % 8));
		value = (seed & 1 ? -value : value) * (double)(1 + i % 1000);
		if (json_real_shortest(shortest, value) == 0)
			continue;
		int precision = 14;
		do
			snprintf(wanted, sizeof(wanted), "%.*g", ++precision, value);
		while (strtod(wanted, NULL) != value);
		assert_string_equal(shortest, wanted);
	}
	static const double powers[] = {0.5, 0.25, 0.0009765625, 0.125 + 1.0 / (1LL << 50)};
	for (size_t i = 0; i < sizeof(powers) / sizeof(*powers); i++) {
		char text[JSON_REAL_SIZE + 1] = "";
		assert_true(json_real_shortest(text, powers[i]) > 0);
		assert_true(strtod(text, NULL) == powers[i]);
	}
	char text[JSON_REAL_SIZE];
	assert_int_equal(json_real_shortest(text, 0.0), 0);
	assert_int_equal(json_real_shortest(text, 3.0), 0);
	assert_int_equal(json_real_shortest(text, 1e300), 0);
	assert_int_equal(json_real_shortest(text, INFINITY), 0);
}

static void times_are_rfc_3339(void **state)
{
	(void)state;
	struct json_writer json;
	json_writer_init(&json, 1000);
	json_write_time(&json, INT64_C(1767268800123000000));
	assert_written(&json, "\"2026-01-01T12:00:00.123Z\"");
}

static void json_is_embedded_only_if_it_is_json(void **state)
{
	(void)state;
	struct json_writer json;
	json_writer_init(&json, 1000);
	json_begin_array(&json);
	json_write_json(&json, "{\"a\": [1, 2.5e3]}", 17);
	json_write_json(&json, "{\"a\": }", 7);
	json_end_array(&json);
	assert_written(&json, "[{\"a\": [1, 2.5e3]},\"{\\\"a\\\": }\"]");
}

static void embedded_json_stays_on_one_line(void **state)
{
	static const char pretty[] = "\r\n{\n\t\"a\": [\n\t\t1\n\t],\r\n\"b\":\"\\n \"\n}\n";
	(void)state;
	struct json_writer json;
	json_writer_init(&json, 1000);
	json_begin_array(&json);
	json_write_json(&json, pretty, sizeof(pretty) - 1);
	json_write_json(&json, "\n1\n", 3);
	json_end_array(&json);
	assert_written(&json, "[  {  \"a\": [   1  ],  \"b\":\"\\n \" } , 1 ]");
}

static void the_bound_holds_and_the_error_sticks(void **state)
{
	(void)state;
	struct json_writer json;
	json_writer_init(&json, 3000);
	json_begin_array(&json);
	for (int i = 0; i < 10000; i++)
		json_write_string(&json, "0123456789");
	assert_int_equal(json.error, -E2BIG);
	assert_true(json.len <= 3000);
	assert_true(json.size <= 3000);
	json_writer_done(&json);
}

/* Of one row by its members, and cell by cell. */
static void write_both(struct json_writer *by_members, struct json_writer *by_cells)
{
	static const char labels[] = "{\"a\":\t1}", odd[] = "a \"quote\"";
	const struct tally_cell row[] = {
		{.i = 1767268800 * INT64_C(1000000000) + 5, .set = 1},
		{.i = INT64_MIN, .set = 1},
		{.set = 0},
		{.f = -0.1, .set = 1},
		{.f = 1e300, .set = 1},
		{.f = (double)INFINITY, .set = 1},
		{.i = 1, .set = 1},
		{.text = labels, .len = sizeof(labels) - 1, .set = 1},
		{.text = odd, .len = sizeof(odd) - 1, .set = 1},
		{.text = "", .len = 0, .set = 1},
	};
	static const uint16_t types[] = {TALLY_TIME, TALLY_INT,  TALLY_INT,  TALLY_REAL,
					 TALLY_REAL, TALLY_REAL, TALLY_BOOL, TALLY_JSON,
					 TALLY_TEXT, TALLY_TEXT};
	enum { CELLS = sizeof(row) / sizeof(*row) };
	struct json_member members[CELLS];
	for (uint32_t i = 0; i < CELLS; i++)
		members[i] = json_member_of("name", types[i], i);
	json_begin_object(by_members);
	json_write_members(by_members, members, CELLS, row);
	json_end_object(by_members);
	json_begin_object(by_cells);
	for (uint32_t i = 0; i < CELLS; i++) {
		json_write_key(by_cells, "name");
		json_write_cell(by_cells, types[i], &row[i]);
	}
	json_end_object(by_cells);
}

static void members_are_names_and_cells(void **state)
{
	(void)state;
	for (int way = 0; way < 6; way++) {
		struct json_writer by_members, by_cells;
		json_writer_init(&by_members, 1 << 20);
		json_writer_init(&by_cells, 1 << 20);
		by_members.ints_as_text = by_cells.ints_as_text = way % 2;
		by_members.times = by_cells.times = (enum json_times)(way / 2);
		write_both(&by_members, &by_cells);
		assert_int_equal(by_members.error, 0);
		assert_int_equal(by_members.len, by_cells.len);
		assert_memory_equal(by_members.data, by_cells.data, by_cells.len);
		json_writer_done(&by_members);
		json_writer_done(&by_cells);
	}
}

static void members_fill_their_bound_to_its_end(void **state)
{
	struct json_writer whole, other;
	(void)state;
	json_writer_init(&whole, 1 << 20);
	json_writer_init(&other, 1 << 20);
	write_both(&whole, &other);
	json_writer_done(&other);
	for (int less = 0; less < 2; less++) {
		struct json_writer exact;
		json_writer_init(&exact, whole.len - (size_t)less);
		json_writer_init(&other, 1 << 20);
		write_both(&exact, &other);
		assert_int_equal(exact.error, less ? -E2BIG : 0);
		if (!less)
			assert_memory_equal(exact.data, whole.data, whole.len);
		json_writer_done(&exact);
		json_writer_done(&other);
	}
	json_writer_done(&whole);
}

static void what_is_json_is_told_from_what_is_not(void **state)
{
	(void)state;
	static const char *const good[] = {"{}",
					   "[]",
					   "null",
					   " true ",
					   "-0",
					   "0.5",
					   "1E+9",
					   "\"\"",
					   "\"\\u00e9\\n\"",
					   "[1,[2,[3]]]",
					   "{\"a\":{\"b\":1}}",
					   "\"\\ud83d\\udc33\""};
	static const char *const bad[] = {
		"",         "{",     "]",     "nul",         "01",          "1.",         "1e",
		"\"",       "[1,]",  "{1:2}", "{\"a\"}",     "[1 2]",       "\"\\x\"",    "\"\t\"",
		"\"\xff\"", "true,", "+1",    "\"\\ud83d\"", "\"\\udc33\"", "{\"a\":1,}", "'a'"};
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(json_check(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(json_check(bad[i], strlen(bad[i])));
}

/* As a parser of its own sees it, with each byte of a text replaced by others, and cut anywhere. */
static void assert_same_as_parsed(const char *text, size_t len)
{
	json_error_t error;
	json_t *parsed = json_loadb(
		text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
	if (json_check(text, len) != (parsed != NULL))
		fail_msg("%.*s: %s", (int)len, text, error.text);
	json_decref(parsed);
}

static void what_a_parser_takes_is_json_and_nothing_else(void **state)
{
	static const char text[] =
		" {\"a\": [1, -20.5e+1, \"b\\n\\u00e9\\ud83d\\udc33 \xc3\xa9\", true, "
		"false, null, [], {}],\t\"\":{\"c\":0}\n} ";
	static const char others[] = "{}[]\":,\\ 019-+.eEuntf/\x1f\x80\xff\t";
	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		assert_same_as_parsed(text, i);
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		for (size_t k = 0; k + 1 < sizeof(others); k++) {
			char changed[sizeof(text)];
			memcpy(changed, text, sizeof(text));
			changed[i] = others[k];
			assert_same_as_parsed(changed, sizeof(text) - 1);
		}
}

static void nesting_has_an_end(void **state)
{
	(void)state;
	char text[200];
	memset(text, '[', 100);
	memset(text + 100, ']', 100);
	assert_false(json_check(text, 200));
	assert_true(json_check(text + 50, 100));
}

/* Which is looked for in eight bytes at once. */
static void what_may_not_be_in_a_string_is_seen_at_each_place(void **state)
{
	(void)state;
	for (size_t len = 1; len <= 20; len++) {
		for (size_t i = 0; i < len * 128; i++) {
			char text[24], byte = (char)(i % 128);
			bool may = byte >= 0x20 && byte != '"' && byte != '\\';
			memset(text, 'a', sizeof(text));
			text[0] = text[len + 1] = '"';
			text[1 + i / 128] = byte;
			assert_int_equal(json_check(text, len + 2), may);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nested_values_get_their_commas),
		cmocka_unit_test(text_is_escaped_and_made_valid),
		cmocka_unit_test(a_byte_is_escaped_wherever_it_stands),
		cmocka_unit_test(integers_are_written_to_their_ends),
		cmocka_unit_test(reals_are_short_and_what_is_no_number_is_null),
		cmocka_unit_test(every_real_reads_back_as_it_was),
		cmocka_unit_test(ordinary_reals_have_the_fewest_digits),
		cmocka_unit_test(times_are_rfc_3339),
		cmocka_unit_test(json_is_embedded_only_if_it_is_json),
		cmocka_unit_test(embedded_json_stays_on_one_line),
		cmocka_unit_test(the_bound_holds_and_the_error_sticks),
		cmocka_unit_test(members_are_names_and_cells),
		cmocka_unit_test(members_fill_their_bound_to_its_end),
		cmocka_unit_test(what_is_json_is_told_from_what_is_not),
		cmocka_unit_test(what_a_parser_takes_is_json_and_nothing_else),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(what_may_not_be_in_a_string_is_seen_at_each_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
