/*
 * What a bare SQLite reads: statements of a file (one a line), prepared once, over some connections
 * at once, each a thread.  ?1 is a random number of 1 to MOST, the same for all statements of one
 * round; every value of every row is taken, and nothing done with it.  Prints rounds per second,
 * and how many. usage: bench_sqlite_floor DATABASE CONNECTIONS SECONDS MOST FILE
 */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_STATEMENTS = 8, MOST_CONNECTIONS = 64, LINE = 16 << 10 };

static char statements[MOST_STATEMENTS][LINE];
static int n_statements, most;
static const char *database;
static double seconds;

struct connection {
	pthread_t thread;
	sqlite3 *db;
	sqlite3_stmt *prepared[MOST_STATEMENTS];
	unsigned seed;
	long rounds, taken;
};

static void check(int code, sqlite3 *db, const char *what)
{
	if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
		return;
	fprintf(stderr, "%s: %s\n", what, db ? sqlite3_errmsg(db) : "failed");
	exit(1);
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void take_row(struct connection *c, sqlite3_stmt *row)
{
	for (int i = 0; i < sqlite3_column_count(row); i++) {
		switch (sqlite3_column_type(row, i)) {
		case SQLITE_INTEGER:
			c->taken += sqlite3_column_int64(row, i) != 0;
			break;
		case SQLITE_FLOAT:
			c->taken += sqlite3_column_double(row, i) > 0;
			break;
		case SQLITE_TEXT:
			c->taken += *sqlite3_column_text(row, i) != '\0';
			break;
		default:
			break;
		}
	}
}

static void ask(struct connection *c, sqlite3_stmt *statement, int number)
{
	if (sqlite3_bind_parameter_count(statement))
		check(sqlite3_bind_int(statement, 1, number), c->db, "bind");
	int code;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		take_row(c, statement);
	check(code, c->db, sqlite3_sql(statement));
	sqlite3_reset(statement);
}

static void *run(void *arg)
{
	struct connection *c = arg;
	double end = now() + seconds;
	while (now() < end) {
		int number = 1 + rand_r(&c->seed) % most;
		for (int i = 0; i < n_statements; i++)
			ask(c, c->prepared[i], number);
		c->rounds++;
	}
	return NULL;
}

static void open_connection(struct connection *c)
{
	check(sqlite3_open_v2(database, &c->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL),
	      c->db, database);
	for (int i = 0; i < n_statements; i++)
		check(sqlite3_prepare_v3(c->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
					 &c->prepared[i], NULL),
		      c->db, statements[i]);
}

static void close_connection(struct connection *c)
{
	for (int i = 0; i < n_statements; i++)
		sqlite3_finalize(c->prepared[i]);
	sqlite3_close(c->db);
}

static void read_statements(const char *path)
{
	FILE *file = fopen(path, "r");
	while (file && n_statements < MOST_STATEMENTS &&
	       fgets(statements[n_statements], LINE, file))
		n_statements++;
	if (!file || !n_statements) {
		fprintf(stderr, "%s: no statements\n", path);
		exit(1);
	}
	fclose(file);
}

int main(int argc, char **argv)
{
	static struct connection connections[MOST_CONNECTIONS];
	if (argc != 6)
		return 2;
	int n = (int)strtol(argv[2], NULL, 10);
	database = argv[1];
	seconds = strtod(argv[3], NULL);
	most = (int)strtol(argv[4], NULL, 10);
	if (n < 1 || n > MOST_CONNECTIONS || most < 1)
		return 2;
	read_statements(argv[5]);
	for (int i = 0; i < n; i++) {
		connections[i].seed = (unsigned)i + 1;
		open_connection(&connections[i]);
	}
	double began = now();
	for (int i = 0; i < n; i++)
		pthread_create(&connections[i].thread, NULL, run, &connections[i]);
	long rounds = 0;
	for (int i = 0; i < n; i++) {
		pthread_join(connections[i].thread, NULL);
		rounds += connections[i].rounds;
	}
	printf("%.1f %ld\n", (double)rounds / (now() - began), rounds);
	for (int i = 0; i < n; i++)
		close_connection(&connections[i]);
	return 0;
}
