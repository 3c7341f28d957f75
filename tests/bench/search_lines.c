/*
 * Log lines for `scripts/bench search`, as the plugin `replay` reads them, to standard output, so
 * that a hundred million need no file.  What five kinds of programs print, with words, addresses
 * and numbers drawn at random, the same in each run.  Some of the identifiers that occur in one
 * line go to standard error.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONTAINERS = 60, ROWS = 1000, IDENTIFIERS = 8000 };

static const char *const words[] = {
	"connection", "timeout",  "retry",    "request",  "failed",  "user",      "session",
	"cache",      "miss",     "hit",      "database", "query",   "slow",      "index",
	"lock",       "wait",     "commit",   "rollback", "worker",  "started",   "stopped",
	"queue",      "message",  "consumer", "producer", "offset",  "partition", "leader",
	"follower",   "snapshot", "backup",   "restore",  "token",   "expired",   "refresh",
	"upload",     "download", "checksum", "mismatch", "payment", "invoice",   "shipment",
	"order",      "customer", "address"};
static const int statuses[] = {200, 200, 304, 404, 500};

struct line {
	char text[512];
	size_t len;
};

static uint64_t drawn = 7;

static uint32_t draw(uint32_t below)
{
	drawn = drawn * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(((drawn >> 32) * below) >> 32);
}

__attribute__((format(printf, 2, 3))) static void say(struct line *line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	line->len += (size_t)vsnprintf(line->text + line->len, sizeof(line->text) - line->len,
				       format, args);
	va_end(args);
}

static void say_words(struct line *line)
{
	for (int i = 0; i < 5; i++)
		say(line, "%s%s", i ? " " : "", words[draw(sizeof(words) / sizeof(*words))]);
}

static void say_address(struct line *line)
{
	uint32_t a = draw(254), b = draw(254), c = draw(254), d = draw(254);
	say(line, "%u.%u.%u.%u", a + 1, b + 1, c + 1, d + 1);
}

/* The quotes are escaped, as the line becomes a text in JSON. */
static void say_json(struct line *line, const char *when, bool told)
{
	char id[40];
	uint32_t a = draw(UINT32_MAX), b = draw(UINT32_MAX), c = draw(UINT32_MAX);
	snprintf(id, sizeof(id),
		 "%08" PRIx32 "-%04" PRIx32 "-%04" PRIx32 "-%08" PRIx32 "%04" PRIx32, a, b >> 16,
		 b & 0xffff, c, draw(1 << 16));
	if (told)
		fprintf(stderr, "%s\n", id);
	say(line, "{\\\"time\\\":\\\"%sZ\\\",\\\"level\\\":\\\"info\\\",\\\"msg\\\":\\\"", when);
	say_words(line);
	say(line, "\\\",\\\"request_id\\\":\\\"%s\\\",\\\"user\\\":%u,\\\"duration_ms\\\":%u}", id,
	    1 + draw(50000), 1 + draw(3000));
}

static void say_request(struct line *line, const char *when)
{
	say_address(line);
	say(line, " - - [%s] \\\"GET /api/v1/users/%u HTTP/1.1\\\" %d %u \\\"-\\\" ", when,
	    1 + draw(99999), statuses[draw(5)], 100 + draw(89900));
	say(line, "\\\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\\\" 0.%03u", draw(1000));
}

static void say_line(struct line *line, const char *when, bool told)
{
	uint32_t kind = draw(100);
	line->len = 0;
	if (kind < 35) {
		say_request(line, when);
	} else if (kind < 60) {
		say_json(line, when, told);
	} else if (kind < 80) {
		say(line, "%s WARN [pool-1-thread-%u] com.example.shop.OrderService: ", when,
		    1 + draw(32));
		say_words(line);
	} else if (kind < 90) {
		say(line, "%s UTC [%u] LOG:  duration: %u.%03u ms  ", when, 100 + draw(9900),
		    draw(100), draw(1000));
		say(line, "statement: SELECT * FROM orders WHERE id = %u", 1 + draw(1000000));
	} else {
		say(line, "Verbindung zu ");
		say_address(line);
		say(line, " verloren – erneuter Versuch in %u s", 1 + draw(60));
	}
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: bench_search_lines LINES HOURS END\n");
		return 2;
	}
	int64_t lines = strtoll(argv[1], NULL, 10),
		span = strtoll(argv[2], NULL, 10) * INT64_C(3600000000000);
	int64_t begin = strtoll(argv[3], NULL, 10) * INT64_C(1000000000) - span;
	for (int64_t i = 0; i < lines; i++) {
		int64_t at = begin + (int64_t)((double)i * (double)span / (double)lines);
		time_t seconds = (time_t)(at / 1000000000);
		struct line line;
		struct tm tm;
		char when[40];
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
		say_line(&line, when, i % (lines / IDENTIFIERS + 1) == 0);
		uint32_t container = draw(CONTAINERS);
		printf("%s[%" PRId64
		       ",\"alpha\",\"%064x\",\"web%03u\",\"stdout\",\"%s\",\"info\",%" PRId64 "]%s",
		       i % ROWS ? "," : "{\"table\":\"container_logs\",\"rows\":[", at, container,
		       container, line.text, i,
		       i % ROWS == ROWS - 1 || i == lines - 1 ? "]}\n" : "");
	}
	return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
