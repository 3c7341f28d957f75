#include "fake_engine.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ENGINE_CONNECTIONS = 600, ENGINE_RULES = 256, ENGINE_REQUEST = 2048, ENGINE_LATE_MS = 200 };

struct engine_rule {
	char *part, *body;
	size_t len;
	int status;
	enum fake_fault fault;
};

struct engine_connection {
	int fd; /* -1: free */
	char request[ENGINE_REQUEST];
	size_t len;
	bool waiting; /* has asked, is not answered */
	bool streams; /* is answered, and gets more */
	int64_t due;  /* ms; 0: never */
	struct engine_rule answer;
};

struct fake_engine {
	pthread_t thread;
	pthread_mutex_t lock; /* guards all below */
	char dir[32], path[64], endpoint[80];
	int listen_fd, wake_fd;
	bool stopping, dying, other_method;
	struct engine_rule rules[ENGINE_RULES];
	uint32_t n_rules;
	struct engine_connection connections[ENGINE_CONNECTIONS];
	char *asked; /* all request lines */
	size_t asked_len;
	uint32_t accepted, at_once, most_at_once;
};

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	perror(what);
	abort();
}

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- Answering ---- */

static void send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		bytes += n;
		len -= (size_t)n;
	}
}

static void close_now(struct fake_engine *engine, struct engine_connection *connection)
{
	close(connection->fd);
	connection->fd = -1;
	connection->len = 0;
	if (connection->waiting)
		engine->at_once--;
	connection->waiting = connection->streams = false;
}

static void send_chunk(int fd, const char *bytes, size_t len)
{
	char head[32];
	int n = snprintf(head, sizeof(head), "%zx\r\n", len);
	send_all(fd, head, (size_t)n);
	send_all(fd, bytes, len);
	send_all(fd, "\r\n", 2);
}

static void begin_stream(struct fake_engine *engine, struct engine_connection *connection)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	connection->waiting = false;
	connection->streams = true;
	engine->at_once--;
	send_all(connection->fd, head, strlen(head));
	if (connection->answer.len > 0)
		send_chunk(connection->fd, connection->answer.body, connection->answer.len);
}

static void answer(struct fake_engine *engine, struct engine_connection *connection)
{
	const struct engine_rule *rule = &connection->answer;
	size_t len = rule->fault == FAKE_CUTS ? rule->len / 2 : rule->len;
	char head[200];
	int n = snprintf(head, sizeof(head),
			 "HTTP/1.1 %d Status\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n",
			 rule->status, rule->len);
	connection->waiting = false;
	engine->at_once--;
	send_all(connection->fd, head, (size_t)n);
	send_all(connection->fd, rule->body, len);
	if (rule->fault == FAKE_CUTS)
		close_now(engine, connection);
}

static struct engine_rule choose(const struct fake_engine *engine, const char *target)
{
	static char none[] = "{\"message\":\"page not found\"}";
	for (uint32_t i = engine->n_rules; i-- > 0;)
		if (strstr(target, engine->rules[i].part))
			return engine->rules[i];
	return (struct engine_rule){.body = none, .len = strlen(none), .status = 404};
}

static void note(struct fake_engine *engine, const char *line)
{
	size_t len = strlen(line);
	engine->asked = realloc(engine->asked, engine->asked_len + len + 2);
	must(engine->asked, "realloc");
	memcpy(engine->asked + engine->asked_len, line, len);
	engine->asked_len += len;
	engine->asked[engine->asked_len++] = '\n';
	engine->asked[engine->asked_len] = '\0';
	if (strncmp(line, "GET ", 4) != 0)
		engine->other_method = true;
}

/* All that are late wait for the last of them, so that however slow the machine they come together.
 */
static void put_off(struct fake_engine *engine, int64_t due)
{
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++) {
		struct engine_connection *connection = &engine->connections[i];
		if (connection->waiting && connection->answer.fault == FAKE_LATE)
			connection->due = due;
	}
}

static void take_request(struct fake_engine *engine, struct engine_connection *connection)
{
	connection->request[strcspn(connection->request, "\r")] = '\0';
	note(engine, connection->request);
	connection->answer = choose(engine, connection->request);
	connection->len = 0;
	connection->waiting = true;
	if (++engine->at_once > engine->most_at_once)
		engine->most_at_once = engine->at_once;
	connection->due = connection->answer.fault == FAKE_HANGS ? 0 : now_ms();
	if (connection->answer.fault == FAKE_LATE)
		put_off(engine, connection->due + ENGINE_LATE_MS);
}

static void read_more(struct fake_engine *engine, struct engine_connection *connection)
{
	ssize_t n = recv(connection->fd, connection->request + connection->len,
			 ENGINE_REQUEST - 1 - connection->len, 0);
	if (n <= 0) {
		close_now(engine, connection);
		return;
	}
	connection->len += (size_t)n;
	connection->request[connection->len] = '\0';
	if (strstr(connection->request, "\r\n\r\n"))
		take_request(engine, connection);
}

/* ---- Its thread ---- */

static void accept_one(struct fake_engine *engine)
{
	int fd = accept(engine->listen_fd, NULL, NULL);
	if (fd < 0)
		return;
	engine->accepted++;
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++) {
		if (engine->connections[i].fd >= 0)
			continue;
		engine->connections[i] = (struct engine_connection){.fd = fd};
		return;
	}
	close(fd);
}

static void die(struct fake_engine *engine)
{
	if (engine->listen_fd >= 0)
		close(engine->listen_fd);
	engine->listen_fd = -1;
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++)
		if (engine->connections[i].fd >= 0)
			close_now(engine, &engine->connections[i]);
	engine->dying = false;
}

static void serve(struct fake_engine *engine, const struct pollfd *fds)
{
	int64_t now = now_ms();
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++) {
		struct engine_connection *connection = &engine->connections[i];
		if (connection->fd >= 0 && fds[i].fd == connection->fd && fds[i].revents)
			read_more(engine, connection);
		if (connection->fd >= 0 && connection->waiting && connection->due &&
		    connection->due <= now) {
			if (connection->answer.fault == FAKE_STREAMS)
				begin_stream(engine, connection);
			else
				answer(engine, connection);
		}
	}
	if (fds[ENGINE_CONNECTIONS].revents)
		accept_one(engine);
	if (engine->dying)
		die(engine);
}

static void *engine_run(void *arg)
{
	struct fake_engine *engine = arg;
	static _Thread_local struct pollfd fds[ENGINE_CONNECTIONS + 2];
	bool stopping = false;
	while (!stopping) {
		pthread_mutex_lock(&engine->lock);
		for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++)
			fds[i] = (struct pollfd){engine->connections[i].fd, POLLIN, 0};
		fds[ENGINE_CONNECTIONS] = (struct pollfd){engine->listen_fd, POLLIN, 0};
		fds[ENGINE_CONNECTIONS + 1] = (struct pollfd){engine->wake_fd, POLLIN, 0};
		pthread_mutex_unlock(&engine->lock);
		poll(fds, ENGINE_CONNECTIONS + 2, 10);
		pthread_mutex_lock(&engine->lock);
		serve(engine, fds);
		stopping = engine->stopping;
		pthread_mutex_unlock(&engine->lock);
	}
	return NULL;
}

/* ---- What tests call ---- */

static void engine_listen(struct fake_engine *engine)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", engine->path);
	unlink(engine->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
		     listen(fd, ENGINE_CONNECTIONS) == 0,
	     "listen");
	engine->listen_fd = fd;
}

struct fake_engine *fake_engine_create(void)
{
	struct fake_engine *engine = calloc(1, sizeof(*engine));
	must(engine, "calloc");
	snprintf(engine->dir, sizeof(engine->dir), "/tmp/fake_engine_XXXXXX");
	must(mkdtemp(engine->dir), "mkdtemp");
	snprintf(engine->path, sizeof(engine->path), "%s/sock", engine->dir);
	snprintf(engine->endpoint, sizeof(engine->endpoint), "unix://%s", engine->path);
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++)
		engine->connections[i].fd = -1;
	engine->wake_fd = eventfd(0, EFD_CLOEXEC);
	pthread_mutex_init(&engine->lock, NULL);
	engine_listen(engine);
	fake_engine_set(engine, "/version", 200,
			"{\"ApiVersion\":\"1.41\",\"MinAPIVersion\":\"1.12\"}", FAKE_ANSWERS);
	must(pthread_create(&engine->thread, NULL, engine_run, engine) == 0, "pthread_create");
	return engine;
}

void fake_engine_destroy(struct fake_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	engine->stopping = engine->dying = true;
	pthread_mutex_unlock(&engine->lock);
	must(eventfd_write(engine->wake_fd, 1) == 0, "eventfd");
	pthread_join(engine->thread, NULL);
	for (uint32_t i = 0; i < engine->n_rules; i++) {
		free(engine->rules[i].part);
		free(engine->rules[i].body);
	}
	close(engine->wake_fd);
	unlink(engine->path);
	rmdir(engine->dir);
	pthread_mutex_destroy(&engine->lock);
	free(engine->asked);
	free(engine);
}

const char *fake_engine_endpoint(const struct fake_engine *engine)
{
	return engine->endpoint;
}

static void add_rule(struct fake_engine *engine, const struct engine_rule *rule)
{
	pthread_mutex_lock(&engine->lock);
	must(engine->n_rules < ENGINE_RULES, "too many rules");
	engine->rules[engine->n_rules++] = *rule;
	pthread_mutex_unlock(&engine->lock);
}

void fake_engine_set(struct fake_engine *engine, const char *part, int status, const char *body,
		     enum fake_fault fault)
{
	const struct engine_rule rule = {strdup(part), strdup(body), strlen(body), status, fault};
	add_rule(engine, &rule);
}

void fake_engine_set_file(struct fake_engine *engine, const char *part, const char *path)
{
	struct engine_rule rule = {.part = strdup(part), .status = 200};
	rule.body = fake_engine_read_file(path, &rule.len);
	add_rule(engine, &rule);
}

static bool is_stream_of(const struct engine_connection *connection, const char *part)
{
	return connection->fd >= 0 && connection->streams && strstr(connection->request, part);
}

uint32_t fake_engine_push(struct fake_engine *engine, const char *part, const char *text)
{
	uint32_t n = 0;
	pthread_mutex_lock(&engine->lock);
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++) {
		struct engine_connection *connection = &engine->connections[i];
		if (!is_stream_of(connection, part))
			continue;
		send_chunk(connection->fd, text, strlen(text));
		n++;
	}
	pthread_mutex_unlock(&engine->lock);
	return n;
}

void fake_engine_end_streams(struct fake_engine *engine, const char *part, bool orderly)
{
	pthread_mutex_lock(&engine->lock);
	for (uint32_t i = 0; i < ENGINE_CONNECTIONS; i++) {
		struct engine_connection *connection = &engine->connections[i];
		if (!is_stream_of(connection, part))
			continue;
		if (orderly)
			send_all(connection->fd, "0\r\n\r\n", 5);
		close_now(engine, connection);
	}
	pthread_mutex_unlock(&engine->lock);
}

void fake_engine_die(struct fake_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	die(engine);
	pthread_mutex_unlock(&engine->lock);
}

void fake_engine_revive(struct fake_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	engine_listen(engine);
	pthread_mutex_unlock(&engine->lock);
}

uint32_t fake_engine_asked(struct fake_engine *engine, const char *part)
{
	uint32_t n = 0;
	pthread_mutex_lock(&engine->lock);
	for (const char *at = engine->asked; at && (at = strstr(at, part)); at += strlen(part))
		n++;
	pthread_mutex_unlock(&engine->lock);
	return n;
}

uint32_t fake_engine_connections(struct fake_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	uint32_t n = engine->accepted;
	pthread_mutex_unlock(&engine->lock);
	return n;
}

uint32_t fake_engine_most_at_once(struct fake_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	uint32_t n = engine->most_at_once;
	pthread_mutex_unlock(&engine->lock);
	return n;
}

bool fake_engine_only_get(struct fake_engine *engine)
{
	pthread_mutex_lock(&engine->lock);
	bool only = !engine->other_method;
	pthread_mutex_unlock(&engine->lock);
	return only;
}

char *fake_engine_read_file(const char *path, size_t *ret_len)
{
	FILE *file = fopen(path, "rb");
	char *bytes = NULL;
	size_t len = 0, size = 0;
	must(file, path);
	do {
		size += 65536;
		bytes = realloc(bytes, size + 1);
		must(bytes, "realloc");
		len += fread(bytes + len, 1, size - len, file);
	} while (len == size);
	fclose(file);
	bytes[len] = '\0';
	*ret_len = len;
	return bytes;
}
