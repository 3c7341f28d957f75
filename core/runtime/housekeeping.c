/*
 * The main thread's periodic tasks, apart from the loops that it may be in: watching (daemon.c),
 * waiting for instances to stop (drain.c), for a buffer to start, for a check before a reload
 * (reload_check.c).  Each of them calls daemon_housekeeping() at every turn, a few times a second
 * at least, so that systemd's watchdog is answered and positions are saved even while a stop takes
 * as long as drain_timeout allows.
 *
 * Only daemon_begin_anew() can wait for a plugin: for the lock of a journal, which is held while
 * its buffer is called, and for interrupt().  What fails is logged and tried again a second later.
 */
#include <signal.h>

#include "runtime/daemon.h"
#include "runtime/status_socket.h"
#include "process/log.h"
#include "process/sd_notify.h"
#include "process/signals.h"
#include "base/clock.h"

static const char daemon_source[] = "daemon";
/* After that long without an attempt, nobody knows whether a blocked buffer still is. */
static const int64_t daemon_blocked_idle = CLOCK_MINUTE;
static const int64_t daemon_anew_pause = 10 * CLOCK_SECOND; /* between two times, at least */

void daemon_save_positions(struct daemon *daemon)
{
	struct error error;
	if (positions_save(daemon->positions, &error) < 0)
		log_message(TALLY_ERROR, daemon_source,
			    "cannot save the positions of inputs: %s; retrying every second",
			    error.text);
}

/* Is a buffer still blocked that this input's rows go to?  One that nobody has tried for a while
 * may be so or not: the rows that are read again will show. */
static bool daemon_is_blocked_for(const struct daemon *daemon, const struct instance *instance)
{
	struct trouble_state trouble;
	for (size_t i = 0; i < daemon->n_buffers; i++) {
		struct journal *journal = buffer_journal(daemon->buffers[i]);
		if (journal && journal_blocked(journal, &trouble) &&
		    !journal_idle(journal, daemon_blocked_idle) &&
		    journal_wants(journal, instance_tables(instance)))
			return true;
	}
	return false;
}

/* Inputs that went on without a blocked buffer go back for it once it takes rows again. */
static void daemon_begin_anew(struct daemon *daemon, int64_t now)
{
	bool any = false;
	if (now < daemon->anew_due)
		return;
	for (size_t i = 0; i < daemon->n_instances; i++) {
		struct instance *instance = daemon->instances[i];
		if (!instance_is_passed_over(instance) || daemon_is_blocked_for(daemon, instance) ||
		    !instance_begin_anew(instance))
			continue;
		any = true;
		log_message(TALLY_NOTICE, instance_plan(instance)->name,
			    "restarts from the last position that a blocked buffer has, so that it "
			    "gets the rows it missed; other buffers get them again");
	}
	if (any)
		daemon->anew_due = now + daemon_anew_pause;
}

static void daemon_count_trouble(const struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->n_instances; i++)
		instance_count_trouble(daemon->instances[i]);
}

/* The watchdog first and at every turn; the rest once a second. */
void daemon_housekeeping(struct daemon *daemon)
{
	int64_t now = clock_monotonic();
	if (daemon->watchdog_interval && now >= daemon->watchdog_due) {
		sd_notify_send("WATCHDOG=1");
		daemon->watchdog_due = now + daemon->watchdog_interval;
	}
	if (now < daemon->chores_due)
		return;
	daemon->chores_due = now + CLOCK_SECOND;
	log_tick(now);
	daemon_keep_state(daemon);
	daemon_keep_socket(daemon);
	daemon_save_positions(daemon);
	daemon_begin_anew(daemon, now);
	daemon_count_trouble(daemon);
}

/* SIGHUP only leaves a mark: the loop that waits here may be in the middle of a reload or a stop,
 * while the status disturbs nothing. */
int daemon_wait_signal(struct daemon *daemon, int64_t deadline)
{
	int signal = signals_wait(daemon->signals, daemon->status_socket, deadline);
	status_socket_serve(daemon);
	if (signal == SIGHUP)
		daemon->reload = true;
	if (signal == SIGUSR1)
		daemon_log_status(daemon);
	return signal == SIGTERM || signal == SIGINT ? signal : 0;
}
