/*
 * A Docker input under test: the plugin on a fake host, its engine a fake one that answers with
 * what a real one once said (tests/data/docker/ENGINE).
 */
#ifndef TALLYD_TESTS_DOCKER_FIXTURE_H
#define TALLYD_TESTS_DOCKER_FIXTURE_H

#include <pthread.h>

#include "fake_engine.h"
#include "fake_host.h"
#include "waiting.h"

#define DOCKER_20 "docker-20.10.24-cgroupv1"
#define DOCKER_26 "docker-26.1.5-cgroupv1"
#define DOCKER_26_V2 "docker-26.1.5-cgroupv2"
#define DOCKER_29 "docker-29.7.2-containerdstore-cgroupv1"
#define PODMAN "podman-4.3.1-cgroupv1"

/* Choices of docker_stats' option `source`; fixture_init() sets the second. */
enum { FIXTURE_AUTO, FIXTURE_API, FIXTURE_CGROUP };

struct docker_fixture {
	const struct tally_plugin *plugin;
	const struct tally_table *table;
	struct fake_host *host;
	struct fake_engine *engine;
	char *config;
	void *self;              /* NULL: not created yet */
	int (*scan)(void *self); /* what fixture_gather() does with an input that follows */
	char *state_dir;
	pthread_t thread; /* of fixture_run() */
	int result;       /* of the plugin's run() */
};

const struct tally_plugin *tally_plugin(void);

/* recorded: a folder of tests/data/docker; NULL: an engine that has nothing but a version.  The
 * timeout is 1 s.  Options may be set before the first fixture_start(). */
void fixture_init(struct docker_fixture *fixture, const char *recorded);
void fixture_done(struct docker_fixture *fixture);
void fixture_set_ns(struct docker_fixture *fixture, const char *option, int64_t value);
void fixture_set_text(struct docker_fixture *fixture, const char *option, const char *value);
void fixture_set_list(struct docker_fixture *fixture, const char *option, const char *const *value);

/* Creates if need be, and starts. */
int fixture_start(struct docker_fixture *fixture);
/* Stops and destroys it, and starts a new one, as a restart of the daemon does. */
int fixture_restart(struct docker_fixture *fixture);
int fixture_gather(struct docker_fixture *fixture); /* forgets what was emitted before */

/* One that has been started and has gathered once. */
struct docker_fixture fixture_gathered(const char *recorded);

/* Starts an input that follows, and lets it in a thread, as the core does; the fixture stays where
 * it is.  When it has ended, what it emitted and logged may be read. */
void fixture_run(struct docker_fixture *fixture);
void fixture_end(struct docker_fixture *fixture);

/* Of what the last gather emitted; fail the test if there is no such row. */
const struct tally_cell *fixture_cell(struct docker_fixture *fixture, const char *name,
				      const char *column);
int64_t fixture_int(struct docker_fixture *fixture, const char *name, const char *column);
double fixture_real(struct docker_fixture *fixture, const char *name, const char *column);
bool fixture_is_null(struct docker_fixture *fixture, const char *name, const char *column);
bool fixture_is_text(struct docker_fixture *fixture, const char *name, const char *column,
		     const char *text);
uint32_t fixture_rows(struct docker_fixture *fixture);
bool fixture_has(struct docker_fixture *fixture, const char *name);
uint64_t fixture_metric(struct docker_fixture *fixture, const char *name, const char *labels);

/* The engine of DOCKER_20 answers for a container of this name. */
const char *fixture_id(struct docker_fixture *fixture, const char *name, char ret[65]);

#endif
