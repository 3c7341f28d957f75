/*
 * Instructions of a poll over 100 containers: from cgroup files, with the same files for each; and
 * from the engine's API.  The engine is a process of its own and not counted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cgroup/cgroup_files.h"
#include "counted.h"
#include "fake_engine.h"

#define RECORDED TEST_DATA_DIR "/cgroup/v2"
#define SCOPES "/sys/fs/cgroup/system.slice/docker-"
#define RECORDED_ID "307a8e06f7f933dd85f0fb5cf566cf0602c764b40895f364f1a78cedae3cc92c"

enum { FIRST_PID = 3000, POLLS = 2, ROUNDS = 8 };
enum { FROM_API = 1, FROM_FILES = 2 }; /* choices of the option `source` */

const struct tally_plugin *tally_plugin(void);

/* ---- The engine ------------------------------------------------------------------ */

static char *list_of_all(void)
{
	size_t size = COUNTED_CONTAINERS * 300, at = 1;
	char *list = malloc(size);
	counted_check(list != NULL, "no memory");
	list[0] = '[';
	for (uint32_t i = 0; i < COUNTED_CONTAINERS; i++) {
		const char *id = counted_id(i);
		at += (size_t)snprintf(
			list + at, size - at,
			"%s{\"Id\":\"%s\",\"Names\":[\"/web%u\"],\"Image\":\"nginx\","
			"\"State\":\"running\",\"Status\":\"Up 3 hours\"}",
			i ? "," : "", id, i);
	}
	snprintf(list + at, size - at, "]");
	return list;
}

static void serve(int endpoint_fd, int end_fd)
{
	char byte;
	struct fake_engine *engine = fake_engine_create();
	char *list = list_of_all();
	fake_engine_set(engine, "/containers/json", 200, list, FAKE_ANSWERS);
	free(list);
	fake_engine_set(engine, "/events", 200, "", FAKE_STREAMS);
	for (uint32_t i = 0; i < COUNTED_CONTAINERS; i++) {
		char part[100], body[100];
		snprintf(part, sizeof(part), "/containers/%s/json", counted_id(i));
		snprintf(body, sizeof(body),
			 "{\"State\":{\"Pid\":%u},\"HostConfig\":{\"NetworkMode\":\"bridge\"}}",
			 FIRST_PID + i);
		fake_engine_set(engine, part, 200, body, FAKE_ANSWERS);
	}
	fake_engine_set_file(engine, "/stats",
			     TEST_DATA_DIR
			     "/docker/docker-26.1.5-cgroupv2/stats_oneshot_web1.json");
	const char *endpoint = fake_engine_endpoint(engine);
	if (write(endpoint_fd, endpoint, strlen(endpoint) + 1) < 0 || read(end_fd, &byte, 1) < 0)
		perror("count: the engine");
	fake_engine_destroy(engine);
}

/* Ends when end_fd is closed. */
static pid_t start_engine(char *endpoint, size_t size, int *ret_end_fd)
{
	int told[2], end[2];
	counted_check(pipe2(told, O_CLOEXEC) == 0 && pipe2(end, O_CLOEXEC) == 0, "pipe");
	pid_t pid = fork();
	counted_check(pid >= 0, "fork");
	if (pid == 0) {
		close(end[1]);
		serve(told[1], end[0]);
		_exit(0);
	}
	close(told[1]);
	close(end[0]);
	counted_check(read(told[0], endpoint, size) > 0, "the engine does not start");
	close(told[0]);
	*ret_end_fd = end[1];
	return pid;
}

/* ---- Files ----------------------------------------------------------------------- */

static void link_to(const char *target, const char *head, const char *middle, const char *tail)
{
	char path[600];
	snprintf(path, sizeof(path), "%s%s%s%s", counted_folder, head, middle, tail);
	counted_check(symlink(target, path) == 0, path);
}

static void make_folder(const char *name)
{
	char path[600];
	snprintf(path, sizeof(path), "%s%s", counted_folder, name);
	counted_check(mkdir(path, 0700) == 0, path);
}

static void make_process(uint32_t i)
{
	char name[40], path[600];
	snprintf(name, sizeof(name), "/proc/%u", FIRST_PID + i);
	make_folder(name);
	snprintf(path, sizeof(path), "%s%s/cgroup", counted_folder, name);
	FILE *file = fopen(path, "w");
	counted_check(file != NULL, path);
	fprintf(file, "0::/system.slice/docker-%s.scope/init.scope\n", counted_id(i));
	counted_check(fclose(file) == 0, path);
	link_to(RECORDED "/proc/3012/net", name, "/net", "");
}

static void make_files(void)
{
	static const char *const folders[] = {"/proc", "/sys", "/sys/fs", "/sys/fs/cgroup",
					      "/sys/fs/cgroup/system.slice"};
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		make_folder(folders[i]);
	link_to(RECORDED "/proc/self", "/proc/", "self", "");
	link_to(RECORDED "/proc/meminfo", "/proc/", "meminfo", "");
	link_to(RECORDED "/proc/stat", "/proc/", "stat", "");
	for (uint32_t i = 0; i < COUNTED_CONTAINERS; i++) {
		make_process(i);
		link_to(RECORDED SCOPES RECORDED_ID ".scope", SCOPES, counted_id(i), ".scope");
	}
}

/* ---- Polls ---------------------------------------------------------------------- */

struct polls {
	struct fake_host *host;
	void *self;
};

static void poll(void *arg)
{
	struct polls *polls = arg;
	for (int i = 0; i < POLLS; i++)
		counted_check(tally_plugin()->input->gather(polls->self) == 0,
			      fake_host_reason(polls->host));
}

static void count_polls(const char *path, const char *endpoint, int64_t source)
{
	const struct tally_plugin *plugin = tally_plugin();
	struct polls polls = {.host = fake_host_create("input.docker_stats")};
	void *config = counted_config(plugin);
	fake_host_ctx(polls.host)->state_dir = counted_folder;
	fake_host_set_now(polls.host, COUNTED_BEGIN);
	fake_host_set_monotonic(polls.host, 100 * CLOCK_SECOND);
	counted_set_text(plugin, config, "endpoint", endpoint);
	counted_set(plugin, config, "source", source);
	counted_set(plugin, config, "timeout", 60 * CLOCK_SECOND);
	int r = plugin->create(fake_host_ctx(polls.host), config, &polls.self);
	r = r == 0 ? plugin->start(polls.self) : r;
	counted_check(r == 0, fake_host_reason(polls.host));
	counted_least(path, POLLS, poll, &polls, ROUNDS);
	uint32_t rows = fake_host_rows(polls.host, "container_stats");
	counted_check(rows == (1 + ROUNDS) * POLLS * COUNTED_CONTAINERS,
		      "containers were not read");
	plugin->stop(polls.self);
	plugin->destroy(polls.self);
	fake_host_destroy(polls.host);
}

int main(int argc, char **argv)
{
	char endpoint[200];
	int end_fd;
	counted_init(argc, argv);
	make_files();
	pid_t engine = start_engine(endpoint, sizeof(endpoint), &end_fd);
	cgroup_root = counted_folder;
	count_polls("stats: a poll of 100 containers from cgroup files", endpoint, FROM_FILES);
	count_polls("stats: a poll of 100 containers from the API", endpoint, FROM_API);
	close(end_fd);
	waitpid(engine, NULL, 0);
	return 0;
}
