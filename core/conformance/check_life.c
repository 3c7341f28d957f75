/*
 * Checks of an instance's life, whatever it is for: what create() may do, what a life leaves
 * behind, threads that outlive stop(), a configuration that is replaced.  Each is called in a child
 * of its own, on its main thread, with a plugin that is loaded and has its section.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/checks.h"
#include "conformance/measure.h"
#include "conformance/rows.h"
#include "pipeline/batch.h"

enum { LIFE_ROUNDS = 4, LIFE_LIVES = 12, LIFE_CREATIONS = 50, LIFE_FAILURES = 4 };

/* ---- What it declares ---- */

void check_declaration(struct subject *subject)
{
	const struct tally_plugin *plugin = subject->plugin;
	const char *path = subject->settings->path;
	const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	size_t len = strlen(plugin->name);
	if (strncmp(file, plugin->name, len) != 0 || strcmp(file + len, ".so") != 0)
		subject_found(
			subject, SUBJECT_READ_REFUSED,
			"the file is %s, but the plugin's name is %s: [%s.%s] looks for %s.so",
			file, plugin->name, plan_kind_name(subject->kind), plugin->name,
			plugin->name);
	for (enum plan_kind kind = PLAN_INPUT; kind <= PLAN_OUTPUT; kind++) {
		const char *taken =
			plan_kind_fits(kind, plugin) ? plan_taken_option(kind, plugin) : NULL;
		if (taken)
			subject_found(subject, SUBJECT_READ_OPTIONS,
				      "it declares the option %s, which the core has for every %s: "
				      "call it something else",
				      taken, plan_kind_name(kind));
	}
	for (const struct tally_table *const *t = plugin->tables; t && *t; t++)
		if (!(*t)->revision)
			subject_warn(
				subject, SUBJECT_READ_TABLES,
				"table %s has no revision: begin with 1, and raise it when you "
				"append columns",
				(*t)->name);
}

/* ---- create() ---- */

/* Files and connections; an eventfd or a pipe is nobody else's. */
static bool life_is_io(const char *descriptor)
{
	return descriptor[0] == '/' || strncmp(descriptor, "socket:", 7) == 0;
}

void check_create(struct subject *subject)
{
	struct measure before, after;
	char what[256];
	measure_take(&before);
	if (!subject_create(subject)) {
		subject_found(subject, SUBJECT_READ_LIFE, "%s", subject->shared->skipped);
		subject->shared->skipped[0] = '\0';
		return;
	}
	measure_take(&after);
	if (measure_new_descriptor(&before, &after, what, sizeof(what)) && life_is_io(what))
		subject_found(
			subject, SUBJECT_READ_LIFE,
			"create() opens %s: it does no I/O, since `tallyd check` calls it too; "
			"open it in start()",
			what);
	if (after.threads > before.threads)
		subject_found(
			subject, SUBJECT_READ_LIFE,
			"create() starts a thread: threads begin in start() and end in stop()");
	subject_destroy(subject);
}

/* ---- What is left behind ---- */

/* The daemon keeps the last thousand batches' structs: they are not the plugin's. */
static void life_warm_up(void)
{
	for (int i = 0; i < 1200; i++)
		batch_drop(rows_batch(TALLY_SERIES, ROWS_NULLS, 1));
}

/* Grew in every round, by at least that much for each life: what only the first lives need (a
 * library's caches) is no leak. */
static size_t life_growth(const size_t at[LIFE_ROUNDS], int lives, size_t least)
{
	size_t smallest = SIZE_MAX, n = (size_t)lives;
	for (int i = 1; i < LIFE_ROUNDS; i++) {
		size_t grown = at[i] > at[i - 1] ? at[i] - at[i - 1] : 0;
		smallest = grown < smallest ? grown : smallest;
	}
	return smallest / n >= least ? smallest / n : 0;
}

static void life_judge(struct subject *subject, const struct measure at[LIFE_ROUNDS], int lives,
		       const char *what)
{
	size_t bytes[LIFE_ROUNDS], descriptors[LIFE_ROUNDS], threads[LIFE_ROUNDS];
	char one[256] = "";
	for (int i = 0; i < LIFE_ROUNDS; i++) {
		bytes[i] = at[i].bytes;
		descriptors[i] = at[i].descriptors;
		threads[i] = at[i].threads;
	}
	measure_new_descriptor(&at[0], &at[LIFE_ROUNDS - 1], one, sizeof(one));
	size_t lost = life_growth(bytes, lives, 16);
	if (life_growth(descriptors, lives, 1))
		subject_found(subject, SUBJECT_READ_LIFE,
			      "descriptors stay open with each %s, as that of %s: stop() undoes "
			      "start(), and destroy() undoes create()",
			      what, one);
	if (life_growth(threads, lives, 1))
		subject_found(subject, SUBJECT_READ_THREADS,
			      "a thread stays with each %s: stop() must end and join it", what);
	else if (lost)
		subject_found(subject, SUBJECT_READ_LIFE,
			      "%zu bytes of memory or so are lost with each %s", lost, what);
}

typedef bool life_fn(struct subject *subject);

/* False: it could not be lived. */
static bool life_repeat(struct subject *subject, life_fn *life, int lives, const char *what)
{
	struct measure at[LIFE_ROUNDS];
	life_warm_up();
	for (int round = 0; round < LIFE_ROUNDS; round++) {
		for (int i = 0; i < lives; i++)
			if (!life(subject))
				return false;
		measure_threads(round ? at[0].threads : 1);
		measure_churn(); /* what malloc keeps for reuse is the same each time */
		measure_take(&at[round]);
	}
	life_judge(subject, at, lives, what);
	return true;
}

static bool life_made(struct subject *subject)
{
	if (!subject_create(subject))
		return false;
	subject_destroy(subject);
	return true;
}

static void life_check_owned(struct subject *subject)
{
	if (subject->owned > 0)
		subject_found(subject, SUBJECT_READ_OWNERSHIP,
			      "%lld batches that it made or kept were neither emitted nor dropped "
			      "when destroy() had returned",
			      (long long)subject->owned);
	subject->owned = 0;
}

static bool life_lived(struct subject *subject)
{
	if (!subject_create(subject))
		return false;
	bool up = subject_start(subject);
	bool worked = up && subject_work(subject);
	bool hangs = atomic_load(&subject->shared->hangs);
	if (up && !hangs)
		subject_stop(subject);
	if (!hangs)
		subject_destroy(subject);
	life_check_owned(subject);
	subject_forget(subject);
	/* A life in which the work fails has nothing to hide either. */
	return up && !hangs && (worked || subject->shared->skipped[0]);
}

void check_life_cycle(struct subject *subject)
{
	if (!life_repeat(subject, life_made, LIFE_CREATIONS, "create() and destroy()"))
		return;
	life_repeat(subject, life_lived, LIFE_LIVES, "life from create() to destroy()");
}

static bool life_failed(struct subject *subject)
{
	bool up = subject_start(subject);
	if (up)
		subject_stop(subject);
	return !up;
}

/* The daemon calls start() again and again while a service is not there. */
void check_failed_start(struct subject *subject)
{
	if (!subject->plugin->start) {
		subject_not_for(subject, "it has no start()");
		return;
	}
	if (!subject_create(subject))
		return;
	bool fails = life_repeat(subject, life_failed, LIFE_FAILURES, "start() that fails");
	subject->shared->skipped[0] = '\0';
	if (!fails)
		subject_skip(subject, "start() succeeds here");
	subject_destroy(subject);
}

/* ---- Threads ---- */

/* A thread that is left uses a ctx that is gone: the daemon refuses that, and says so. */
void check_threads(struct subject *subject)
{
	struct measure before;
	measure_take(&before);
	if (!subject_create(subject))
		return;
	if (subject_start(subject)) {
		subject_work(subject);
		subject_stop(subject);
		unsigned left = measure_threads(before.threads);
		if (left > before.threads)
			subject_found(
				subject, SUBJECT_READ_THREADS,
				"%u of its threads still run when stop() has returned: stop() must "
				"end and join them",
				left - before.threads);
	}
	subject_destroy(subject);
	subject_hint(subject, "a thread of it used the instance after destroy()");
	plugin_api_destroy(subject->api);
	subject->api = NULL;
	measure_threads(before.threads); /* time for them to be noticed */
}

/* ---- reconfigure() ---- */

void check_reconfigure(struct subject *subject)
{
	enum { TIMES = 3 };
	const struct tally_plugin *plugin = subject->plugin;
	void *before = NULL;
	if (!plugin->reconfigure) {
		subject_not_for(subject, "it has no reconfigure(): the daemon makes it anew");
		return;
	}
	measure_perturb();
	if (!subject_create(subject) || !subject_start(subject))
		return;
	for (int i = 0; i < TIMES; i++) {
		struct options *options = NULL;
		void *config = subject_parse(subject, &options);
		int r = config ? SUBJECT_CALL(subject, "reconfigure()",
					      plugin->reconfigure(subject->self, config))
			       : -ENOMEM;
		if (r < 0)
			subject_warn(subject, SUBJECT_READ_LIFE,
				     "reconfigure() refuses the configuration that it has: %s",
				     reason_last()->text);
		/* The one before is not in use any more; its texts stay, as those of a plan that
		 * batches point to. */
		subject_hint(subject,
			     "it still uses the configuration before the last reconfigure(), "
			     "which was freed");
		/* Wiped and not freed, so that nothing else can be there. */
		if (before)
			explicit_bzero(before, plugin->config_size);
		before = config;
		subject_work(subject);
	}
	subject->shared->skipped[0] = '\0';
	subject_stop(subject);
	subject_destroy(subject);
}
