/*
 * One plugin while it is tried, in the child process of one check: the plugin, what its section
 * says, a host that is the daemon's own but keeps what is emitted, and what was found.  Findings go
 * to memory that the parent shares, so that they outlive a crash; so does what the plugin was
 * doing.  Findings from any thread, the rest from the child's main thread.
 */
#ifndef TALLYD_CORE_SUBJECT_H
#define TALLYD_CORE_SUBJECT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <tallyd/buffer.h>
#include <tallyd/host.h>

#include "conformance/conformance.h"
#include "instance/plan.h"
#include "instance/plugin_api.h"
#include "plugin/reason.h"

enum { SUBJECT_FINDINGS = 32, SUBJECT_TEXT_SIZE = 640, SUBJECT_BATCHES = 1024 };

struct subject_finding {
	bool warning;
	const char *read; /* a constant, at the same address in parent and child */
	char text[SUBJECT_TEXT_SIZE];
};

/* What parent and child share. */
struct subject_shared {
	atomic_uint n_findings; /* may be more than there is room for */
	struct subject_finding findings[SUBJECT_FINDINGS];
	char doing[128];                 /* the call that the plugin is in; "": none */
	char hint[SUBJECT_TEXT_SIZE];    /* what it would mean if it crashed now; "": no idea */
	char skipped[SUBJECT_TEXT_SIZE]; /* why the check could not be done; "": it was */
	atomic_uint step;                /* of a check with steps: the one in hand */
	atomic_bool done, hangs, inapplicable;
};

struct subject {
	const struct conformance_settings *settings;
	struct subject_shared *shared;
	const char *folder; /* state_dir */
	const struct tally_plugin *plugin;
	enum plan_kind kind;
	struct registry *registry;
	pthread_rwlock_t registry_lock;
	struct plugin_services services;
	struct bindings *bindings;
	struct config *file; /* NULL: none was given */
	struct config *parsed;
	const struct config_section *section;
	struct options *options;
	void *config;
	struct api *api;
	struct tally_host host; /* the daemon's, some of it replaced */
	void *self;

	pthread_mutex_t lock; /* guards what is below */
	const struct tally_batch *batches[SUBJECT_BATCHES];
	uint32_t n_batches;
	int64_t owned;         /* batches that the plugin has made or kept, and not given back */
	int refuse;            /* what emit returns; 0: it takes */
	uint32_t rejected;     /* entries that it gave a reason for */
	uint32_t emitted_rows; /* ever */
};

/* Where to read more. */
extern const char SUBJECT_READ_OWNERSHIP[], SUBJECT_READ_THREADS[], SUBJECT_READ_ERRORS[],
	SUBJECT_READ_TABLES[], SUBJECT_READ_OPTIONS[], SUBJECT_READ_OUTPUT[], SUBJECT_READ_BUFFER[],
	SUBJECT_READ_REFUSED[], SUBJECT_READ_LIFE[], SUBJECT_READ_STORE[];

__attribute__((format(printf, 3, 4))) void subject_found(struct subject *subject, const char *read,
							 const char *fmt, ...);
__attribute__((format(printf, 3, 4))) void subject_warn(struct subject *subject, const char *read,
							const char *fmt, ...);
__attribute__((format(printf, 2, 3))) void subject_skip(struct subject *subject, const char *fmt,
							...);
void subject_not_for(struct subject *subject, const char *why); /* the check is for others */
__attribute__((format(printf, 2, 3))) void subject_hint(struct subject *subject, const char *fmt,
							...);

/* r = SUBJECT_CALL(subject, "gather()", input->gather(self)): what it returned is looked at, too.
 */
#define SUBJECT_CALL(subject, what, call)                                                          \
	({                                                                                         \
		subject_enter(subject, what);                                                      \
		subject_leave(subject, what, PLUGIN_CALL(call));                                   \
	})
#define SUBJECT_DO(subject, what, call)                                                            \
	do {                                                                                       \
		subject_enter(subject, what);                                                      \
		PLUGIN_CALL(call);                                                                 \
		subject_leave(subject, what, 0);                                                   \
	} while (0)
void subject_enter(struct subject *subject, const char *what);
int subject_leave(struct subject *subject, const char *what, int r);

/* Loads it and reads its section; false: a finding or a skip says why not. */
bool subject_load(struct subject *subject);
bool subject_prepare(struct subject *subject);
/* Options in a fresh struct, as a reload would make it; free() it.  NULL: they are wrong. */
void *subject_parse(struct subject *subject, struct options **ret);
/* The same with other text in the section; problems are silent. */
void *subject_parse_text(struct subject *subject, const char *text, struct config **ret_config,
			 struct options **ret);

/* The life of the instance; false: it fails, and that is a finding or why the check is skipped. */
bool subject_create(struct subject *subject);
bool subject_start(struct subject *subject);
void subject_stop(struct subject *subject);
void subject_destroy(struct subject *subject);

/* One round of what it is for: a gather, some of a run, a write, a push.  False: it fails. */
bool subject_work(struct subject *subject);
void subject_forget(struct subject *subject); /* drops what was emitted */

/* A call on another thread that is to be cut short. */
typedef int subject_call_fn(struct subject *subject);
struct subject_thread {
	struct subject *subject;
	subject_call_fn *call;
	pthread_t thread;
	atomic_bool done;
	int r;
};
bool subject_thread_start(struct subject_thread *thread, struct subject *subject,
			  subject_call_fn *call);
/* As the daemon does it: stopping is true, and interrupt() is called.  False: it did not return in
 * time, and that is a finding. */
bool subject_thread_stop(struct subject_thread *thread, const char *what);
bool subject_wait(atomic_bool *flag, int64_t timeout);
int subject_call_work(struct subject *subject); /* gather(), run() or write() */
const char *subject_work_name(const struct subject *subject);

#endif
