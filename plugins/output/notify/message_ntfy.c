/*
 * ntfy (https://docs.ntfy.sh/publish/): the text is the body, all else stands in headers.  The url
 * is that of the topic.
 */
#include <errno.h>

#include "message.h"

int message_ntfy(const struct notify_config *config, const struct notice *notices, size_t n,
		 struct message *ret)
{
	static const char *const priorities[] = {"low", "default", "urgent"};
	struct strbuf text = {.len = 0};
	struct strbuf *title = message_header(ret), *priority = message_header(ret),
		      *tags = message_header(ret);
	bool firing = false;
	(void)config;
	for (size_t i = 0; i < n; i++) {
		firing = firing || notices[i].firing;
		strbuf_add(&text, "%s", i ? "\n" : "");
		notice_line(&notices[i], &text);
	}
	strbuf_add(title, "Title: ");
	notice_title(notices, n, title);
	strbuf_add(priority, "Priority: %s",
		   priorities[firing ? notice_worst(notices, n) : NOTICE_INFO]);
	strbuf_add(tags, "Tags: %s", firing ? "warning" : "white_check_mark");
	if (text.failed) {
		strbuf_done(&text);
		return -ENOMEM;
	}
	ret->body = text.data;
	ret->len = text.len;
	return 0;
}
