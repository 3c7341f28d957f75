/*
 * For programs whose instructions are counted: `scripts/bench instructions` runs them under
 * callgrind, which counts what happens within counted_run() in all threads, and nothing else.  What
 * they do must be the same in every run: no clocks, no chance, as few threads as can be.  All are
 * called with PLUGIN_DIR FOLDER, the second of them empty and theirs.
 */
#ifndef TALLYD_TESTS_BENCH_COUNTED_H
#define TALLYD_TESTS_BENCH_COUNTED_H

#include <tallyd/plugin.h>

#include "fake_host.h"

/* What every row is about, and when the first is. */
enum { COUNTED_CONTAINERS = 100 };
#define COUNTED_BEGIN (INT64_C(1767268800) * 1000000000) /* a midnight */

/* Reads the arguments; call it first. */
void counted_init(int argc, char **argv);
extern const char *counted_folder;

/* Runs the work once, so that all is warm, and once more, counted.  Prints the path's name and how
 * many of its units (rows, answers, lines) the work consists of. */
void counted(const char *path, unsigned units, void (*work)(void *arg), void *arg);
/* Where threads of others may run in between: counted as often as that, and the least is taken. */
void counted_least(const char *path, unsigned units, void (*work)(void *arg), void *arg,
		   unsigned rounds);
/* Ends the program unless it is so. */
void counted_check(bool ok, const char *what);

/* An installed plugin, and its configuration with every option at its fallback; never freed. */
const struct tally_plugin *counted_load(const char *name);
void *counted_config(const struct tally_plugin *plugin);
/* Sets an option of a number, or a text or another pointer. */
void counted_set(const struct tally_plugin *plugin, void *config, const char *option,
		 int64_t value);
void counted_set_text(const struct tally_plugin *plugin, void *config, const char *option,
		      const char *value);

/* A batch of a declared table, one row per container and tick; every column is set. */
struct tally_batch *counted_batch(struct tally_ctx *ctx, const struct tally_table *table,
				  uint32_t rows, uint32_t first, int64_t tick_ns);
/* "000…007", as long as an id is. */
const char *counted_id(uint32_t container);

#endif
