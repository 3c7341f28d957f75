#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/host.h>

#include "pipeline/batch.h"
#include "pipeline/batch_codec.h"
#include "base/crc32c.h"
#include "test.h"

static const struct tally_column columns[] = {
	{.name = "time", .type = TALLY_TIME},
	{.name = "name", .type = TALLY_TEXT, .role = TALLY_TAG},
	{.name = "count", .unit = "bytes", .type = TALLY_INT, .role = TALLY_COUNTER},
	{.name = "share", .unit = "percent", .type = TALLY_REAL},
	{.name = "up", .type = TALLY_BOOL},
	{.name = "labels", .type = TALLY_JSON},
	{.name = "gone_at", .type = TALLY_TIME, .role = TALLY_GONE},
	{.name = "seq", .type = TALLY_INT, .role = TALLY_ORDER},
	{.name = "added_later", .type = TALLY_TEXT},
};
static const struct tally_table table = {
	.name = "things", .columns = columns, .n_columns = 8, .kind = TALLY_LOG, .revision = 1};
static const struct tally_table newer = {
	.name = "things", .columns = columns, .n_columns = 9, .kind = TALLY_LOG, .revision = 2};

static const struct tally_table *declared;

static const struct tally_table *find(void *arg, const char *name)
{
	(void)arg;
	return declared && strcmp(declared->name, name) == 0 ? declared : NULL;
}

static int decode(const void *bytes, size_t len, struct tally_batch **ret)
{
	struct error error = {0};
	int r = batch_decode(bytes, len, find, NULL, ret, &error);
	if (r < 0)
		assert_true(error.text[0] != '\0');
	return r;
}

/* ---- Rows of all sorts -------------------------------------------------------- */

static const char *const texts[] = {
	"", "plain", "\xc3\xa4\xe2\x82\xac", "\xff\xfe bad \xc3", "a\nb\tc\\", "{\"a\":1}"};
static const double reals[] = {0.0, -0.0, 1.5, -1e300, INFINITY, -INFINITY, NAN};
static const int64_t ints[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1795450682743741018};

static void put_any(struct tally_batch *batch, struct tally_cell *row, uint32_t c, unsigned *seed)
{
	int at = rand_r(seed) % 6;
	switch (batch->table->columns[c].type) {
	case TALLY_TEXT:
	case TALLY_JSON:
		tally_put_text_borrowed(row, c, batch_copy(batch, texts[at], strlen(texts[at])),
					strlen(texts[at]));
		break;
	case TALLY_REAL:
		tally_put_real(row, c, reals[rand_r(seed) % 7]);
		break;
	case TALLY_BOOL:
		tally_put_int(row, c, at % 2);
		break;
	default:
		tally_put_int(row, c, ints[at]);
	}
}

static struct tally_batch *any_batch(uint32_t rows, unsigned seed)
{
	struct tally_batch *batch = batch_create(&table);
	for (uint32_t r = 0; r < rows; r++) {
		struct tally_cell *row = batch_row(batch);
		for (uint32_t c = 0; c < table.n_columns; c++)
			if (rand_r(&seed) % 3 != 0)
				put_any(batch, row, c, &seed);
	}
	return batch;
}

static void assert_same_cell(uint16_t type, const struct tally_cell *a, const struct tally_cell *b)
{
	assert_int_equal(a->set, b->set);
	if (!a->set)
		return;
	if (type == TALLY_TEXT || type == TALLY_JSON) {
		assert_int_equal(a->len, b->len);
		assert_memory_equal(a->text, b->text, a->len);
	} else {
		assert_int_equal(a->i, b->i); /* NaN too, bit by bit */
	}
}

static void assert_same_rows(const struct tally_batch *a, const struct tally_batch *b)
{
	assert_int_equal(a->n_rows, b->n_rows);
	for (uint32_t r = 0; r < a->n_rows; r++)
		for (uint32_t c = 0; c < a->table->n_columns; c++)
			assert_same_cell(a->table->columns[c].type,
					 &a->cells[(size_t)r * a->table->n_columns + c],
					 &b->cells[(size_t)r * b->table->n_columns + c]);
}

/* ---- Round trips -------------------------------------------------------------- */

static void whatever_goes_in_comes_out(void **state)
{
	(void)state;
	declared = &table;
	for (unsigned seed = 0; seed < 200; seed++) {
		struct tally_batch *batch = any_batch(seed % 41, seed), *back;
		void *bytes;
		size_t len;
		assert_int_equal(batch_encode(batch, &bytes, &len), 0);
		assert_int_equal(decode(bytes, len, &back), 0);
		free(bytes);
		assert_ptr_equal(back->table, &table);
		assert_same_rows(batch, back);
		batch_drop(batch);
		batch_drop(back);
	}
}

static struct tally_batch *there_and_back(const struct tally_table *known)
{
	struct tally_batch *batch = any_batch(20, 5), *back;
	void *bytes;
	size_t len;
	declared = known;
	assert_int_equal(batch_encode(batch, &bytes, &len), 0);
	assert_int_equal(decode(bytes, len, &back), 0);
	free(bytes);
	assert_same_rows(batch, back);
	batch_drop(batch);
	return back;
}

static void a_declared_table_with_more_columns_is_used(void **state)
{
	struct tally_batch *back = there_and_back(&newer);
	(void)state;
	assert_ptr_equal(back->table, &newer);
	for (uint32_t r = 0; r < back->n_rows; r++)
		assert_int_equal(back->cells[(size_t)r * 9 + 8].set, 0);
	batch_drop(back);
}

static void a_table_that_is_not_declared_comes_along(void **state)
{
	struct tally_batch *back = there_and_back(NULL);
	(void)state;
	const struct tally_table *own = back->table;
	assert_string_equal(own->name, "things");
	assert_int_equal(own->kind, TALLY_LOG);
	assert_int_equal(own->n_columns, 8);
	for (uint32_t c = 0; c < 8; c++) {
		assert_string_equal(own->columns[c].name, columns[c].name);
		assert_int_equal(own->columns[c].type, columns[c].type);
		assert_int_equal(own->columns[c].role, columns[c].role);
	}
	assert_string_equal(own->columns[2].unit, "bytes");
	assert_null(own->columns[0].unit);
	batch_drop(back);
}

static void a_table_that_changed_otherwise_is_not_mistaken(void **state)
{
	struct tally_column changed[9];
	struct tally_table other = newer;
	(void)state;
	for (int what = 0; what < 5; what++) {
		memcpy(changed, columns, sizeof(columns));
		other = newer;
		other.columns = changed;
		if (what == 0)
			changed[3].type = TALLY_INT;
		else if (what == 1)
			changed[2].role = TALLY_FIELD;
		else if (what == 2)
			changed[7].name = "sequence";
		else if (what == 3)
			other.kind = TALLY_SERIES;
		else
			other.n_columns = 7;
		struct tally_batch *back = there_and_back(&other);
		assert_ptr_not_equal(back->table, &other);
		batch_drop(back);
	}
}

static void a_type_that_is_none_is_refused(void **state)
{
	struct tally_column odd[] = {{.name = "time", .type = TALLY_TIME},
				     {.name = "odd", .type = 77}};
	struct tally_table bad = {
		.name = "bad", .columns = odd, .n_columns = 2, .kind = TALLY_SERIES};
	struct tally_batch *batch = batch_create(&bad);
	void *bytes;
	size_t len;
	(void)state;
	assert_int_equal(batch_encode(batch, &bytes, &len), -EINVAL);
	batch_drop(batch);
}

/* ---- Damage ------------------------------------------------------------------- */

static void encode_small(uint8_t **ret, size_t *ret_len)
{
	struct tally_batch *batch = any_batch(3, 9);
	void *bytes;
	assert_int_equal(batch_encode(batch, &bytes, ret_len), 0);
	*ret = bytes;
	batch_drop(batch);
}

static void every_flipped_bit_and_every_cut_is_noticed(void **state)
{
	uint8_t *bytes;
	size_t len;
	struct tally_batch *back = NULL;
	(void)state;
	declared = &table;
	encode_small(&bytes, &len);
	for (size_t i = 0; i < len * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(decode(bytes, len, &back), -EBADMSG);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);
		memcpy(exact, bytes, cut);
		assert_int_equal(decode(exact, cut, &back), -EBADMSG);
		free(exact);
	}
	assert_null(back);
	free(bytes);
}

/* The checksum is at 8, over what follows it. */
static void forge(uint8_t *bytes, size_t len)
{
	uint32_t checksum = crc32c(bytes + 12, len - 12);
	for (int i = 0; i < 4; i++)
		bytes[8 + i] = (uint8_t)(checksum >> 8 * i);
}

/* Not all of it can be noticed then, but nothing may be read or written beyond. */
static void damage_with_a_right_checksum_does_no_harm(void **state)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	uint8_t *bytes;
	size_t len;
	unsigned refused = 0;
	(void)state;
	encode_small(&bytes, &len);
	for (size_t i = 12; i < len; i++) {
		uint8_t was = bytes[i];
		for (size_t v = 0; v < sizeof(values); v++) {
			struct tally_batch *back;
			bytes[i] = values[v];
			forge(bytes, len);
			declared = v % 2 ? &table : NULL;
			if (decode(bytes, len, &back) == 0)
				batch_drop(back);
			else
				refused++;
		}
		bytes[i] = was;
	}
	assert_true(refused > len);
	free(bytes);
}

static void put_u32(uint8_t *bytes, size_t at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[at + (size_t)i] = (uint8_t)(value >> 8 * i);
}

static void a_small_input_cannot_ask_for_much(void **state)
{
	enum { N_COLUMNS_AT = 24, N_ROWS_AT = 28, SCHEMA_AT = 32, TEXT_AT = 36 };
	static const size_t fields[] = {N_COLUMNS_AT, N_ROWS_AT, SCHEMA_AT, TEXT_AT};
	uint8_t *bytes;
	size_t len;
	(void)state;
	declared = NULL;
	for (size_t f = 0; f < 4; f++) {
		struct tally_batch *back;
		encode_small(&bytes, &len);
		put_u32(bytes, fields[f], 0x7fffffff);
		forge(bytes, len);
		assert_int_equal(decode(bytes, len, &back), -EBADMSG);
		put_u32(bytes, fields[f], 0xffffffff);
		forge(bytes, len);
		assert_int_equal(decode(bytes, len, &back), -EBADMSG);
		free(bytes);
	}
}

static void names_that_could_be_more_than_names_are_refused(void **state)
{
	enum { NAME_AT = 40 };
	static const char bad[] = {'"', '\'', ';', ' ', 'A', '.', '9', '_', '-', '\x80'};
	uint8_t *bytes;
	size_t len;
	(void)state;
	declared = NULL;
	encode_small(&bytes, &len);
	assert_memory_equal(bytes + NAME_AT, "things", 7);
	for (size_t i = 0; i < sizeof(bad); i++) {
		struct tally_batch *back;
		bytes[NAME_AT] = (uint8_t)bad[i];
		forge(bytes, len);
		assert_int_equal(decode(bytes, len, &back), -EBADMSG);
	}
	free(bytes);
}

static void another_format_is_told_apart_from_damage(void **state)
{
	uint8_t *bytes;
	size_t len;
	struct tally_batch *back;
	struct error error;
	(void)state;
	encode_small(&bytes, &len);
	put_u32(bytes, 4, 9);
	assert_int_equal(batch_decode(bytes, len, NULL, NULL, &back, &error), -EBADMSG);
	assert_non_null(strstr(error.text, "format 9"));
	free(bytes);
}

/* RFC 3720, appendix B.4. */
static void the_checksum_is_the_one_it_says(void **state)
{
	uint8_t bytes[32] = {0};
	(void)state;
	assert_int_equal(crc32c("123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(crc32c(bytes, 32), 0x62a8ab43);
	for (uint8_t i = 0; i < 32; i++)
		bytes[i] = i;
	assert_int_equal(crc32c(bytes, 32), 0x46dd794e);
	assert_int_equal(crc32c("", 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_goes_in_comes_out),
		cmocka_unit_test(a_declared_table_with_more_columns_is_used),
		cmocka_unit_test(a_table_that_is_not_declared_comes_along),
		cmocka_unit_test(a_table_that_changed_otherwise_is_not_mistaken),
		cmocka_unit_test(a_type_that_is_none_is_refused),
		cmocka_unit_test(every_flipped_bit_and_every_cut_is_noticed),
		cmocka_unit_test(damage_with_a_right_checksum_does_no_harm),
		cmocka_unit_test(a_small_input_cannot_ask_for_much),
		cmocka_unit_test(names_that_could_be_more_than_names_are_refused),
		cmocka_unit_test(another_format_is_told_apart_from_damage),
		cmocka_unit_test(the_checksum_is_the_one_it_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
