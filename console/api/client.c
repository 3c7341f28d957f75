/*
 * One libcurl multi handle, an easy handle for each request.  Called on the main thread alone.
 *
 * client_begin() adds a request, client_wait() lets libcurl work and calls back.  done() may begin
 * and cancel other requests; its own is gone when it returns.
 *
 * What may go wrong becomes a sentence: nobody listens, the certificate is not trusted, a problem
 * document of the API (its `detail`), or a status without one.  The sentence may hold text of
 * whoever answered, so it is made safe for a terminal here.
 */
#include "api/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json_reader.h"
#include "terminal/text.h"

struct request {
	struct client *client;
	struct request *next;
	CURL *easy;
	client_bytes_fn *bytes;
	client_done_fn *done;
	void *arg;
	struct strbuf body;
	int64_t heard; /* monotonic, of a stream: when its last bytes came */
	bool too_big;
	char wrong[CURL_ERROR_SIZE];
};

struct client {
	const struct target *target;
	CURLM *multi;
	struct curl_slist *headers;
	struct request *requests;
	struct strbuf fetched;
	char problem[CLIENT_PROBLEM_SIZE]; /* of the last fetch */
};

struct client *client_create(const struct target *target)
{
	struct client *client = calloc(1, sizeof(*client));
	if (!client || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
		free(client);
		return NULL;
	}
	client->target = target;
	client->multi = curl_multi_init();
	if (client->multi && target->token) {
		struct strbuf line = {0};
		strbuf_add(&line, "Authorization: Bearer %s", target->token);
		if (!line.failed)
			client->headers = curl_slist_append(NULL, line.data);
		if (line.data)
			explicit_bzero(line.data, line.len);
		strbuf_done(&line);
	}
	if (!client->multi || (target->token && !client->headers)) {
		client_destroy(client);
		return NULL;
	}
	return client;
}

static void request_destroy(struct request *request)
{
	struct request **at = &request->client->requests;
	while (*at && *at != request)
		at = &(*at)->next;
	if (*at)
		*at = request->next;
	if (request->easy) {
		curl_multi_remove_handle(request->client->multi, request->easy);
		curl_easy_cleanup(request->easy);
	}
	strbuf_done(&request->body);
	free(request);
}

void client_destroy(struct client *client)
{
	if (!client)
		return;
	while (client->requests)
		request_destroy(client->requests);
	if (client->multi)
		curl_multi_cleanup(client->multi);
	curl_slist_free_all(client->headers);
	strbuf_done(&client->fetched);
	free(client);
	curl_global_cleanup();
}

/* ---- One request ------------------------------------------------------------- */

static size_t request_on_bytes(char *data, size_t one, size_t len, void *arg)
{
	struct request *request = arg;
	(void)one;
	long status = 0;
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
	request->heard = clock_monotonic();
	if (request->bytes && status == 200) {
		request->bytes(request->arg, data, len);
		return len;
	}
	request->too_big = request->body.len + len > CLIENT_MAX_BODY;
	if (request->too_big)
		return 0;
	strbuf_bytes(&request->body, data, len);
	return request->body.failed ? 0 : len;
}

/* Addresses of our own configuration are not asked through a proxy, and a certificate of it is
 * recognized by itself. */
static void request_set_target(CURL *easy, const struct target *target)
{
	if (target->ca_file)
		curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
	if (!target->own)
		return;
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
}

static void request_set_up(struct request *request, const char *url)
{
	CURL *easy = request->easy;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "tallyd/" TALLYD_VERSION);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 10L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->wrong);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, request_on_bytes);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, request);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, request);
	if (request->client->headers)
		curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->client->headers);
	if (!request->bytes) {
		curl_easy_setopt(easy, CURLOPT_TIMEOUT, (long)CLIENT_TIMEOUT_S);
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	}
	request_set_target(easy, request->client->target);
}

struct request *client_begin(struct client *client, const char *path, client_bytes_fn *bytes,
			     client_done_fn *done, void *arg)
{
	struct strbuf url = {0};
	struct request *request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	*request = (struct request){.client = client,
				    .next = client->requests,
				    .easy = curl_easy_init(),
				    .bytes = bytes,
				    .done = done,
				    .arg = arg,
				    .heard = clock_monotonic()};
	client->requests = request;
	strbuf_add(&url, "%s%s", client->target->url, path);
	bool well = request->easy && !url.failed;
	if (well)
		request_set_up(request, url.data);
	strbuf_done(&url);
	if (!well || curl_multi_add_handle(client->multi, request->easy) != CURLM_OK) {
		request_destroy(request);
		return NULL;
	}
	return request;
}

void client_cancel(struct client *client, struct request *request)
{
	(void)client;
	if (request)
		request_destroy(request);
}

/* ---- What went wrong ----------------------------------------------------------- */

/* The API's own words, if it was the API: {"title":…, "detail":…}. */
static void problem_of_body(char *body, size_t len, struct strbuf *ret)
{
	struct json_reader json;
	struct json_text key, text = {0}, title = {0};
	json_reader_init(&json, body, len);
	if (json_peek(&json) != JSON_NEXT_OBJECT)
		return;
	json_enter_object(&json);
	while (json_next_key(&json, &key)) {
		bool wanted = json_text_is(&key, "detail") || json_text_is(&key, "title");
		if (!wanted || json_peek(&json) != JSON_NEXT_STRING)
			json_skip(&json);
		else if (json_text_is(&key, "detail"))
			json_read_text(&json, &text);
		else
			json_read_text(&json, &title);
	}
	if (!text.at)
		text = title;
	if (text.at)
		text_show(ret, text.at, text.len, TEXT_UNBOUNDED);
}

static void request_problem(const struct request *request, CURLcode code,
			    const struct answer *answer, char *ret)
{
	const char *url = request->client->target->url;
	struct strbuf said = {0};
	if (request->too_big)
		strbuf_add(&said, "the answer is too large");
	else if (code != CURLE_OK)
		text_show(&said, *request->wrong ? request->wrong : curl_easy_strerror(code),
			  strlen(*request->wrong ? request->wrong : curl_easy_strerror(code)),
			  TEXT_UNBOUNDED);
	else
		problem_of_body(answer->body, answer->len, &said);
	const char *words = said.len ? said.data : "no reason is given";
	if (code == CURLE_OK && answer->status == 200)
		snprintf(ret, CLIENT_PROBLEM_SIZE, "%s ended the stream", url);
	else if (code == CURLE_OK)
		snprintf(ret, CLIENT_PROBLEM_SIZE, "%s says %ld: %s%s", url, answer->status, words,
			 answer->status == 401
				 ? "; set TALLYD_TOKEN, or TALLYD_TOKEN_FILE to a file with a token"
				 : "");
	else
		snprintf(ret, CLIENT_PROBLEM_SIZE, "%s does not answer: %s", url, words);
	strbuf_done(&said);
}

/* ---- Moving on ------------------------------------------------------------------- */

static void request_end(struct request *request, CURLcode code)
{
	char problem[CLIENT_PROBLEM_SIZE];
	static char nothing[1];
	struct answer answer = {.body = request->body.data ? request->body.data : nothing,
				.len = request->body.len};
	curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &answer.status);
	bool well =
		code == CURLE_OK && answer.status >= 200 && answer.status < 300 && !request->bytes;
	if (!well) {
		request_problem(request, code, &answer, problem);
		answer.problem = problem;
	}
	if (code != CURLE_OK)
		answer.status = 0;
	request->done(request->arg, &answer);
	request_destroy(request);
}

/* A stream that has been silent for too long has died without saying so. */
static void client_end_silent(struct client *client)
{
	int64_t since = clock_monotonic() - CLIENT_SILENCE_S * CLOCK_SECOND;
	for (struct request *request = client->requests, *next; request; request = next) {
		next = request->next;
		if (!request->bytes || request->heard > since)
			continue;
		snprintf(request->wrong, sizeof(request->wrong), "silent for %d s",
			 CLIENT_SILENCE_S);
		request_end(request, CURLE_OPERATION_TIMEDOUT);
		return; /* who was called may have changed the list */
	}
}

static void client_move(struct client *client)
{
	int running, left;
	CURLMsg *message;
	curl_multi_perform(client->multi, &running);
	while ((message = curl_multi_info_read(client->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		char *request = NULL;
		CURLcode code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request);
		request_end((struct request *)(void *)request, code);
	}
	client_end_silent(client);
}

void client_wait(struct client *client, int fd, int ms)
{
	struct curl_waitfd wait = {.fd = fd, .events = CURL_WAIT_POLLIN};
	client_move(client);
	curl_multi_poll(client->multi, &wait, fd >= 0, ms, NULL);
	client_move(client);
}

/* ---- One at a time ----------------------------------------------------------------- */

struct fetch {
	struct client *client;
	struct answer answer;
	bool done;
};

static void fetch_done(void *arg, const struct answer *answer)
{
	struct fetch *fetch = arg;
	struct client *client = fetch->client;
	strbuf_clear(&client->fetched);
	strbuf_bytes(&client->fetched, answer->body, answer->len);
	fetch->answer = *answer;
	if (answer->problem) {
		snprintf(client->problem, sizeof(client->problem), "%s", answer->problem);
		fetch->answer.problem = client->problem;
	}
	fetch->done = true;
}

void client_fetch(struct client *client, const char *path, struct answer *ret)
{
	static char nothing[1];
	struct fetch fetch = {.client = client};
	if (!client_begin(client, path, NULL, fetch_done, &fetch)) {
		*ret = (struct answer){.problem = "out of memory", .body = nothing};
		return;
	}
	while (!fetch.done)
		client_wait(client, -1, 1000);
	fetch.answer.body = client->fetched.len ? client->fetched.data : nothing;
	fetch.answer.len = client->fetched.len;
	if (client->fetched.failed)
		fetch.answer.problem = "out of memory";
	*ret = fetch.answer;
}

/* ---- Queries ----------------------------------------------------------------------- */

void client_escape(struct strbuf *path, const char *text)
{
	static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789-_.~";
	for (; *text; text++) {
		if (strchr(unreserved, *text))
			strbuf_bytes(path, text, 1);
		else
			strbuf_add(path, "%%%02X", (unsigned char)*text);
	}
}

void client_parameter(struct strbuf *path, const char *name, const char *text)
{
	strbuf_add(path, "&%s=", name);
	client_escape(path, text);
}

void client_time(struct strbuf *path, const char *name, const char *text)
{
	bool relative = *text && strspn(text, "0123456789") != strlen(text) &&
			strspn(text, "0123456789") > 0 && !strpbrk(text, "-:TZ");
	strbuf_add(path, "&%s=%s", name, relative ? "now-" : "");
	client_escape(path, text);
}
