/* Reading the labels of a metric's sample: `input="input.docker_stats",table="x"`. */
#ifndef TALLYD_HTTP_SAMPLES_H
#define TALLYD_HTTP_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

/* The value, unescaped; false: no such label, or it does not fit. */
bool sample_label(const char *labels, const char *key, char *ret, size_t size);

#endif
