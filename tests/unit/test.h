/* What every unit test includes: cmocka, and the headers that it needs but does not include itself.
 *
 * cmocka.h uses jmp_buf, va_list, size_t and uintmax_t without their headers, so these stand before
 * it (https://api.cmocka.org). Tests and fixtures include this last, after the headers under test:
 * those must stand on their own.
 */
#ifndef TALLYD_TESTS_UNIT_TEST_H
#define TALLYD_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
