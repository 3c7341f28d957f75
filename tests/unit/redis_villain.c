#include "redis_villain.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"

static void villain_send(int fd, const char *text)
{
	ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL);
	(void)n;
}

static void villain_talk(const struct villain *villain, int fd)
{
	char bytes[4096];
	for (bool greeted = false; recv(fd, bytes, sizeof(bytes), 0) > 0; greeted = true) {
		villain_send(fd, greeted ? villain->reply : "+PONG\r\n");
		while (greeted && villain->endless &&
		       send(fd, villain->reply, strlen(villain->reply), MSG_NOSIGNAL) > 0)
			;
	}
}

struct visit {
	const struct villain *villain;
	int fd;
};

static void *villain_serve(void *arg)
{
	struct visit *visit = arg;
	villain_talk(visit->villain, visit->fd);
	close(visit->fd);
	free(visit);
	return NULL;
}

static void *villain_run(void *arg)
{
	struct villain *villain = arg;
	int fd;
	while (villain->n_connections < CLIENTS && (fd = accept(villain->fd, NULL, NULL)) >= 0) {
		struct visit *visit = malloc(sizeof(*visit));
		*visit = (struct visit){villain, fd};
		pthread_create(&villain->clients[villain->n_connections++], NULL, villain_serve,
			       visit);
	}
	for (int i = 0; i < villain->n_connections; i++)
		pthread_join(villain->clients[i], NULL);
	return NULL;
}

void villain_begin(struct villain *villain)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	villain->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(villain->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(villain->fd, 10), 0);
	assert_int_equal(getsockname(villain->fd, (struct sockaddr *)&address, &len), 0);
	villain->port = ntohs(address.sin_port);
	pthread_create(&villain->thread, NULL, villain_run, villain);
}

void villain_end(struct villain *villain)
{
	shutdown(villain->fd, SHUT_RDWR);
	pthread_join(villain->thread, NULL);
	close(villain->fd);
}
