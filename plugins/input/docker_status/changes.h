/*
 * Changes of services, found by comparing what scans and events tell with what was known before,
 * and emitted as rows of container_changes.  What is known outlives the daemon in a file, with the
 * rows that may not be safe yet: a change while the daemon was down is found at its start, and one
 * that was emitted is not emitted again, unless it was not safe; then it is the same row.
 *
 *	scan     changes_inspected() for each inspect, changes_seen() for each container,
 *	         changes_scanned(), changes_emit()
 *	event    changes_event()
 *
 * The instance's thread.  The first scan of all only learns what there is.
 */
#ifndef TALLYD_CHANGES_H
#define TALLYD_CHANGES_H

#include "changes_spec.h"
#include "docker/docker_event.h"

struct changes;

/* NULL: no memory. */
struct changes *changes_create(struct tally_ctx *ctx, struct docker *docker);
void changes_destroy(struct changes *changes);
/* Reads the file, or begins anew. */
void changes_load(struct changes *changes);

void changes_inspected(struct changes *changes, const char *id, const char *body, size_t len);
/* row: of container_info, of this scan. */
void changes_seen(struct changes *changes, const struct tally_cell *row, int64_t time);
void changes_gone(struct changes *changes, const char *id);
/* After all of a scan. */
void changes_scanned(struct changes *changes, int64_t time);
/* oom: the first of this run. */
void changes_event(struct changes *changes, const struct docker_event *event, const char *action,
		   bool oom);

/* What is new is written to the file, then emitted.  0, or what tally_emit() returned. */
int changes_emit(struct changes *changes);

#endif
