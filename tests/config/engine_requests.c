/*
 * Prints what docs/security.md says of requests to the engine, from the table that the client
 * itself is held to: `list`, or the configuration of a `proxy` that lets through nothing else.
 * requests.sh holds the page against it.
 */
#include <stdio.h>
#include <string.h>

#include "docker/docker_request.h"

static void print_list(void)
{
	puts("| request | parameters | asked by |\n|---|---|---|");
	for (const struct docker_request *request = docker_requests; request->path; request++) {
		printf("| `GET %s` |", request->path);
		for (const char *const *param = request->params; *param; param++)
			printf("%s `%s`", param == request->params ? "" : ",", *param);
		printf(" | %s |\n", request->used_by);
	}
}

/* As the client's own check has it. */
static void print_pattern(const char *path)
{
	for (path++; *path; path++) {
		if (strncmp(path, "{id}", 4) == 0) {
			fputs("[a-zA-Z0-9_-][a-zA-Z0-9_.-]*", stdout);
			path += 3;
		} else {
			putchar(*path);
		}
	}
}

static void print_proxy(void)
{
	fputs("```\n"
	      "frontend docker\n"
	      "    mode http\n"
	      "    bind unix@/run/docker-readonly/docker.sock mode 660 group tallyd\n"
	      "    http-request deny unless METH_GET\n"
	      "    http-request deny unless { path_reg ^(/v[0-9.]+)?/(",
	      stdout);
	for (const struct docker_request *request = docker_requests; request->path; request++) {
		if (request != docker_requests)
			putchar('|');
		print_pattern(request->path);
	}
	puts(")$ }\n"
	     "    timeout client 1h\n"
	     "    default_backend docker\n"
	     "\n"
	     "backend docker\n"
	     "    mode http\n"
	     "    timeout connect 5s\n"
	     "    timeout server 1h\n"
	     "    server engine /var/run/docker.sock\n"
	     "```");
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		print_list();
	else if (argc == 2 && strcmp(argv[1], "proxy") == 0)
		print_proxy();
	else
		return 2;
	return ferror(stdout) ? 1 : 0;
}
