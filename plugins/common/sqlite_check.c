/*
 * SQLite looks at every page of the file.  It is stopped by its progress handler, since a large
 * file may take minutes and the daemon has to start.
 */
#include "sqlite_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CHECK_STEPS = 20000 }; /* of SQLite's machine between two looks at the clock */

struct check_clock {
	struct tally_ctx *ctx;
	int64_t until;
};

static int check_is_over(void *arg)
{
	const struct check_clock *clock = arg;
	return tally_monotonic(clock->ctx) >= clock->until;
}

int sqlite_check(struct tally_ctx *ctx, sqlite3 *db, const char *pragma, int64_t ns,
		 struct sqlite_verdict *ret)
{
	struct check_clock clock = {ctx, tally_monotonic(ctx) + ns};
	sqlite3_stmt *statement = NULL;
	*ret = (struct sqlite_verdict){0};
	if (ns > 0)
		sqlite3_progress_handler(db, CHECK_STEPS, check_is_over, &clock);
	int code = sqlite3_prepare_v2(db, pragma, -1, &statement, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW) {
		const void *text = sqlite3_column_text(statement, 0);
		snprintf(ret->text, sizeof(ret->text), "%s", text ? (const char *)text : "damaged");
		ret->text[strcspn(ret->text, "\n")] = '\0';
		ret->whole = strcmp(ret->text, "ok") == 0;
	} else if (code != SQLITE_INTERRUPT) {
		snprintf(ret->text, sizeof(ret->text), "%s", sqlite3_errmsg(db));
	}
	sqlite3_finalize(statement);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	code &= 0xff;
	if (code == SQLITE_INTERRUPT)
		return -ETIMEDOUT;
	return code == SQLITE_ROW || code == SQLITE_CORRUPT || code == SQLITE_NOTADB
		       ? 0
		       : tally_fail(ctx, EIO, "cannot be checked: %s", ret->text);
}
