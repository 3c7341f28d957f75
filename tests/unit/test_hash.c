#include "base/hash.h"
#include "base/hash_set.h"

#include <stdbool.h>

#include "test.h"

static void order_length_and_seed_count(void **state)
{
	(void)state;
	assert_true(hash_text(hash_text(0, "ab"), "c") != hash_text(hash_text(0, "a"), "bc"));
	assert_true(hash_text(hash_text(0, "a"), "b") != hash_text(hash_text(0, "b"), "a"));
	assert_true(hash_text(0, "") != hash_text(1, ""));
	assert_true(hash_bytes(0, "\0", 1) != hash_bytes(0, "", 0));
	assert_true(hash_word(hash_word(0, 1), 2) != hash_word(hash_word(0, 2), 1));
	assert_int_equal(hash_text(7, "tallyd"), hash_bytes(7, "tallyd", 6));
}

static unsigned bits(uint64_t word)
{
	return (unsigned)__builtin_popcountll(word);
}

/* Of every length up to several rounds: each byte counts, and about half the bits differ. */
static void any_bit_of_any_length_changes_half_of_the_hash(void **state)
{
	(void)state;
	char bytes[200] = {0};
	for (size_t len = 1; len <= sizeof(bytes); len++) {
		uint64_t before = hash_bytes(0, bytes, len);
		unsigned changed = 0;
		for (size_t bit = 0; bit < 8 * len; bit++) {
			bytes[bit / 8] ^= (char)(1 << bit % 8);
			uint64_t after = hash_bytes(0, bytes, len);
			assert_true(after != before);
			changed += bits(after ^ before);
			bytes[bit / 8] ^= (char)(1 << bit % 8);
		}
		double share = changed / (64.0 * 8 * (double)len);
		assert_true(share > 0.4 && share < 0.6);
	}
}

/* Tables use the low bits of times that are all multiples of a minute, and of pointers. */
static void multiples_fill_a_table_like_random_numbers(void **state)
{
	(void)state;
	static bool taken[4096];
	unsigned used = 0;
	for (uint64_t i = 0; i < 4096; i++) {
		bool *slot = &taken[hash_word(0, i * UINT64_C(60000000000)) % 4096];
		used += !*slot;
		*slot = true;
	}
	/* 1 - 1/e of the slots: 2589, with a standard deviation of 20. */
	assert_in_range(used, 2470, 2710);
}

static void a_set_has_what_was_added_and_nothing_else(void **state)
{
	(void)state;
	struct hash_set set = {0};
	assert_false(hash_set_has(&set, 5));
	assert_int_equal(hash_set_init(&set, 1000), 0);
	for (uint64_t i = 0; i < 1000; i++)
		assert_true(hash_set_add(&set, hash_word(0, i)));
	for (uint64_t i = 0; i < 1000; i++) {
		assert_false(hash_set_add(&set, hash_word(0, i)));
		assert_true(hash_set_has(&set, hash_word(0, i)));
		assert_false(hash_set_has(&set, hash_word(1, i)));
	}
	hash_set_done(&set);
	assert_false(hash_set_has(&set, hash_word(0, 1)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_length_and_seed_count),
		cmocka_unit_test(any_bit_of_any_length_changes_half_of_the_hash),
		cmocka_unit_test(multiples_fill_a_table_like_random_numbers),
		cmocka_unit_test(a_set_has_what_was_added_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
