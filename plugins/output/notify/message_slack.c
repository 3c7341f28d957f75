/*
 * Slack's incoming webhooks, and what is compatible with them: Mattermost, Rocket.Chat, Discord
 * (/slack behind its URL).  https://api.slack.com/messaging/webhooks: &, < and > are escaped.
 */
#include <string.h>

#include "message.h"

static void escape(const struct strbuf *line, struct strbuf *ret)
{
	for (size_t i = 0; i < line->len; i++) {
		char c = line->data[i];
		if (c == '&')
			strbuf_add(ret, "&amp;");
		else if (c == '<')
			strbuf_add(ret, "&lt;");
		else if (c == '>')
			strbuf_add(ret, "&gt;");
		else
			strbuf_bytes(ret, &c, 1);
	}
}

static const char *mark_of(const struct notice *notice)
{
	if (!notice->firing)
		return ":white_check_mark: ";
	return notice->level == NOTICE_CRITICAL ? ":rotating_light: " : ":warning: ";
}

int message_slack(const struct notify_config *config, const struct notice *notices, size_t n,
		  struct message *ret)
{
	struct strbuf text = {.len = 0}, line = {.len = 0};
	struct json_writer json;
	(void)config;
	strbuf_add(message_header(ret), "Content-Type: application/json");
	for (size_t i = 0; i < n; i++) {
		strbuf_clear(&line);
		notice_line(&notices[i], &line);
		strbuf_add(&text, "%s%s", i ? "\n" : "", mark_of(&notices[i]));
		escape(&line, &text);
	}
	json_writer_init(&json, MESSAGE_MAX);
	json_begin_object(&json);
	json_write_key(&json, "text");
	json_write_text(&json, text.data, text.len);
	json_end_object(&json);
	strbuf_done(&text);
	strbuf_done(&line);
	return message_take(ret, &json);
}
