/*
 * The least a client can do for one round of all running containers: raw sockets, one request per
 * connection, answers counted and thrown away.
 *
 *	bench_collect_floor SOCKET                    one-shot=true, all at once
 *	bench_collect_floor SOCKET oneshot 8          the same, 8 at once
 *	bench_collect_floor SOCKET stream [AT_ONCE]   stream=false alone: two samples a second apart
 *
 * Prints wall time and its own CPU time, without the list: that comes before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ID_SIZE = 65, MAX_CONTAINERS = 10000, LIST_SIZE = 16 << 20, DEADLINE_MS = 60000 };

struct round {
	const char *socket, *query;
	char (*ids)[ID_SIZE];
	unsigned n, started, ended, failed;
	size_t bytes;
	int epoll_fd;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* HTTP/1.0: the answer ends where the connection does. */
static int ask(const char *path, const char *target)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char request[256];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die(path);
	int len = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: x\r\n\r\n", target);
	if (write(fd, request, (size_t)len) != len)
		die("write");
	return fd;
}

static char *read_list(const char *path)
{
	char *list = malloc(LIST_SIZE + 1);
	size_t len = 0;
	ssize_t n;
	int fd = ask(path, "/containers/json");
	if (!list)
		die("malloc");
	while (len < LIST_SIZE && (n = read(fd, list + len, LIST_SIZE - len)) > 0)
		len += (size_t)n;
	close(fd);
	list[len] = '\0';
	return list;
}

static void find_ids(struct round *round)
{
	static const char key[] = "\"Id\":\"";
	char *list = read_list(round->socket);
	round->ids = calloc(MAX_CONTAINERS, ID_SIZE);
	if (!round->ids)
		die("calloc");
	for (const char *at = list; (at = strstr(at, key)) && round->n < MAX_CONTAINERS;) {
		at += strlen(key);
		if (strspn(at, "0123456789abcdef") == ID_SIZE - 1)
			snprintf(round->ids[round->n++], ID_SIZE, "%s", at);
	}
	free(list);
}

static void start(struct round *round)
{
	char target[200];
	snprintf(target, sizeof(target), "/containers/%s/stats?%s", round->ids[round->started++],
		 round->query);
	int fd = ask(round->socket, target);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (epoll_ctl(round->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		die("epoll_ctl");
}

static void take(struct round *round, int fd)
{
	char buffer[16384];
	ssize_t n = read(fd, buffer, sizeof(buffer));
	if (n > 0) {
		/* The status line comes in one piece. */
		if (n > 12 && memcmp(buffer, "HTTP/1.", 7) == 0 &&
		    memcmp(buffer + 9, "200", 3) != 0)
			round->failed++;
		round->bytes += (size_t)n;
		return;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	close(fd);
	round->ended++;
	if (round->started < round->n)
		start(round);
}

static void run(struct round *round, unsigned concurrency)
{
	struct epoll_event events[64];
	round->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	while (round->started < round->n && round->started < concurrency)
		start(round);
	while (round->ended < round->n) {
		int n = epoll_wait(round->epoll_fd, events, 64, DEADLINE_MS);
		if (n <= 0)
			die("no answer");
		for (int i = 0; i < n; i++)
			take(round, events[i].data.fd);
	}
	close(round->epoll_fd);
}

static double wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static double cpu_ms(void)
{
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static void allow_many_files(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
	bool stream = argc > 2 && strcmp(argv[2], "stream") == 0;
	unsigned long concurrency = argc > 3 ? strtoul(argv[3], NULL, 10) : MAX_CONTAINERS;
	if (argc < 2 || argc > 4 || concurrency == 0 ||
	    (argc > 2 && !stream && strcmp(argv[2], "oneshot") != 0)) {
		fprintf(stderr, "usage: %s SOCKET [oneshot|stream [AT_ONCE]]\n", argv[0]);
		return 2;
	}
	struct round round = {.socket = argv[1],
			      .query = stream ? "stream=false" : "stream=false&one-shot=true"};
	allow_many_files();
	find_ids(&round);
	double wall = wall_ms(), cpu = cpu_ms();
	run(&round, (unsigned)concurrency);
	printf("containers=%u failed=%u wall_ms=%.1f cpu_ms=%.1f bytes=%zu\n", round.n,
	       round.failed, wall_ms() - wall, cpu_ms() - cpu, round.bytes);
	free(round.ids);
	return round.failed > 0;
}
