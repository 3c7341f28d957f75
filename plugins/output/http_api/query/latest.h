/* The newest readings of containers; each row carries its time. */
#ifndef TALLYD_HTTP_LATEST_H
#define TALLYD_HTTP_LATEST_H

#include "base/json_cell.h"
#include "query/fields.h"

struct latest {
	struct fields fields;
	struct result_set rows; /* time, host, container_id, name, fields */
	uint32_t *order;        /* rows by host and id, each container once */
	uint32_t n;
	struct json_member members[1 + FIELDS_MAX]; /* "time" and the fields, once there are rows */
};

enum { LATEST_TIME, LATEST_HOST, LATEST_ID, LATEST_NAME, LATEST_FIELDS };

void latest_done(struct latest *latest);
#define auto_latest __attribute__((cleanup(latest_done)))

/* Of all that were read in the last minutes; if collecting has stopped, in the last minutes that
 * it went on.  Hosts as the request says; by default all.  names: of the fields, NULL at the end;
 * without them as fields= says.  No container_stats: no rows.  Owes latest_done(), also on failure:
 * a problem. */
int latest_read(struct context *context, const char *const *names, struct latest *ret);
/* Of these, however old they are, and all fields. */
int latest_read_ids(struct context *context, const struct tally_cell *const *ids, uint32_t n,
		    struct latest *ret);
const struct tally_cell *latest_row(const struct latest *latest, uint32_t i); /* of latest->n */
/* NULL: none.  guess: which one it may be, since those of a list come in the same order; 0 at
 * first. */
const struct tally_cell *latest_find(const struct latest *latest, const struct tally_cell *host,
				     const struct tally_cell *id, uint32_t *guess);
/* "time" and the fields, into an open object. */
void latest_write_fields(const struct latest *latest, const struct tally_cell *row,
			 struct json_writer *json);

/* When the newest reading of all was taken; ret_found: is there any. */
int latest_time(struct context *context, int64_t *ret_time, bool *ret_found);

#endif
