/*
 * Whether what SQLite has written to its log was flushed: all logs of the process go through here
 * between flush_watch_start() and flush_watch_stop().  One log at a time.
 */
#ifndef TALLYD_TESTS_FLUSH_WATCH_H
#define TALLYD_TESTS_FLUSH_WATCH_H

#include <stdbool.h>

void flush_watch_start(void); /* before the database is opened */
void flush_watch_stop(void);
bool flush_watch_flushed(void); /* since the last write */

#endif
