/*
 * A message in the making: where it goes, and its body.  Each kind of receiver has a file that
 * fills one from notices; send.h sends it.
 */
#ifndef TALLYD_NOTIFY_MESSAGE_H
#define TALLYD_NOTIFY_MESSAGE_H

#include <tallyd/host.h>

#include "base/strbuf.h"
#include "notice.h"

enum notify_type {
	NOTIFY_WEBHOOK,
	NOTIFY_ALERTMANAGER,
	NOTIFY_SLACK,
	NOTIFY_NTFY,
	NOTIFY_EMAIL,
	NOTIFY_TYPES
};

struct notify_config {
	int64_t type;     /* enum notify_type */
	int64_t severity; /* index in info|warning|critical */
	int64_t timeout, group_max, resend;
	const char *url, *token, *template;
	const char *user, *password, *from, *tls_ca;
	const char *const *to, *const *rules;
	bool resolved, starttls;
};

enum { MESSAGE_HEADERS = 6, MESSAGE_MAX = 1 << 20 };

struct message {
	struct strbuf headers[MESSAGE_HEADERS]; /* "Name: value" */
	unsigned n_headers;
	const char *path; /* behind the url; "": none */
	char *body;
	size_t len;
	char key[NOTICE_ID_SIZE];
};

void message_done(struct message *message);
/* NULL when there is no room. */
struct strbuf *message_header(struct message *message);
/* Takes what the writer has. -ENOMEM, -E2BIG. */
int message_take(struct message *message, struct json_writer *json);

/* One message about n notices.  -ENOMEM, -E2BIG. */
typedef int message_fn(const struct notify_config *config, const struct notice *notices, size_t n,
		       struct message *ret);
message_fn message_webhook, message_alertmanager, message_slack, message_ntfy, message_email;

/* Is the template one that gives JSON?  -EINVAL, and why. */
int message_check_template(const char *template, char *why, size_t size);

#endif
