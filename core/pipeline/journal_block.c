/*
 * A buffer that takes no rows, and the inputs that wait for it.  It is full and on_full = block, or
 * its plugin fails: a full disk, an error of it, no memory.  Either is a state, with a metric,
 * lines in the log and a place in the status: since when, and why.  It begins with the first push
 * that is refused and ends with the first that is taken.
 *
 * An input that has given its rows to another buffer already does not wait for ever for this one:
 * others would starve for it.  One whose rows nobody has taken does: nothing is lost then.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/journal_parts.h"
#include "process/log.h"
#include "plugin/reason.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/condition.h"

/* A moment's fullness is no news. */
static const int64_t journal_wait_log_after = CLOCK_SECOND;
static const int64_t journal_log_interval = CLOCK_MINUTE;
int64_t journal_brief_wait = 5 * CLOCK_SECOND;
/* Room may also appear without a word, as by the plugin's reconfigure() or on a disk. */
static const int64_t journal_recheck_interval = CLOCK_SECOND;
static const int64_t journal_retry_first = 10 * CLOCK_MS;

static const char journal_full_text[] = "it is full (capacity)";

/* ---- Its state ---------------------------------------------------------------- */

static void journal_show_blocked(struct journal *journal, bool blocked)
{
	metric_set(journal->shown_blocked, blocked);
	metric_set(journal->shown_blocked_since, blocked ? clock_now() : 0);
}

void journal_refused(struct journal *journal, int r)
{
	struct error error;
	struct trouble_state state;
	bool was = trouble_read(&journal->trouble, &state);
	/* A plugin gives no reason when it is full by its own bound, and one for everything else,
	 * such as a full disk. */
	bool full = r == -ENOSPC && !reason_last()->text[0];
	if (full)
		error_set(&error, ENOSPC, "%s", journal_full_text);
	else
		reason_explain(r, &error);
	enum trouble_change news = trouble_note(&journal->trouble, error.text, &state);
	journal->failing = !full;
	journal->attempted = clock_monotonic();
	if (!was)
		journal_show_blocked(journal, true);
	if (!full && news != TROUBLE_NOTHING) {
		char age[32], since[32];
		trouble_age(&state, age, sizeof(age));
		trouble_since(state.since, since, sizeof(since));
		if (news == TROUBLE_BEGINS)
			log_message(TALLY_ERROR, journal->name,
				    "accepts no rows: %s; retrying until it does", state.text);
		else
			log_message(TALLY_ERROR, journal->name,
				    "still accepts no rows, since %s (%s): %s", since, age,
				    state.text);
	}
}

/* Fullness begins and ends many times a minute under load and is shown in the metrics only; a
 * failing plugin is an incident, whose end is logged. */
void journal_accepts(struct journal *journal)
{
	struct trouble_state state;
	char age[32];
	if (!trouble_end(&journal->trouble, &state))
		return;
	journal_show_blocked(journal, false);
	trouble_age(&state, age, sizeof(age));
	if (journal->failing)
		log_message(TALLY_NOTICE, journal->name,
			    "accepts rows again after %s; the cause was: %s", age, state.text);
	journal->failing = false;
}

bool journal_blocked(struct journal *journal, struct trouble_state *ret)
{
	return trouble_read(&journal->trouble, ret);
}

bool journal_idle(struct journal *journal, int64_t ns)
{
	pthread_mutex_lock(&journal->lock);
	bool idle = clock_monotonic() - journal->attempted >= ns;
	pthread_mutex_unlock(&journal->lock);
	return idle;
}

/* ---- Who waits ---------------------------------------------------------------- */

static struct metric *journal_wait_gauge(struct journal *journal, const char *input,
					 const char *name, const char *help)
{
	char labels[512] = "";
	metrics_label(labels, sizeof(labels), "input", input);
	metrics_label(labels, sizeof(labels), "buffer", journal->name);
	return metrics_gauge(journal->metrics, name, labels, NULL, help);
}

/* The wall clock's time, for dashboards; durations in messages are of the monotonic clock. */
static void journal_wait_show(struct journal *journal, const char *input, int64_t since)
{
	metric_set(
		journal_wait_gauge(journal, input, "tallyd_input_blocked",
				   "1 while the input waits for this buffer to accept its rows."),
		since != 0);
	metric_set(journal_wait_gauge(
			   journal, input, "tallyd_input_blocked_since_seconds",
			   "Unix time at which the input began to wait; 0 while it does not."),
		   since / CLOCK_SECOND);
}

void journal_announce_input(struct journal *journal, const char *input)
{
	if (!journal_input_waits(journal, input, NULL))
		journal_wait_show(journal, input, 0);
}

/* For the status and /readyz.  A push that tries without waiting has no input to show. */
bool journal_input_waits(struct journal *journal, const char *input, int64_t *ret_since)
{
	pthread_mutex_lock(&journal->lock);
	const struct journal_wait *wait = journal->waits;
	while (wait && (!wait->input || strcmp(wait->input, input) != 0))
		wait = wait->next;
	if (wait && ret_since)
		*ret_since = wait->since;
	pthread_mutex_unlock(&journal->lock);
	return wait != NULL;
}

/* Whatever ended the wait, also a stop: the input is not blocked any more. */
void journal_wait_end(struct journal *journal, struct journal_wait *wait)
{
	struct journal_wait **at = &journal->waits;
	struct trouble_state state = {.since = wait->since};
	char age[32];
	if (!wait->since)
		return;
	while (*at != wait)
		at = &(*at)->next;
	*at = wait->next;
	if (!wait->told)
		return;
	trouble_age(&state, age, sizeof(age));
	journal_wait_show(journal, wait->input, 0);
	log_message(TALLY_NOTICE, wait->input, "resumes after waiting %s for %s", age,
		    journal->name);
}

/* A wait of less than a second is normal when an output is about to write, so nothing is shown
 * before that. */
static void journal_wait_log(struct journal *journal, struct journal_wait *wait, int64_t now)
{
	struct trouble_state trouble, state = {.since = wait->since};
	char age[32], since[32];
	if (!wait->input || now - wait->since < journal_wait_log_after ||
	    (wait->told && now - wait->told < journal_log_interval))
		return;
	trouble_read(&journal->trouble, &trouble);
	trouble_age(&state, age, sizeof(age));
	trouble_since(wait->since, since, sizeof(since));
	log_message(TALLY_WARNING, wait->input,
		    "%s for %s to accept its rows, since %s (%s): %s; it reads nothing meanwhile",
		    wait->told ? "still waits" : "waits", journal->name, since, age, trouble.text);
	if (!wait->told)
		journal_wait_show(journal, wait->input, clock_now() - (now - wait->since));
	wait->told = now;
}

/* ---- Waiting ------------------------------------------------------------------ */

bool journal_rests(struct journal *journal, const struct journal_origin *origin)
{
	return journal->failing && origin->wait_for != JOURNAL_WAIT &&
	       clock_monotonic() - journal->attempted < journal_retry_first;
}

/* Has the push waited for as long as it may? */
static bool journal_gives_up(struct journal *journal, const struct journal_origin *origin)
{
	struct trouble_state state;
	if (origin->wait_for != JOURNAL_WAIT_BRIEFLY)
		return origin->wait_for == JOURNAL_TRY;
	return trouble_read(&journal->trouble, &state) &&
	       clock_monotonic() - state.since >= journal_brief_wait;
}

/* Outputs are woken, since with a push waiting a batch is due whatever its size: otherwise a
 * buffer smaller than batch_size would block for ever. */
int journal_wait(struct journal *journal, const struct journal_origin *origin,
		 struct journal_wait *wait)
{
	if (origin->cancelled && origin->cancelled(origin->arg))
		return -ECANCELED;
	if (journal_gives_up(journal, origin))
		return -EAGAIN;
	/* Listed once and left there until journal_wait_end(): a push may wait many times, and
	 * its input is blocked since the first. */
	if (!wait->since) {
		wait->input = origin->input;
		wait->since = clock_monotonic();
		wait->attempts = 0;
		wait->next = journal->waits;
		journal->waits = wait;
	}
	journal_wait_log(journal, wait, clock_monotonic());
	if (origin->waiting)
		origin->waiting(origin->arg);
	/* An error is tried again soon, and then later and later; room is announced. */
	int64_t pause =
		backoff_pause(journal_retry_first, journal_recheck_interval, wait->attempts++);
	if (!journal->failing)
		pause = journal_recheck_interval;
	int64_t until = clock_monotonic() + pause;
	journal->blocked++;
	for (struct journal_reader *reader = journal->readers; reader; reader = reader->next)
		pthread_cond_signal(&reader->due);
	condition_wait(&journal->room, &journal->lock, until);
	journal->blocked--;
	return 0;
}
