/* A store in a real database, emptied before each test (see tests/support/pg.py). */
#ifndef TALLYD_TESTS_TIMESCALE_FIXTURE_H
#define TALLYD_TESTS_TIMESCALE_FIXTURE_H

#include "store.h"
#include "store_fixture.h"

/* Of the one store that is open. */
extern struct timescale_config backend_config;

/* Rollups that are continuous aggregates become tables again, as of an older tallyd. */
void fixture_own_rollups(struct fixture *fixture);

#endif
