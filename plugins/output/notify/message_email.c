/*
 * A mail of plain text (RFC 5322).  What rules say stays out of the header but for their names,
 * which are ASCII; Message-ID is made of the alerts, so that a mail sent twice can be told.
 */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "message.h"

static void write_header(const struct notify_config *config, const struct notice *notices, size_t n,
			 const struct message *message, struct strbuf *mail)
{
	char date[64] = "";
	time_t now = clock_now() / CLOCK_SECOND;
	struct tm utc;
	if (gmtime_r(&now, &utc))
		strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &utc);
	strbuf_add(mail, "Date: %s\r\nFrom: %s\r\nTo: ", date, config->from);
	for (size_t i = 0; config->to[i]; i++)
		strbuf_add(mail, "%s%s", i ? ",\r\n " : "", config->to[i]);
	strbuf_add(mail, "\r\nSubject: [tallyd] ");
	notice_title(notices, n, mail);
	strbuf_add(mail,
		   "\r\nMessage-ID: <%s@tallyd>\r\nMIME-Version: 1.0\r\n"
		   "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
		   "Auto-Submitted: auto-generated\r\n\r\n",
		   message->key);
}

int message_email(const struct notify_config *config, const struct notice *notices, size_t n,
		  struct message *ret)
{
	struct strbuf mail = {.len = 0};
	write_header(config, notices, n, ret, &mail);
	for (size_t i = 0; i < n; i++) {
		notice_line(&notices[i], &mail);
		strbuf_add(&mail, "\r\n");
	}
	if (mail.failed) {
		strbuf_done(&mail);
		return -ENOMEM;
	}
	ret->body = mail.data;
	ret->len = mail.len;
	return 0;
}
