/*
 * Four containers on two hosts with some readings, and short ways to look into answers: what the
 * tests of single resources share.
 */
#ifndef TALLYD_TESTS_HTTP_RESOURCES_H
#define TALLYD_TESTS_HTTP_RESOURCES_H

#include "http_fixture.h"

#define ID_WEB "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_DB "1112222222222222222222222222222222222222222222222222222222222222"
#define ID_OLD "3333333333333333333333333333333333333333333333333333333333333333"
#define ID_TWIN "4444444444444444444444444444444444444444444444444444444444444444"

int resources_set_up(void **state);
int resources_set_up_empty(void **state); /* tables without rows */

#define WITH_DATA(test) cmocka_unit_test_setup_teardown(test, resources_set_up, http_tear_down)
#define EMPTY(test) cmocka_unit_test_setup_teardown(test, resources_set_up_empty, http_tear_down)

/* A value by a path like "data.0.stats.time"; NULL: none. */
json_t *json_at(json_t *json, const char *path);
/* The same of a text; "(none)". */
const char *text_at(const struct http_answer *answer, const char *path);

size_t count_rows(void **state, const char *target);

/* Follows next_cursor and the Link header to the end; ids in the order they came. */
size_t walk_pages(void **state, const char *first, const char *key, char (*ret)[80], size_t max);

void assert_body(void **state, const char *target, const char *type, const char *body);

#endif
