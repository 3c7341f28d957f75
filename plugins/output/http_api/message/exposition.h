/*
 * The Prometheus text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/.
 * Written with a json_writer for its bound and its numbers; commas are the caller's.
 */
#ifndef TALLYD_HTTP_EXPOSITION_H
#define TALLYD_HTTP_EXPOSITION_H

#include "base/json_writer.h"
#include <tallyd/plugin.h>

void exposition_word(struct json_writer *text, const char *word);
/* HELP and TYPE; kind: TALLY_METRIC_COUNTER or TALLY_METRIC_GAUGE. */
void exposition_head(struct json_writer *text, const char *name, const char *help, uint32_t kind);
/* The value of a label, escaped; what is not UTF-8 becomes U+FFFD. */
void exposition_label(struct json_writer *text, const char *value, size_t len);
/* A space, the value and the end of the line. */
void exposition_value(struct json_writer *text, double value);

#endif
