/*
 * What runs, as `tallyd top` knows it: containers by id and host, with their newest reading, what
 * they do per second, and their CPU over the last hour.  Filled from the API's answers; one thread.
 * Numbers are doubles, NAN if not known.
 */
#ifndef TALLYD_CONSOLE_MODEL_H
#define TALLYD_CONSOLE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	MODEL_MAX_CONTAINERS = 5000,
	MODEL_TRENDS = 8,            /* points of a sparkline */
	MODEL_LABELS_SIZE = 16 << 10 /* of a container's labels as they are kept */
};

enum model_text {
	MODEL_HOST,
	MODEL_ID,
	MODEL_NAME,
	MODEL_IMAGE,
	MODEL_STATE,
	MODEL_HEALTH,
	MODEL_COMMAND,
	MODEL_PROJECT,
	MODEL_SERVICE,
	MODEL_STATUS,
	MODEL_LABELS, /* "key=value\n" each */
	MODEL_TEXTS
};

struct reading {
	int64_t time; /* ns; 0: there is none */
	double cpu_percent, mem_used, net_rx, net_tx, blk_read, blk_write, pids;
};

struct rates {
	double net_rx, net_tx, blk_read, blk_write;
};

struct container {
	const char *texts[MODEL_TEXTS]; /* NULL: not known */
	double exit_code, restarts, cpu_limit, mem_limit;
	bool oom_killed;
	int64_t started_at; /* ns; 0: not known */
	struct reading now;
	struct rates rates;
	float trend[MODEL_TRENDS];
	double held;  /* what it is sorted by while the order is held; NAN: came later */
	bool listed;  /* by the list that is coming */
	bool trended; /* in this round */
	void *memory; /* owns the texts */
};

struct model {
	struct container **containers; /* by id, then host */
	size_t n;
	int64_t newest; /* time of the newest reading; 0: there was none */
	bool loaded;    /* a whole list has come */
	bool cut;       /* there are more than MODEL_MAX_CONTAINERS */
};

void model_done(struct model *model);

/* A new list begins, each of its rows comes, it is whole: who is not in it is gone. */
void model_list_begin(struct model *model);
void model_list_row(struct model *model, char *json, size_t len);
void model_list_end(struct model *model);

/* A reading of a stream.  False: of nobody who is known. */
bool model_reading(struct model *model, char *json, size_t len);
/* The answer of /stats?ids=…: trends, and rates where there is no second reading yet. */
void model_trends(struct model *model, char *json, size_t len);

struct container *model_find(const struct model *model, const char *host, const char *id);

/* ---- What rows say in words ---------------------------------------------------- */

bool container_is(const struct container *container, enum model_text text, const char *value);
bool container_runs(const struct container *container); /* running or paused: it has readings */
/* Seconds since its start; NAN: it does not run. */
double container_up(const struct container *container, int64_t now);
/* "exit 137 (out of memory), 4 restarts"; "": nothing is wrong. */
void container_note(const struct container *container, char *ret, size_t size);

#endif
