/* The table of a follower's states: which input leads where. */
#include <stddef.h>
#include <stdint.h>

#include "follow_state.h"
#include "test.h"

static void an_event_or_inspect_moves_only_who_waits_for_it(void **state)
{
	enum {
		INSPECT = FOLLOW_INSPECT,
		READING = FOLLOW_READING,
		IDLE = FOLLOW_IDLE,
		RETRY = FOLLOW_RETRY,
		UNREADABLE = FOLLOW_UNREADABLE,
		REMOVED = FOLLOW_REMOVED
	};
	static const struct {
		int input;
		int next[FOLLOW_STATES];
	} rows[] = {
		{FOLLOW_STARTED, {INSPECT, READING, INSPECT, INSPECT, UNREADABLE, REMOVED}},
		{FOLLOW_DESTROYED, {REMOVED, READING, REMOVED, REMOVED, REMOVED, REMOVED}},
		{FOLLOW_NOT_INSPECTED, {RETRY, READING, IDLE, RETRY, UNREADABLE, REMOVED}},
		{FOLLOW_SUSPENDED, {INSPECT, INSPECT, IDLE, INSPECT, UNREADABLE, REMOVED}},
		{LOG_MORE, {INSPECT, READING, IDLE, RETRY, UNREADABLE, REMOVED}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int now = 0; now < FOLLOW_STATES; now++)
			assert_int_equal(follow_next((enum follow_state)now, rows[i].input),
					 rows[i].next[now]);
}

static void the_outcome_of_a_source_says_what_comes_next(void **state)
{
	static const struct {
		int outcome;
		enum follow_state next;
	} rows[] = {
		{FOLLOW_OPENED, FOLLOW_READING}, {LOG_END, FOLLOW_IDLE},
		{FOLLOW_CLOSED, FOLLOW_INSPECT}, {LOG_FOREIGN, FOLLOW_INSPECT},
		{LOG_NOT_FOUND, FOLLOW_REMOVED}, {LOG_UNREADABLE, FOLLOW_UNREADABLE},
		{LOG_REFUSED, FOLLOW_RETRY},     {LOG_FAILED, FOLLOW_RETRY},
		{LOG_GARBAGE, FOLLOW_RETRY},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(follow_next(FOLLOW_READING, rows[i].outcome), rows[i].next);
}

/* Also of a container that is idle, or gone: its last rows are flushed late. */
static void rows_that_are_lost_are_read_again_in_any_state(void **state)
{
	(void)state;
	for (int now = 0; now < FOLLOW_STATES; now++)
		assert_int_equal(follow_next((enum follow_state)now, LOG_LOST), FOLLOW_RETRY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_or_inspect_moves_only_who_waits_for_it),
		cmocka_unit_test(the_outcome_of_a_source_says_what_comes_next),
		cmocka_unit_test(rows_that_are_lost_are_read_again_in_any_state),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
