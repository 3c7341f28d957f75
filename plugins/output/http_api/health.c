/*
 * /healthz: the process answers.  /readyz: so does its store; and how old its newest readings are,
 * for alerting when collecting has stopped somewhere else.
 */
#include <errno.h>

#include "ask.h"
#include "latest.h"
#include "tables.h"

int health_live(struct call *call)
{
	struct json_writer *json = &call->reply->body;
	json_begin_object(json);
	json_write_key(json, "status");
	json_write_string(json, "ok");
	json_end_object(json);
	return 0;
}

int health_ready(struct call *call)
{
	struct json_writer *json = &call->reply->body;
	int64_t time;
	bool found;
	int r = call_reload_tables(call); /* what is remembered says nothing of the store now */
	if (r == 0)
		r = latest_time(call, &time, &found);
	if (r < 0)
		return r;
	json_begin_object(json);
	json_write_key(json, "status");
	json_write_string(json, "ok");
	json_write_key(json, "store");
	json_write_string(json, "ok");
	json_write_key(json, "newest_stats");
	if (found)
		json_write_time(json, time);
	else
		json_write_null(json);
	json_write_key(json, "age_seconds");
	if (found)
		json_write_real(json, (double)(call->now - time) / 1e9);
	else
		json_write_null(json);
	json_end_object(json);
	return 0;
}
