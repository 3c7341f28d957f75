/*
 * libcurl's multi interface, for one transfer: only it can also wait for stop_fd.  The url may hold
 * a secret (Slack's do), so no message shows it; the receiver is named by its host.  Redirects are
 * not followed: who is told what is for the configuration to say.
 */
#include "send.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { SEND_URL = 4096, SEND_ANSWER = 300, SEND_CHECK_MS = 1000, SEND_HOST = 256 };

struct sender {
	struct tally_ctx *ctx;
	const struct notify_config *config;
	CURLM *multi;
	CURL *easy;
	size_t sent; /* of the body */
	const struct message *message;
	char answer[SEND_ANSWER + 1]; /* the beginning of what the receiver says */
	size_t answered;
};

/* ---- What goes and comes ------------------------------------------------------- */

static size_t on_read(char *to, size_t one, size_t size, void *arg)
{
	struct sender *sender = arg;
	size_t left = sender->message->len - sender->sent, room = one * size;
	size_t n = left < room ? left : room;
	memcpy(to, sender->message->body + sender->sent, n);
	sender->sent += n;
	return n;
}

/* Only for a message in the log: the rest is passed over. */
static size_t on_answer(char *data, size_t one, size_t len, void *arg)
{
	struct sender *sender = arg;
	(void)one;
	size_t room = SEND_ANSWER - sender->answered, n = len < room ? len : room;
	memcpy(sender->answer + sender->answered, data, n);
	sender->answered += n;
	sender->answer[sender->answered] = '\0';
	for (char *c = sender->answer; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return len;
}

static int perform(struct sender *sender, CURLcode *ret)
{
	struct curl_waitfd stop = {.fd = tally_stop_fd(sender->ctx), .events = CURL_WAIT_POLLIN};
	struct CURLMsg *message = NULL;
	int running = 1, left, r = 0;
	sender->sent = sender->answered = 0;
	sender->answer[0] = '\0';
	curl_multi_add_handle(sender->multi, sender->easy);
	while (!message && r == 0) {
		curl_multi_perform(sender->multi, &running);
		message = curl_multi_info_read(sender->multi, &left);
		if (message)
			break;
		curl_multi_poll(sender->multi, &stop, 1, SEND_CHECK_MS, NULL);
		if (stop.revents || tally_stopping(sender->ctx))
			r = -ECANCELED;
	}
	if (message)
		*ret = message->data.result;
	curl_multi_remove_handle(sender->multi, sender->easy);
	return r;
}

/* ---- The request --------------------------------------------------------------- */

static void host_of(const char *url, char *ret, size_t size)
{
	const char *host = strstr(url, "://");
	host = host ? host + 3 : url;
	size_t len = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', len);
	if (at) {
		len -= (size_t)(at + 1 - host);
		host = at + 1;
	}
	snprintf(ret, size, "%.*s", (int)len, host);
}

static struct curl_slist *add_header(struct curl_slist *list, const char *text)
{
	struct curl_slist *grown = text ? curl_slist_append(list, text) : NULL;
	if (!grown)
		curl_slist_free_all(list);
	return grown;
}

static struct curl_slist *headers_of(struct sender *sender, struct message *message)
{
	char key[64];
	char *token = NULL;
	snprintf(key, sizeof(key), "Idempotency-Key: %s", message->key);
	struct curl_slist *list = add_header(NULL, key);
	for (unsigned i = 0; list && i < message->n_headers; i++)
		list = add_header(list, message->headers[i].data);
	if (list && tally_secret(sender->ctx, "token", &token) == 0 && token) {
		struct strbuf line = {.len = 0};
		strbuf_add(&line, "Authorization: Bearer %s", token);
		list = add_header(list, line.data);
		if (line.data)
			explicit_bzero(line.data, line.len);
		strbuf_done(&line);
		explicit_bzero(token, strlen(token));
		free(token);
	}
	return list;
}

static void prepare(struct sender *sender, const char *url, const struct message *message)
{
	CURL *easy = sender->easy;
	curl_easy_reset(easy);
	sender->message = message;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(sender->config->timeout / CLOCK_MS));
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, sender);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "tallyd");
	if (sender->config->tls_ca)
		curl_easy_setopt(easy, CURLOPT_CAINFO, sender->config->tls_ca);
}

/* What a receiver will never take: asked again, it says the same.  A wrong address or token is for
 * the operator to mend, and the alert waits for that. */
static bool is_final(long status)
{
	return status == 400 || status == 413 || status == 415 || status == 422;
}

static int judge(struct sender *sender, const char *url, int r, CURLcode code)
{
	char host[SEND_HOST];
	long status = 0;
	host_of(url, host, sizeof(host));
	curl_easy_getinfo(sender->easy, CURLINFO_RESPONSE_CODE, &status);
	if (r < 0)
		return tally_fail(sender->ctx, ECANCELED, "stopped");
	if (code != CURLE_OK)
		return tally_fail(sender->ctx, code == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EIO,
				  "%s: %s", host, curl_easy_strerror(code));
	if (sender->config->type == NOTIFY_EMAIL || (status >= 200 && status < 300))
		return 0;
	return tally_fail(sender->ctx, is_final(status) ? EINVAL : EIO, "%s answers %ld%s%s", host,
			  status, sender->answered ? ": " : "", sender->answer);
}

static int send_http(struct sender *sender, const char *base, struct message *message)
{
	char url[SEND_URL];
	CURLcode code = CURLE_OK;
	size_t len = strlen(base);
	if (message->path && len && base[len - 1] == '/')
		len--;
	if (snprintf(url, sizeof(url), "%.*s%s", (int)len, base,
		     message->path ? message->path : "") >= (int)sizeof(url))
		return tally_fail(sender->ctx, EINVAL, "url: longer than %d bytes", SEND_URL - 1);
	struct curl_slist *headers = headers_of(sender, message);
	if (!headers)
		return tally_fail(sender->ctx, ENOMEM, "out of memory");
	prepare(sender, url, message);
	curl_easy_setopt(sender->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(sender->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(sender->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)message->len);
	curl_easy_setopt(sender->easy, CURLOPT_POSTFIELDS, message->body);
	int r = perform(sender, &code);
	r = judge(sender, url, r, code);
	curl_easy_setopt(sender->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return r;
}

/* ---- Mail ---------------------------------------------------------------------- */

static struct curl_slist *recipients(const struct notify_config *config)
{
	struct curl_slist *list = NULL;
	for (size_t i = 0; config->to && config->to[i]; i++) {
		list = add_header(list, config->to[i]);
		if (!list)
			return NULL;
	}
	return list;
}

static int send_mail(struct sender *sender, const char *url, struct message *message)
{
	CURLcode code = CURLE_OK;
	char *password = NULL;
	const struct notify_config *config = sender->config;
	struct curl_slist *to = recipients(config);
	if (!to || tally_secret(sender->ctx, "password", &password) < 0) {
		curl_slist_free_all(to);
		return tally_fail(sender->ctx, ENOMEM, "out of memory");
	}
	prepare(sender, url, message);
	curl_easy_setopt(sender->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(sender->easy, CURLOPT_USE_SSL,
			 (long)(config->starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
	curl_easy_setopt(sender->easy, CURLOPT_MAIL_FROM, config->from);
	curl_easy_setopt(sender->easy, CURLOPT_MAIL_RCPT, to);
	if (config->user)
		curl_easy_setopt(sender->easy, CURLOPT_USERNAME, config->user);
	if (password)
		curl_easy_setopt(sender->easy, CURLOPT_PASSWORD, password);
	curl_easy_setopt(sender->easy, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(sender->easy, CURLOPT_READDATA, sender);
	curl_easy_setopt(sender->easy, CURLOPT_UPLOAD, 1L);
	int r = perform(sender, &code);
	r = judge(sender, url, r, code);
	if (password)
		explicit_bzero(password, strlen(password));
	free(password);
	curl_easy_reset(sender->easy);
	curl_slist_free_all(to);
	return r;
}

/* ---- The whole ------------------------------------------------------------------ */

struct sender *sender_create(struct tally_ctx *ctx, const struct notify_config *config)
{
	struct sender *sender = calloc(1, sizeof(*sender));
	if (!sender)
		return NULL;
	sender->ctx = ctx;
	sender->config = config;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		sender->multi = curl_multi_init();
	sender->easy = curl_easy_init();
	if (sender->multi && sender->easy)
		return sender;
	sender_destroy(sender);
	return NULL;
}

void sender_destroy(struct sender *sender)
{
	if (!sender)
		return;
	curl_easy_cleanup(sender->easy);
	curl_multi_cleanup(sender->multi);
	free(sender);
}

int sender_send(struct sender *sender, struct message *message)
{
	char *url = NULL;
	if (tally_secret(sender->ctx, "url", &url) < 0 || !url)
		return tally_fail(sender->ctx, ENOMEM, "out of memory");
	int r = sender->config->type == NOTIFY_EMAIL ? send_mail(sender, url, message)
						     : send_http(sender, url, message);
	explicit_bzero(url, strlen(url));
	free(url);
	return r;
}
