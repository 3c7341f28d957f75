/*
 * The HTTP plugin over a store in memory, for `scripts/bench api` to be asked over its socket:
 * prints its port and serves until its standard input ends.
 */
#include <stdio.h>

#include "base/clock.h"
#include "../unit/http_fixture.h"

int main(void)
{
	static const struct tally_named_cache memory[] = {{"memory", NULL}, {NULL, NULL}};
	static const char *const origins[] = {"https://bench.example", NULL};
	struct http_fixture fixture;
	char id[16], name[16];
	http_prepare(&fixture);
	for (int i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "abc%03d", i);
		snprintf(name, sizeof(name), "web%03d", i);
		http_add_container(&fixture, "alpha", id, name, "running");
		http_add_stats(&fixture, "alpha", id, name, 5, 1.5 * i, 1000);
	}
	fixture.config.cors_origins = origins;
	fixture.config.cache = memory;
	fixture.config.cache_size = 32 << 20;
	fixture.config.cache_ttl_containers = 10 * CLOCK_SECOND;
	fixture.config.max_connections = fixture.config.max_connections_per_address = 1024;
	http_start(&fixture);
	printf("%d\n", fixture.port);
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	http_finish(&fixture);
	return 0;
}
