/* Chunks: what goes in comes out to the last bit, and bytes that are not as written are refused. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "packed/chunk.h"
#include "test.h"

enum { ROWS = 500 };

static struct chunk_value int_of(int64_t number)
{
	return (struct chunk_value){.type = CHUNK_INT, .i = number};
}

static struct chunk_value real_of(double number)
{
	return (struct chunk_value){.type = CHUNK_REAL, .f = number};
}

static struct chunk_value text_of(const char *text)
{
	return (struct chunk_value){
		.type = CHUNK_TEXT, .bytes = text, .len = (uint32_t)strlen(text)};
}

static void assert_same(const struct chunk_value *a, const struct chunk_value *b)
{
	assert_int_equal(a->type, b->type);
	if (a->type == CHUNK_TEXT || a->type == CHUNK_BLOB) {
		assert_int_equal(a->len, b->len);
		assert_memory_equal(a->bytes, b->bytes, a->len);
	} else if (a->type != CHUNK_NULL) {
		assert_memory_equal(&a->i, &b->i, sizeof(a->i));
	}
}

/* Returns how long the chunk is. */
static size_t assert_comes_back(const struct chunk_value *const *columns, uint32_t n_columns,
				uint32_t n_rows)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	struct chunk chunk;
	assert_int_equal(chunk_encode(columns, n_columns, n_rows, &bytes, &len), 0);
	assert_int_equal(chunk_open(&chunk, bytes, len), 0);
	free(bytes);
	assert_int_equal(chunk.n_rows, n_rows);
	/* From the last one on: each is read by itself. */
	for (uint32_t c = n_columns; c-- > 0;) {
		const struct chunk_value *values = NULL;
		assert_int_equal(chunk_read(&chunk, c, &values), 0);
		for (uint32_t i = 0; i < n_rows; i++)
			assert_same(&values[i], &columns[c][i]);
	}
	chunk_done(&chunk);
	return len;
}

static void every_value_comes_back_to_the_bit(void **state)
{
	static const int64_t ints[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1 << 20, INT64_MAX, 7};
	static const double reals[] = {0.0,      -0.0,    DBL_MAX, DBL_TRUE_MIN, -INFINITY, 1.0 / 3,
				       INFINITY, -1e-300, 42};
	struct chunk_value c[6][9];
	const struct chunk_value *columns[] = {c[0], c[1], c[2], c[3], c[4], c[5]};
	(void)state;
	for (int i = 0; i < 9; i++) {
		c[0][i] = int_of(ints[i % 8]);
		c[1][i] = real_of(reals[i]);
		c[2][i] = i % 2 ? text_of("") : text_of("text");
		c[3][i] = i % 3 ? int_of(i) : (struct chunk_value){.type = CHUNK_NULL};
		c[4][i] = i % 2 ? real_of(i / 7.0) : (struct chunk_value){.type = CHUNK_NULL};
		c[5][i] = i % 2 ? int_of(i) : real_of(i); /* as another program may have left it */
	}
	c[5][4] = (struct chunk_value){.type = CHUNK_BLOB, .bytes = "\0\xff", .len = 2};
	for (uint32_t n = 1; n <= 9; n++)
		assert_comes_back(columns, 6, n);
}

static void time_passes_evenly_and_counters_grow(struct chunk_value c[4][ROWS])
{
	for (int i = 0; i < ROWS; i++) {
		c[0][i] = int_of(INT64_C(1700006400000000000) + i * INT64_C(10000000000));
		c[1][i] = int_of(INT64_C(1) << 33);
		c[2][i] = int_of(i * 1000 + i % 7);
		c[3][i] = real_of(i / 8 % 5 * 0.1);
	}
}

static void what_is_regular_becomes_small(void **state)
{
	static struct chunk_value c[4][ROWS];
	const struct chunk_value *columns[] = {c[0], c[1], c[2], c[3]};
	(void)state;
	time_passes_evenly_and_counters_grow(c);
	assert_true(assert_comes_back(columns, 4, ROWS) < ROWS * 2);
}

static void a_column_that_is_not_there_is_null(void **state)
{
	struct chunk_value value = int_of(5);
	const struct chunk_value *columns[] = {&value}, *values = NULL;
	uint8_t *bytes = NULL;
	size_t len = 0;
	struct chunk chunk;
	(void)state;
	assert_int_equal(chunk_encode(columns, 1, 1, &bytes, &len), 0);
	assert_int_equal(chunk_open(&chunk, bytes, len), 0);
	assert_int_equal(chunk_read(&chunk, 1, &values), 0);
	assert_int_equal(values[0].type, CHUNK_NULL);
	chunk_done(&chunk);
	free(bytes);
}

static void too_much_is_refused(void **state)
{
	struct chunk_value value = int_of(5);
	const struct chunk_value *columns[] = {&value};
	uint8_t *bytes = NULL;
	size_t len = 0;
	char *large = calloc(1, CHUNK_MAX_COLUMN_BYTES);
	(void)state;
	assert_non_null(large);
	assert_int_equal(chunk_encode(columns, 1, 0, &bytes, &len), -EINVAL);
	assert_int_equal(chunk_encode(columns, 1, CHUNK_MAX_ROWS + 1, &bytes, &len), -EINVAL);
	value = (struct chunk_value){
		.type = CHUNK_BLOB, .bytes = large, .len = CHUNK_MAX_COLUMN_BYTES};
	assert_int_equal(chunk_encode(columns, 1, 1, &bytes, &len), -E2BIG);
	free(large);
}

/* A bit, a length: none of it is taken for rows. */
static void any_damage_is_noticed(void **state)
{
	static struct chunk_value c[4][ROWS];
	const struct chunk_value *columns[] = {c[0], c[1], c[2], c[3]};
	uint8_t *bytes = NULL;
	size_t len = 0;
	struct chunk chunk;
	(void)state;
	time_passes_evenly_and_counters_grow(c);
	assert_int_equal(chunk_encode(columns, 4, ROWS, &bytes, &len), 0);
	for (size_t i = 0; i < len; i++) {
		bytes[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(chunk_open(&chunk, bytes, len), -EBADMSG);
		bytes[i] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(chunk_open(&chunk, bytes, i), -EBADMSG);
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_comes_back_to_the_bit),
		cmocka_unit_test(what_is_regular_becomes_small),
		cmocka_unit_test(a_column_that_is_not_there_is_null),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(any_damage_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
