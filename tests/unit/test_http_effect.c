#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "effect/effect_test.h"
#include "test.h"

enum { POINTS = 60, PAIRS = 200 };

/* Its own generator, so that every run sees the same noise. */
static uint64_t seed;

static double uniform(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return ((double)(seed >> 11) + 0.5) / 9007199254740992.0;
}

static double gauss(void)
{
	return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

struct series {
	double before[POINTS], after[POINTS], day_before[POINTS], day_after[POINTS];
};

/* What a service uses: a level, noise that remembers itself (AR(1)), a spike now and then, and a
 * day's wave that is at `hour` where the change is (below 0: there is none).  factor: what is
 * planted after it. */
static void make(struct series *ret, double remember, double noise, double hour, double factor)
{
	double own = 1 - remember * remember, state = gauss();
	double *const parts[] = {ret->day_before, ret->day_after, ret->before, ret->after};
	for (int part = 0; part < 4; part++) {
		if (part == 2)
			state = gauss();
		for (int i = 0; i < POINTS; i++) {
			double at = hour + (part % 2 ? i : i - POINTS) / 60.0;
			double wave = 1 + (hour < 0 ? 0 : 0.5) * sin(6.283185307179586 * at / 24);
			state = remember * state + sqrt(own) * gauss();
			double spike = uniform() < 0.01 ? 3 * uniform() : 0;
			parts[part][i] =
				100 * wave * (1 + noise * state + spike) * (part == 3 ? factor : 1);
		}
	}
}

typedef void compare_fn(const struct effect_input *input, struct effect_result *ret);

static enum effect_verdict judge_by(compare_fn *compare, const struct series *series, bool day)
{
	struct effect_result result;
	const struct effect_input input = {.before = {series->before, POINTS},
					   .after = {series->after, POINTS},
					   .day_before = {series->day_before, day ? POINTS : 0},
					   .day_after = {series->day_after, day ? POINTS : 0},
					   .step = 60,
					   .floor = 0.1};
	compare(&input, &result);
	return result.verdict;
}

static enum effect_verdict judge(const struct series *series, bool day)
{
	return judge_by(effect_compare, series, day);
}

static int count(enum effect_verdict verdict, double remember, double noise, double factor,
		 bool day)
{
	int n = 0;
	seed = 42;
	for (int i = 0; i < PAIRS; i++) {
		struct series series;
		make(&series, remember, noise, day ? 24.0 * i / PAIRS : -1, factor);
		n += judge(&series, day) == verdict;
	}
	print_message("remember %.2f noise %.2f factor %.1f day %d: %d of %d\n", remember, noise,
		      factor, day, n, PAIRS);
	return n;
}

/* How much of a minute's noise is still there in the next, and how much noise there is. */
static const struct {
	double remember, noise;
} kinds[] = {{0, 0.2}, {0.5, 0.2}, {0.8, 0.12}};

static void noise_is_no_change(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		for (int day = 0; day < 2; day++) {
			double remember = kinds[i].remember, noise = kinds[i].noise;
			assert_true(count(EFFECT_WORSE, remember, noise, 1, day) <=
				    PAIRS * 5 / 100);
			assert_true(count(EFFECT_BETTER, remember, noise, 1, day) <=
				    PAIRS * 5 / 100);
		}
}

static void half_as_much_again_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		for (int day = 0; day < 2; day++) {
			double remember = kinds[i].remember, noise = kinds[i].noise;
			assert_true(count(EFFECT_WORSE, remember, noise, 1.5, day) >=
				    PAIRS * 90 / 100);
			assert_true(count(EFFECT_BETTER, remember, noise, 1 / 1.5, day) >=
				    PAIRS * 90 / 100);
		}
}

/* The same rise as yesterday at this hour: double, within the window. */
static void what_comes_every_day_is_no_change(void **state)
{
	int worse = 0, alone = 0;
	(void)state;
	seed = 7;
	for (int k = 0; k < PAIRS; k++) {
		struct series series;
		make(&series, 0.5, 0.1, 0, 1);
		for (int i = 0; i < POINTS; i++) {
			series.after[i] *= 2;
			series.day_after[i] *= 2;
		}
		alone += judge(&series, false) == EFFECT_WORSE;
		worse += judge(&series, true) == EFFECT_WORSE;
	}
	assert_true(alone >= PAIRS * 95 / 100);
	assert_true(worse <= PAIRS * 5 / 100);
}

/* Of pairs that grow by so much of their level in a window, how many are called so. */
static int count_growing(enum effect_verdict verdict, double remember, double noise, double growth,
			 bool before, bool day)
{
	int n = 0;
	seed = 11;
	for (int i = 0; i < PAIRS; i++) {
		struct series series;
		make(&series, remember, noise, day ? 24.0 * i / PAIRS : -1, 1);
		for (int k = 0; k < POINTS; k++)
			(before ? series.before : series.after)[k] += 100 * growth * k / POINTS;
		n += judge_by(effect_compare_growth, &series, day) == verdict;
	}
	print_message("remember %.2f noise %.2f grows %.2f %s day %d: %d of %d\n", remember, noise,
		      growth, before ? "before" : "after", day, n, PAIRS);
	return n;
}

static void noise_does_not_grow(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		for (int day = 0; day < 2; day++)
			for (int better = 0; better < 2; better++)
				assert_true(count_growing(better ? EFFECT_BETTER : EFFECT_WORSE,
							  kinds[i].remember, kinds[i].noise, 0,
							  false, day) <= PAIRS * 5 / 100);
}

/* It doubles within the window, so that its mean is half as much again. */
static void a_leak_is_found_and_so_is_its_end(void **state)
{
	static const struct {
		double remember, noise;
	} of_memory[] = {{0, 0.1}, {0.5, 0.1}, {0.8, 0.05}};
	(void)state;
	for (size_t i = 0; i < sizeof(of_memory) / sizeof(*of_memory); i++)
		for (int day = 0; day < 2; day++)
			for (int before = 0; before < 2; before++)
				assert_true(count_growing(before ? EFFECT_BETTER : EFFECT_WORSE,
							  of_memory[i].remember, of_memory[i].noise,
							  1, before, day) >= PAIRS * 90 / 100);
}

/* A start that takes a third of the window; a step within it; a spike. */
static void what_rises_once_is_no_leak(void **state)
{
	int warm = 0, step = 0, spike = 0;
	(void)state;
	seed = 3;
	for (int i = 0; i < PAIRS; i++) {
		struct series series[3];
		for (int k = 0; k < 3; k++)
			make(&series[k], 0.5, 0.05, -1, 1);
		for (int k = 0; k < POINTS; k++) {
			series[0].after[k] *= 1 - 0.8 * exp(-k * 3.0 / (POINTS / 3.0));
			series[1].after[k] *= k < POINTS * (i + 1) / (PAIRS + 1) ? 1 : 1.6;
		}
		series[2].after[i % POINTS] *= 50;
		warm += judge_by(effect_compare_growth, &series[0], false) == EFFECT_WORSE;
		step += judge_by(effect_compare_growth, &series[1], false) == EFFECT_WORSE;
		spike += judge_by(effect_compare_growth, &series[2], false) == EFFECT_WORSE;
	}
	assert_true(warm <= PAIRS * 5 / 100 && step <= PAIRS * 5 / 100 && spike <= PAIRS * 5 / 100);
}

/* A dozen points that are autocorrelated without their line, too: a service that leaks. */
static void a_leak_that_wobbles_is_one(void **state)
{
	static const double before[12] = {6, 6, 6, 7, 7, 6, 6, 6, 9, 9, 9, 9};
	static const double after[12] = {12, 15, 18, 22, 27, 31, 33, 35, 38, 43, 49, 53};
	struct effect_result result;
	(void)state;
	const struct effect_input input = {
		.before = {before, 12}, .after = {after, 12}, .step = 1, .floor = 10};
	effect_compare_growth(&input, &result);
	assert_int_equal(result.verdict, EFFECT_WORSE);
}

static void growth_is_per_hour(void **state)
{
	double before[12], after[24];
	struct effect_result result;
	(void)state;
	for (int i = 0; i < 24; i++) {
		before[i % 12] = 100;
		after[i] = 100 + 2 * i;
	}
	const struct effect_input input = {
		.before = {before, 12}, .after = {after, 24}, .step = 60, .floor = 1};
	effect_compare_growth(&input, &result);
	assert_int_equal(result.verdict, EFFECT_WORSE);
	assert_float_equal(result.before.mean, 0, 1e-9);
	assert_float_equal(result.after.mean, 120, 1e-9);
	assert_float_equal(result.difference, 120, 1e-9);
	const struct effect_input few = {.before = {before, 12}, .after = {after, 5}, .step = 60};
	effect_compare_growth(&few, &result);
	assert_int_equal(result.verdict, EFFECT_TOO_LITTLE);
}

static void gaps_and_short_windows_are_too_little(void **state)
{
	struct series series;
	struct effect_result result;
	(void)state;
	seed = 1;
	make(&series, 0, 0.1, 0, 2);
	for (int i = 0; i < POINTS; i++)
		if (i % 10 < 8)
			series.after[i] = NAN;
	const struct effect_input input = {
		.before = {series.before, POINTS}, .after = {series.after, 30}, .step = 60};
	effect_compare(&input, &result);
	assert_int_equal(result.verdict, EFFECT_TOO_LITTLE);
	assert_int_equal(result.after.n, 6);
	const struct effect_input none = {.before = {series.before, 0}, .after = {series.after, 0}};
	effect_compare(&none, &result);
	assert_int_equal(result.verdict, EFFECT_TOO_LITTLE);
}

static void a_side_is_described_by_its_points(void **state)
{
	static const double before[] = {1, 2, 3, 4, 5, 6}, after[] = {2, 4, 6, 8, 10, NAN};
	struct effect_result result;
	(void)state;
	const struct effect_input input = {
		.before = {before, 6}, .after = {after, 6}, .step = 3600};
	effect_compare(&input, &result);
	assert_float_equal(result.before.mean, 3.5, 1e-9);
	assert_float_equal(result.before.p50, 3.5, 1e-9);
	assert_float_equal(result.before.p95, 5.75, 1e-9);
	assert_float_equal(result.before.max, 6, 1e-9);
	assert_float_equal(result.before.per_hour, 1, 1e-9);
	assert_int_equal(result.after.n, 5);
	assert_float_equal(result.after.per_hour, 2, 1e-9);
	assert_float_equal(result.difference, 2.5, 1e-9);
}

static void rare_events_are_counted(void **state)
{
	static const double hour[2] = {3600, 3600};
	static const struct {
		double counts[2];
		enum effect_verdict verdict;
	} cases[] = {{{0, 0}, EFFECT_SAME},   {{0, 3}, EFFECT_SAME},   {{0, 6}, EFFECT_WORSE},
		     {{6, 0}, EFFECT_BETTER}, {{10, 12}, EFFECT_SAME}, {{10, 40}, EFFECT_WORSE}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct effect_result result;
		effect_compare_counts(cases[i].counts, hour, &result);
		assert_int_equal(result.verdict, cases[i].verdict);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(noise_is_no_change),
		cmocka_unit_test(half_as_much_again_is_found),
		cmocka_unit_test(what_comes_every_day_is_no_change),
		cmocka_unit_test(noise_does_not_grow),
		cmocka_unit_test(a_leak_is_found_and_so_is_its_end),
		cmocka_unit_test(what_rises_once_is_no_leak),
		cmocka_unit_test(a_leak_that_wobbles_is_one),
		cmocka_unit_test(growth_is_per_hour),
		cmocka_unit_test(gaps_and_short_windows_are_too_little),
		cmocka_unit_test(a_side_is_described_by_its_points),
		cmocka_unit_test(rare_events_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
