/*
 * What changes.c knows, as one jansson tree, and its file.  The instance's thread.
 *
 *	{"key": "…", "number": 7, "host": {"engine": …, "kernel": …, "boot": …},
 *	 "containers": {ID: {"service", "name", "started", "restarts", "exit_code", "health",
 *	                     "alive", "spec", "fresh"}},
 *	 "services": {NAME: {"id", "started", "spec", "count", "pending", "since", "seen"}},
 *	 "rows": [{"n": 7, "time": …, "kind": …, …}]}
 */
#ifndef TALLYD_CHANGES_STATE_H
#define TALLYD_CHANGES_STATE_H

#include "changes.h"

enum { CHANGES_ROWS = 512, CHANGES_SERVICES = 1000 };

struct changes {
	struct tally_ctx *ctx;
	struct docker *docker;
	json_t *root;
	json_t *containers, *services, *rows; /* in it */
	unsigned char key[CHANGES_KEY_SIZE];
	json_int_t emitted; /* rows up to this number are on their way or safe */
	bool first;         /* nothing was known: only learn */
	bool dirty;         /* the file is older */
	bool save_failed;   /* and that was logged */
};

/* false: no memory. */
bool changes_state_load(struct changes *changes);
void changes_state_save(struct changes *changes);

/* Members, set anew and marked dirty if that is a change. */
void changes_set(struct changes *changes, json_t *object, const char *name, json_t *value);

#endif
