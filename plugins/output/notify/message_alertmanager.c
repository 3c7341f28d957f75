/*
 * Prometheus Alertmanager, POST /api/v2/alerts: labels name an alert, so the same one told again
 * changes nothing.  One that fires has no end; Alertmanager takes it for over after its
 * resolve_timeout, which is why alertmanager.h tells it again and again.
 */
#include "message.h"

static void member(struct json_writer *json, const char *key, struct notice_text value)
{
	json_write_key(json, key);
	json_write_text(json, value.at, value.len);
}

static void write_alert(const struct notice *notice, struct json_writer *json)
{
	json_begin_object(json);
	json_write_key(json, "labels");
	json_begin_object(json);
	member(json, "alertname", notice->rule);
	member(json, "host", notice->host);
	member(json, "subject", notice->subject);
	member(json, "severity", notice->severity);
	json_end_object(json);
	json_write_key(json, "annotations");
	json_begin_object(json);
	member(json, "summary", notice->summary);
	json_end_object(json);
	json_write_key(json, "startsAt");
	json_write_time(json, notice->since);
	if (!notice->firing) {
		json_write_key(json, "endsAt");
		json_write_time(json, notice->time);
	}
	json_end_object(json);
}

int message_alertmanager(const struct notify_config *config, const struct notice *notices, size_t n,
			 struct message *ret)
{
	struct json_writer json;
	(void)config;
	strbuf_add(message_header(ret), "Content-Type: application/json");
	ret->path = "/api/v2/alerts";
	json_writer_init(&json, MESSAGE_MAX);
	json_begin_array(&json);
	for (size_t i = 0; i < n; i++)
		write_alert(&notices[i], &json);
	json_end_array(&json);
	return message_take(ret, &json);
}
