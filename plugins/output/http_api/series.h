/*
 * Readings of one or more containers on a grid of time, and the formats they are written in.
 * A point of the grid without a reading is null: gaps are never bridged.
 */
#ifndef TALLYD_HTTP_SERIES_H
#define TALLYD_HTTP_SERIES_H

#include "containers.h"
#include "fields.h"
#include "window.h"

/* format=json|rows|csv|ndjson, times=rfc3339|s|ms; then the answer.  many: also says which
 * container is which.  0, or a problem. */
int series_answer(struct call *call, const struct container *containers, uint32_t n, bool many);

#endif
