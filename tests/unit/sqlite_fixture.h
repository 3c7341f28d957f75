/* A store on a real file in a folder of its own. */
#ifndef TALLYD_TESTS_SQLITE_FIXTURE_H
#define TALLYD_TESTS_SQLITE_FIXTURE_H

#include "store.h"
#include "store_fixture.h"

/* Of the one store that is open. */
extern struct sqlite_config backend_config;

#endif
