/*
 * Both sides of the status socket.  The daemon's never waits: an answer is sent at once into the
 * socket's own buffer, and somebody who does not read it gets no more than fits there.  The other
 * side waits for its deadline: that the main thread is stuck shows as no answer.
 *
 * A path longer than a socket's address can be is reached through /proc/self/fd.
 */
#include "runtime/status_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runtime/status.h"

enum { STATUS_WAITING = 8, STATUS_REASONS_SIZE = 2048 };

/* ---- Both ---- */

/* ret_folder: to be closed after bind() or connect(); -1: the path fits. */
static int status_socket_address(const char *state_dir, const char *name, struct sockaddr_un *ret,
				 int *ret_folder, struct error *error)
{
	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	*ret_folder = -1;
	int len = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", state_dir, name);
	if (len >= 0 && (size_t)len < sizeof(ret->sun_path))
		return 0;
	int folder = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return error_set(error, errno, "%s: %s", state_dir, strerror(errno));
	snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", folder, name);
	*ret_folder = folder;
	return 0;
}

/* ---- The daemon's side ---- */

int status_socket_open(const char *state_dir, const char *name, struct error *error)
{
	struct sockaddr_un address;
	int folder;
	int r = status_socket_address(state_dir, name, &address, &folder, error);
	if (r < 0)
		return r;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	unlink(address.sun_path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(address.sun_path, 0600) < 0 || listen(fd, STATUS_WAITING) < 0)
		r = error_set(error, errno, "%s/%s: %s", state_dir, name, strerror(errno));
	if (folder >= 0)
		close(folder);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

bool status_socket_is_there(const char *state_dir, const char *name, int fd)
{
	char path[4096];
	struct stat st;
	int len = snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	return fd >= 0 && len >= 0 && (size_t)len < sizeof(path) && stat(path, &st) == 0 &&
	       S_ISSOCK(st.st_mode);
}

void status_socket_close(const char *state_dir, const char *name, int fd)
{
	char path[4096];
	int len = snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	if (fd < 0)
		return;
	close(fd);
	if (len >= 0 && (size_t)len < sizeof(path))
		unlink(path);
}

/* The answer, or NULL. */
static char *status_socket_answer(struct daemon *daemon, size_t *ret_len)
{
	char reasons[STATUS_REASONS_SIZE], *text = NULL;
	struct json_writer json;
	FILE *file = open_memstream(&text, ret_len);
	if (!file)
		return NULL;
	bool healthy = status_health(daemon, reasons, sizeof(reasons));
	for (char *at = reasons; *at; at++)
		if (*at == '\n')
			*at = ' ';
	fprintf(file, "%s%s%s\n", healthy ? "healthy" : "unhealthy", healthy ? "" : " ", reasons);
	json_writer_init(&json, STATUS_ANSWER_MAX / 2);
	status_json(daemon, &json);
	fprintf(file, "%.*s\n", json.error ? 0 : (int)json.len, json.error ? "" : json.data);
	json_writer_done(&json);
	status_print(daemon, file);
	if (fclose(file) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void status_socket_serve(struct daemon *daemon)
{
	/* Who asks without end must not keep the main thread: the rest has its next turn. */
	for (int i = 0; i < STATUS_WAITING && daemon->status_socket >= 0; i++) {
		int fd = accept4(daemon->status_socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		size_t len = 0;
		int size = STATUS_ANSWER_MAX;
		auto_free char *text = status_socket_answer(daemon, &len);
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		if (text)
			(void)!send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
	}
}

/* ---- The other side ---- */

static int status_socket_connect(const char *state_dir, const char *name, struct error *error)
{
	struct sockaddr_un address;
	int folder;
	int r = status_socket_address(state_dir, name, &address, &folder, error);
	if (r < 0)
		return r;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		int code = errno;
		bool none = code == ENOENT || code == ECONNREFUSED;
		r = error_set(error, code, "%s%s: %s", none ? "no tallyd runs with state_dir " : "",
			      state_dir, strerror(code));
	}
	if (folder >= 0)
		close(folder);
	if (r < 0 && fd >= 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int status_socket_wait(int fd, int64_t deadline)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	int64_t left = deadline - clock_monotonic();
	struct timespec timeout = clock_timespec(left > 0 ? left : 0);
	int r = ppoll(&readable, 1, &timeout, NULL);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

int status_socket_ask(const char *state_dir, const char *name, int64_t deadline, char **ret,
		      struct error *error)
{
	size_t len = 0;
	ssize_t n = 1;
	auto_free char *text = calloc(1, STATUS_ANSWER_MAX + 1);
	if (!text)
		return error_set(error, ENOMEM, "out of memory");
	auto_close int fd = status_socket_connect(state_dir, name, error);
	if (fd < 0)
		return fd;
	while (n > 0 && len < STATUS_ANSWER_MAX) {
		int r = status_socket_wait(fd, deadline);
		if (r == -ETIMEDOUT && len > 0)
			break;
		if (r == -ETIMEDOUT)
			return error_set(error, ETIMEDOUT, "tallyd runs and does not answer");
		if (r == 0)
			n = recv(fd, text + len, STATUS_ANSWER_MAX - len, 0);
		if (r < 0 || n < 0)
			return error_set(error, errno, "%s: %s", state_dir, strerror(errno));
		len += (size_t)n;
	}
	if (len == 0)
		return error_set(error, EPROTO, "tallyd closed the connection without an answer");
	*ret = TAKE(text);
	return 0;
}
