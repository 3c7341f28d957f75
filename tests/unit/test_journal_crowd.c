/* A full buffer with threads at both ends: each row is accounted for at any time. */
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "pipeline_fixture.h"
#include "test.h"

enum { CAPACITY = 64 * 1024, LARGE = 8 * 1024 }; /* seven of them fit */

enum { CROWD_INPUTS = 2, CROWD_OUTPUTS = 3, CROWD_BATCHES = 1500 }; /* of 8 rows on average */

static struct pipeline p;
static atomic_bool crowd_over;

static void *crowd_input(void *arg)
{
	const struct tally_table *const tables[] = {&pipeline_a, &pipeline_b};
	unsigned seed = (unsigned)(uintptr_t)arg;
	for (int i = 0; i < CROWD_BATCHES; i++) {
		const struct journal_origin origin = {0};
		uint32_t rows = 1 + (uint32_t)rand_r(&seed) % 15;
		size_t padding = (size_t)rand_r(&seed) % LARGE;
		struct tally_batch *batch = pipeline_batch(tables[i % 2], rows, 0, padding);
		journal_push(p.journal, batch, &origin);
		batch_drop(batch);
	}
	return NULL;
}

struct crowd_output {
	struct journal_reader *reader;
	unsigned seed;
};

/* Some of what is taken is stored, some rejected, some is taken again. */
static void crowd_settle(struct crowd_output *output, const struct tally_entry *taken, uint32_t n)
{
	struct journal_outcome outcomes[JOURNAL_TAKE_MAX] = {0};
	for (uint32_t i = 0; i < n; i++) {
		outcomes[i].acked = rand_r(&output->seed) % 4 != 0;
		outcomes[i].rejected = outcomes[i].acked ? (uint32_t)rand_r(&output->seed) % 3 : 0;
		if (outcomes[i].rejected > taken[i].batch->n_rows)
			outcomes[i].rejected = 0;
	}
	journal_ack(output->reader, outcomes, n);
}

static void *crowd_deliver(void *arg)
{
	struct crowd_output *output = arg;
	struct tally_entry taken[JOURNAL_TAKE_MAX];
	bool over = false;
	while (!over || journal_waiting(output->reader) > 0) {
		over = atomic_load(&crowd_over);
		int n = journal_fetch(output->reader,
				      over ? JOURNAL_NOW : clock_monotonic() + CLOCK_MS, taken);
		if (n > 0)
			crowd_settle(output, taken, (uint32_t)n);
	}
	return NULL;
}

static void crowd(enum journal_on_full on_full)
{
	static const char *const only_b[] = {"b", NULL};
	struct crowd_output outputs[CROWD_OUTPUTS] = {{.seed = 1}, {.seed = 2}, {.seed = 3}};
	pthread_t in[CROWD_INPUTS], out[CROWD_OUTPUTS];
	pipeline_start(&p, CAPACITY, on_full);
	atomic_store(&crowd_over, false);
	outputs[0].reader = pipeline_attach(&p, "o0", NULL);
	outputs[1].reader = pipeline_attach(&p, "o1", NULL);
	outputs[2].reader = pipeline_attach(&p, "o2", only_b);
	for (uintptr_t i = 0; i < CROWD_INPUTS; i++)
		pthread_create(&in[i], NULL, crowd_input, (void *)(i + 10));
	for (int i = 0; i < CROWD_OUTPUTS; i++)
		pthread_create(&out[i], NULL, crowd_deliver, &outputs[i]);
	do { /* at any time, while they all run */
		pipeline_check_balance(p.metrics, "o0");
		pipeline_check_balance(p.metrics, "o1");
		pipeline_check_balance(p.metrics, "o2");
	} while (pipeline_sum(p.metrics, "tallyd_rows_routed_total", "output=\"o0\"", NULL) <
		 6 * CROWD_INPUTS * CROWD_BATCHES);
	for (int i = 0; i < CROWD_INPUTS; i++)
		pthread_join(in[i], NULL);
	atomic_store(&crowd_over, true);
	journal_wake(p.journal);
	for (int i = 0; i < CROWD_OUTPUTS; i++)
		pthread_join(out[i], NULL);
	for (int i = 0; i < CROWD_OUTPUTS; i++) {
		assert_int_equal(journal_waiting(outputs[i].reader), 0);
		journal_detach(outputs[i].reader);
	}
	pipeline_check_balance(p.metrics, "o0");
	assert_int_equal(pipeline_usage(&p).entries, 0);
	assert_int_equal(pipeline_usage(&p).bytes, 0);
	double routed = pipeline_sum(p.metrics, "tallyd_rows_routed_total", "output=\"o0\"", NULL);
	assert_true(routed >= CROWD_INPUTS * CROWD_BATCHES);
	if (on_full == JOURNAL_BLOCK)
		assert_int_equal(pipeline_sum(p.metrics, "tallyd_rows_dropped_total",
					      "output=\"o0\"", "reason=\"buffer_full\""),
				 0);
	pipeline_stop(&p);
}

static void the_balance_holds_at_any_time_while_inputs_wait(void **state)
{
	(void)state;
	crowd(JOURNAL_BLOCK);
}

static void the_balance_holds_at_any_time_while_the_oldest_is_dropped(void **state)
{
	(void)state;
	crowd(JOURNAL_DROP_OLDEST);
}

static void the_balance_holds_at_any_time_while_the_newest_is_dropped(void **state)
{
	(void)state;
	crowd(JOURNAL_DROP_NEWEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_balance_holds_at_any_time_while_inputs_wait),
		cmocka_unit_test(the_balance_holds_at_any_time_while_the_oldest_is_dropped),
		cmocka_unit_test(the_balance_holds_at_any_time_while_the_newest_is_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
