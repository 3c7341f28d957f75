/*
 * What `scripts/bench logs` holds docker_logs against, and what it has containers print.
 *
 *	bench_logs_floor api SOCKET ID SECONDS   follows a log and discards it; prints lines/s
 *	bench_logs_floor file PATH               splits a file into lines; prints lines/s
 *	bench_logs_floor print RATE LINES        prints LINES numbered lines, RATE a second
 */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 256 << 10 };

static char chunk[CHUNK];

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t lines_of(size_t len)
{
	uint64_t lines = 0;
	const char *end = chunk + len;
	for (const char *at = chunk; (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
		lines++;
	return lines;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int tell(uint64_t lines, double seconds)
{
	printf("lines=%llu seconds=%.3f rate=%.0f\n", (unsigned long long)lines, seconds,
	       (double)lines / seconds);
	return 0;
}

static int follow(const char *socket_path, const char *id, double seconds)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char request[400];
	uint64_t newlines = 0;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
	int len = snprintf(request, sizeof(request),
			   "GET /v1.41/containers/%s/logs?follow=1&stdout=1&stderr=1&timestamps=1"
			   "&tail=0 HTTP/1.0\r\nHost: x\r\n\r\n",
			   id);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    write(fd, request, (size_t)len) != len)
		return fail(socket_path);
	double start = now();
	while (now() < start + seconds) {
		ssize_t n = read(fd, chunk, CHUNK);
		if (n <= 0)
			return fail("read");
		newlines += lines_of((size_t)n);
	}
	return tell(newlines, now() - start);
}

static int split(const char *path)
{
	uint64_t lines = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return fail(path);
	double start = now();
	while ((n = read(fd, chunk, CHUNK)) > 0)
		lines += lines_of((size_t)n);
	return tell(lines, now() - start);
}

static int print(double rate, unsigned long lines)
{
	double start = now();
	for (unsigned long i = 0; i < lines; i++) {
		double ahead = (double)i / rate - (now() - start);
		if (ahead > 0)
			poll(NULL, 0, (int)(ahead * 1000) + 1);
		if (dprintf(STDOUT_FILENO,
			    "line %lu of a program that says so and so about this "
			    "and that\n",
			    i) < 0)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "api") == 0)
		return follow(argv[2], argv[3], strtod(argv[4], NULL));
	if (argc == 3 && strcmp(argv[1], "file") == 0)
		return split(argv[2]);
	if (argc == 4 && strcmp(argv[1], "print") == 0)
		return print(strtod(argv[2], NULL), strtoul(argv[3], NULL, 10));
	fprintf(stderr, "usage: see the head of tests/bench/logs_floor.c\n");
	return 2;
}
