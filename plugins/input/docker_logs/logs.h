/*
 * What the files of this plugin share: the instance, and one follower per container.  All of it
 * lives in the instance's one thread.
 */
#ifndef TALLYD_LOGS_H
#define TALLYD_LOGS_H

#include "docker/docker_follow.h"
#include "docker/docker_stream.h"
#include "sources/log_file.h"
#include "sources/log_frames.h"
#include "lines/log_message.h"
#include "sources/log_raw.h"
#include "inspect.h"
#include "rows/log_rows.h"

enum logs_metric {
	METRIC_CONTAINERS = DOCKER_FOLLOW_METRICS_END,
	METRIC_UNREADABLE,
	METRIC_NOT_FOLLOWED,
	METRIC_READS,
	METRIC_REPEATS,
	METRIC_GAPS,
	METRIC_CUT,
	METRIC_LIMITED,
	METRIC_GARBAGE,
	METRIC_ENGINE_ERRORS,
};

/* How much of a log that was never read before is taken. */
struct logs_first {
	bool only_new;
	uint32_t lines; /* the last so many; 0: all */
};

enum logs_source { SOURCE_AUTO, SOURCE_API, SOURCE_FILE };

struct logs_config {
	struct docker_config docker;
	const char *first_sight;
	int64_t source;
	int64_t max_line, max_containers, rate_limit;
	const char *multiline_start; /* NULL: each line is a message */
	int64_t multiline_timeout, multiline_lines;
};

enum follow_state {
	FOLLOW_INSPECT,    /* to be inspected, which decides what comes next */
	FOLLOW_READING,    /* a stream is open */
	FOLLOW_IDLE,       /* does not run, is read to its end */
	FOLLOW_RETRY,      /* something failed; again when it is due */
	FOLLOW_UNREADABLE, /* its logging driver cannot be read */
	FOLLOW_REMOVED,    /* to be removed */
};

/* Why a stream was given up by us. */
enum follow_reason {
	REASON_NONE,
	REASON_WIDEN, /* it began too late in the log */
	REASON_GARBAGE,
	REASON_NO_MEMORY,
	REASON_NOT_EMITTED,
};

enum logs_event { LOGS_START, LOGS_DIE, LOGS_RENAME, LOGS_DESTROY };

struct docker_logs;

struct follower {
	struct docker_logs *logs;
	struct log_rows rows;
	struct log_lines lines;
	struct log_messages messages;
	struct log_frames frames;
	struct log_raw raw;
	enum follow_state state;
	enum follow_reason reason;
	struct docker_stream *stream; /* reading by the API */
	struct log_file *file;        /* reading the engine's files */
	char *path;                   /* of the file; NULL: the driver has none */
	bool alien;                   /* the file is no log that we can read */
	uint64_t bad;                 /* places in its files with no record, not told yet */
	off_t bad_at;                 /* the first of them */
	int64_t bad_due;              /* monotonic ns: not to be told of more before */
	int watch;                    /* of inotify */
	bool hot;                     /* there may be more in the file */
	bool chosen;                  /* passed the patterns by what the list said */
	bool known;                   /* inspected once, and its position asked for */
	bool look;                    /* to be inspected beside what it does */
	bool running;                 /* by the last inspect */
	bool following;               /* the stream goes on while it runs */
	bool again;                   /* it has started since the last inspect */
	bool destroyed;               /* as an event said */
	bool limited;                 /* first sight: the last so many lines */
	bool begun;                   /* a part has come on this stream */
	bool widest;                  /* it begins as early as there is anything */
	bool refused;                 /* told about */
	unsigned width;               /* how far back it begins, a step of source_api.c */
	int64_t opened;               /* monotonic ns */
	int64_t due, delay;           /* of FOLLOW_RETRY */
	double tokens;                /* of the rate limit */
	int64_t refilled;
};

struct docker_logs {
	struct tally_ctx *ctx;
	const struct logs_config *config;
	struct logs_first first;
	struct log_rule rule;
	struct docker *docker;
	struct docker_target reach;
	struct docker_streams *streams; /* NULL: not in a session */
	struct follower **followers;    /* in the order of ids */
	uint32_t n_followers, n_allocated;
	uint32_t not_followed;
	int inotify_fd;      /* -1: not in a session */
	char *buffer;        /* for reading files; NULL: none was read */
	int64_t files_due;   /* monotonic ns: not to be woken by files before */
	bool hot;            /* some have more */
	int64_t missing_due; /* monotonic ns to look for files that were not there; 0: none */
	bool told_of_files;
	bool seconds;            /* the engine's times are whole seconds: Podman */
	int64_t started;         /* wall clock, of the instance */
	int64_t wall, monotonic; /* when the clocks were compared last */
	int64_t waiting_since;   /* monotonic ns */
	size_t waiting;          /* bytes of rows that are not handed over */
	bool attention;          /* a follower's state wants to be looked at */
	bool told_not_followed;
};

/* ---- follower.c: one container ---- */

struct follower *follower_create(struct docker_logs *logs, const char *id);
/* Closes its stream; rows that wait are dropped. */
void follower_destroy(struct follower *follower);
/* For messages. */
const char *follower_name(const struct follower *follower);
/* Of an inspect. */
void follower_learn(struct follower *follower, const struct inspect_facts *facts);
void follower_on_event(struct follower *follower, enum logs_event event);
/* Failed with something that may pass. */
void follower_wait(struct follower *follower);
/* Failed for good, which is told once. */
void follower_bar(struct follower *follower, const char *why);
/* What was handed over may not be safe, or reading failed: again after a while, from where it is.
 */
void follower_read_again(struct follower *follower);
/* All that there was has been read. */
void follower_ended(struct follower *follower);
/* The session ends: its stream is gone, the rest stays for the next. */
void follower_suspend(struct follower *follower);

/* ---- ingest.c: its lines and rows ---- */

/* Makes lines and rows of what came by any source.  false: the reason is in the follower. */
bool follower_part(void *arg, const struct log_part *part);
/* The last line may lack its newline.  false: as above. */
bool follower_finish(struct follower *follower);
/* Ends messages that were due at a time, after all that there is was read. */
void follower_end_messages(struct follower *follower, int64_t due);
/* Hands over the rows that wait.  Not from within a call of its stream. */
void follower_flush(struct follower *follower);
void follower_drop_rows(struct follower *follower);

/* ---- source_api.c ---- */

/* Opens a stream; what comes of it is the follower's state. */
void api_open(struct follower *follower);

/* ---- source_file.c: the engine's files ---- */

/* Else the follower's state is as it was.  -ENODEV: the container has no file, or it shall not be
 * used; -EBADMSG: it is no log that we can read; -errno. */
int files_open(struct follower *follower);
void files_close(struct follower *follower);
/* Finds out which were written to. */
void files_notice(struct docker_logs *logs);
/* A chunk of each that may have more.  true: there still is some. */
bool files_read(struct docker_logs *logs);

/* ---- scan_run.c: which containers ---- */

/* Follows one more.  chosen: it has passed the operator's patterns. */
void scan_add(struct docker_logs *logs, const char *id, bool chosen);
/* Inspects those that wait for it; whole: of all there are.  0, or what tally_fail() returned. */
int scan_run(struct docker_logs *logs, bool whole);

/* ---- session_run.c ---- */

/* The input's run(). */
int session_run(void *arg);
/* Notices a clock that was set back; call it between reading bytes and looking into them. */
void clock_check(struct docker_logs *logs);

/* ---- followers.c: all of them ---- */

struct follower *followers_find(const struct docker_logs *logs, const char *id);
/* NULL: no memory, or there are too many, which is told. */
struct follower *followers_add(struct docker_logs *logs, const char *id);
void followers_remove_gone(struct docker_logs *logs);
void followers_destroy(struct docker_logs *logs);

#endif
