/*
 * One container whose log is followed: from an inspect to the reading of its log, and what comes
 * after the log's end.  Called by scan.c (inspects), session.c (events, files, time) and
 * followers.c (making and unmaking), on the input's thread.
 *
 * Happy path: inspect; open a source, its file or the engine's API, where the position says; read;
 * the log ends when the container stops; inspect again, read what was missed; idle until it starts
 * again.  What can fail: see the table in follow_state.c.
 */
#ifndef TALLYD_LOGS_FOLLOWER_H
#define TALLYD_LOGS_FOLLOWER_H

#include "base/backoff.h"
#include "follow_state.h"
#include "logs/ingest.h"
#include "inspect.h"
#include "sources/source_api.h"
#include "logs/source_file.h"

enum follow_event { EVENT_START, EVENT_DIE, EVENT_RENAME, EVENT_DESTROY };

struct follower {
	struct docker_logs *logs;
	struct ingest ingest;
	enum follow_state state; /* set in advance() of follower.c and nowhere else */
	struct source_api api;
	struct source_file file; /* at most one of the two is open */
	struct log_damage damage;
	char *path;             /* of the log file; NULL: the driver has none */
	bool foreign;           /* the file is not a log that we can read */
	bool matched;           /* by the list it passes the operator's patterns */
	bool known;             /* inspected once, and its position asked for */
	bool reinspect;         /* to be inspected beside what it does */
	bool running;           /* by the last inspect */
	bool following;         /* the source goes on while the container runs */
	bool restarted;         /* it has started since the last inspect */
	bool destroyed;         /* by an event, or missing in the list */
	bool last_lines;        /* first sight: only first_sight's number of lines */
	bool reported;          /* that its log cannot be read */
	unsigned tail_step;     /* how far back the API is asked to begin (source_api.h) */
	int64_t opened;         /* the API's stream, monotonic ns */
	int64_t due;            /* of FOLLOW_RETRY: monotonic ns */
	struct backoff backoff; /* likewise */
	bool brief;             /* the last stream was, and nothing has failed since */
};

struct follower *follower_create(struct docker_logs *logs, const char *id);
/* Closes its source; rows that wait are dropped. */
void follower_destroy(struct follower *follower);

/* What the engine reports of it. */
void follower_on_event(struct follower *follower, enum follow_event event);
void follower_on_inspect(struct follower *follower, const struct inspect_facts *facts);
/* The inspect failed with something that may pass. */
void follower_on_inspect_failed(struct follower *follower);
/* The inspect showed that the operator's patterns exclude it. */
void follower_on_excluded(struct follower *follower);

/* A chunk of its file, if there may be more.  true: there still may. */
bool follower_read_file(struct follower *follower);
/* Ends the messages that were due at a time, unless there is more to read. */
void follower_end_messages(struct follower *follower, int64_t due);
/* Hands over the rows that wait.  Not from within a call of its stream. */
void follower_flush(struct follower *follower);
/* Inspects it again if it has waited long enough after a failure. */
void follower_on_time(struct follower *follower, int64_t now);
/* The session ends: its source is closed, the rest stays for the next session. */
void follower_suspend(struct follower *follower);

#endif
