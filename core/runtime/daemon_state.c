/*
 * The state directory while the daemon runs: whether it is still there, and made again if not. From
 * the main loop's chores, each second.
 *
 * Why at all: cleaning jobs remove folders below /var/lib and /tmp while daemons run, and a lock on
 * a deleted file keeps nobody out.
 */
#include <unistd.h>

#include "runtime/daemon.h"
#include "runtime/status_socket.h"
#include "process/log.h"

/* A folder that cannot be made again is tried each second; positions are then not saved either. */
void daemon_keep_state(struct daemon *daemon)
{
	struct error told, error;
	if (!daemon->state_missing)
		return;
	bool missing = metric_get(daemon->state_missing) != 0;
	int r = state_dir_keep(&daemon->state, daemon->state_path, &told, &error);
	if (r != 0 && !missing) {
		metric_add(daemon->state_taken_away, 1);
		log_message(TALLY_ERROR, "daemon",
			    "%s; creating it again with the same producer id", told.text);
	}
	if (r < 0)
		log_message(TALLY_ERROR, "daemon", "%s; retrying every second", error.text);
	metric_set(daemon->state_missing, r < 0);
	if (r == 0 && positions_taken_away(daemon->positions)) {
		metric_add(daemon->state_taken_away, 1);
		log_message(TALLY_ERROR, "daemon",
			    "%s/positions was removed or replaced while in use: writing it again",
			    daemon->state_path);
	} else if (r > 0) {
		positions_taken_away(daemon->positions); /* with its folder */
		log_message(TALLY_NOTICE, "daemon", "state_dir %s created again",
			    daemon->state_path);
	}
}

/* Without it only `tallyd status` and `healthcheck` are missing, so the daemon goes on. */
void daemon_keep_socket(struct daemon *daemon)
{
	struct error error;
	if (status_socket_is_there(daemon->state_path, STATUS_SOCKET, daemon->status_socket))
		return;
	if (daemon->status_socket >= 0)
		close(daemon->status_socket);
	daemon->status_socket = status_socket_open(daemon->state_path, STATUS_SOCKET, &error);
	if (daemon->status_socket < 0)
		log_message(TALLY_WARNING, "daemon",
			    "no socket for tallyd status and healthcheck: %s; retrying every "
			    "second",
			    error.text);
}
