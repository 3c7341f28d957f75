/*
 * "position" of a list: what last_event_id= of a stream takes, to get what came after the list and
 * nothing that is in it.  On a worker's thread, with the rows at hand.
 */
#ifndef TALLYD_HTTP_POSITION_H
#define TALLYD_HTTP_POSITION_H

#include "query/latest.h"
#include "routes/table_page.h"

/* Of logs and events: null where the rows are not the newest, on a later page. */
void position_write_page(const struct table_page *page);
/* Of newest readings. */
void position_write_readings(struct context *context, const struct latest *latest);
/* Of containers with their newest readings. */
void position_write_containers(struct context *context, const struct latest *latest);
/* Of a list whose table is not there yet.  letter 0: it has none. */
void position_write_nothing(struct context *context, char letter);

#endif
