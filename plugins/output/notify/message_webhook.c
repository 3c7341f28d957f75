/*
 * Any receiver of JSON: {"version":1,"key":…,"alerts":[…]}, or what a template makes of each alert.
 * A template is a JSON document in which {{name}} stands for a member of an alert; inside of a text
 * it is escaped, and a bare {{value}} is a number or null.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_tree.h"
#include "message.h"

enum { TEMPLATE_NAME = 24 };

static int write_all(const struct notice *notices, size_t n, struct message *ret)
{
	struct json_writer json;
	json_writer_init(&json, MESSAGE_MAX);
	json_begin_object(&json);
	json_write_key(&json, "version");
	json_write_int(&json, 1);
	json_write_key(&json, "key");
	json_write_string(&json, ret->key);
	json_write_key(&json, "alerts");
	json_begin_array(&json);
	for (size_t i = 0; i < n; i++)
		notice_write(&notices[i], &json);
	json_end_array(&json);
	json_end_object(&json);
	return message_take(ret, &json);
}

/* ---- Templates --------------------------------------------------------------- */

/* A value as JSON writes it; of a text what is between the quotes, which the template has. */
static int put_member(struct json_writer *out, const json_t *alert, const char *name)
{
	const json_t *value = json_object_get(alert, name);
	char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	if (!text)
		return value ? -ENOMEM : -EINVAL;
	size_t len = strlen(text);
	if (json_is_string(value))
		json_write_raw(out, text + 1, len - 2);
	else
		json_write_raw(out, text, len);
	free(text);
	return 0;
}

static int fill(const char *template, const json_t *alert, struct json_writer *out, char *why,
		size_t size)
{
	for (const char *at = template; *at;) {
		const char *open = strstr(at, "{{"), *close = open ? strstr(open, "}}") : NULL;
		char name[TEMPLATE_NAME] = "";
		if (!close) {
			json_write_raw(out, at, strlen(at));
			return 0;
		}
		json_write_raw(out, at, (size_t)(open - at));
		snprintf(name, sizeof(name), "%.*s", (int)(close - open - 2), open + 2);
		int r = put_member(out, alert, name);
		if (r < 0) {
			snprintf(why, size, "{{%s}} is no member of an alert", name);
			return r;
		}
		at = close + 2;
	}
	return 0;
}

static json_t *load_alert(const struct notice *notice)
{
	struct json_writer json;
	json_writer_init(&json, MESSAGE_MAX);
	notice_write(notice, &json);
	json_t *alert = json.error ? NULL : json_tree_load(json.data, json.len);
	json_writer_done(&json);
	return alert;
}

static int fill_template(const char *template, const struct notice *notice, struct message *ret,
			 char *why, size_t size)
{
	struct json_writer out;
	auto_json json_t *alert = load_alert(notice);
	json_writer_init(&out, MESSAGE_MAX);
	int r = alert ? fill(template, alert, &out, why, size) : -ENOMEM;
	if (r < 0) {
		json_writer_done(&out);
		return r;
	}
	return message_take(ret, &out);
}

int message_check_template(const char *template, char *why, size_t size)
{
	const struct notice_text text = {"a \"text\"", 8};
	const struct notice notice = {.id = "0123456789abcdef",
				      .host = text,
				      .rule = text,
				      .subject = text,
				      .state = text,
				      .severity = text,
				      .summary = text};
	struct message message = {.n_headers = 0};
	json_error_t error;
	int r = fill_template(template, &notice, &message, why, size);
	if (r < 0)
		return r;
	auto_json json_t *tree = json_loadb(message.body, message.len, JSON_DECODE_ANY, &error);
	message_done(&message);
	if (tree)
		return 0;
	snprintf(why, size, "does not give JSON: %s, at byte %d", error.text, error.position);
	return -EINVAL;
}

int message_webhook(const struct notify_config *config, const struct notice *notices, size_t n,
		    struct message *ret)
{
	char why[100];
	struct strbuf *header = message_header(ret);
	strbuf_add(header, "Content-Type: application/json");
	if (!config->template || !*config->template)
		return write_all(notices, n, ret);
	return fill_template(config->template, &notices[0], ret, why, sizeof(why));
}
