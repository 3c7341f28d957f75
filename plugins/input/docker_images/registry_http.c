/*
 * The Docker Registry HTTP API v2, as far as one HEAD needs it.  registry_check.c calls this on its
 * own thread, one request at a time.
 *
 * Happy path: HEAD of the manifest; on 401 a token from the realm that the challenge names, and
 * HEAD once more; the digest is in Docker-Content-Digest.  A HEAD does not count against Docker
 * Hub's limit of pulls, a GET of a manifest does.  What can fail is in registry_http.h; each
 * failure says whether it is of the host (no connection, no answer, 429) or of this reference.
 *
 * A registry is a stranger: where it sends us for a token is checked, redirects are not followed,
 * and headers and bodies are bounded.
 */
#include "registry_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "json_tree.h"

enum {
	HTTP_URL = 4096,
	HTTP_MAX_HEADERS = 64 << 10,
	HTTP_MAX_BODY = 64 << 10,
	HTTP_CHECK_MS = 1000
};

/* Lists first: the digest of what the tag names, not of the part of it for one processor.
 * RepoDigests of the engine has that digest, too; without Accept registries answer with schema 1,
 * and its digest fits nothing. */
static const char manifests[] = "Accept: application/vnd.oci.image.index.v1+json, "
				"application/vnd.docker.distribution.manifest.list.v2+json, "
				"application/vnd.oci.image.manifest.v1+json, "
				"application/vnd.docker.distribution.manifest.v2+json";

struct registry_http {
	const char *const *insecure;
	int64_t timeout;
	int stop_fd;
	CURLM *multi;
	CURL *easy;
	/* Of one request. */
	size_t headers, len;
	char digest[REGISTRY_DIGEST_MAX];
	char challenge[REGISTRY_CHALLENGE_MAX];
	char body[HTTP_MAX_BODY + 1];
};

/* ---- What comes ---- */

/* A header's value, without the line's end; false: it is another one, or too long. */
static bool header_is(const char *line, size_t len, const char *name, char *ret, size_t size)
{
	size_t skip = strlen(name);
	if (len <= skip || strncasecmp(line, name, skip) != 0)
		return false;
	while (skip < len && (line[skip] == ' ' || line[skip] == '\t'))
		skip++;
	while (len > skip && strchr(" \t\r\n", line[len - 1]))
		len--;
	if (len - skip >= size)
		return false;
	memcpy(ret, line + skip, len - skip);
	ret[len - skip] = '\0';
	return true;
}

static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
	struct registry_http *http = arg;
	char challenge[REGISTRY_CHALLENGE_MAX];
	(void)one;
	http->headers += len;
	if (http->headers > HTTP_MAX_HEADERS)
		return 0;
	header_is(line, len, "Docker-Content-Digest:", http->digest, sizeof(http->digest));
	if (header_is(line, len, "WWW-Authenticate:", challenge, sizeof(challenge)) &&
	    strncasecmp(challenge, "Bearer ", 7) == 0)
		memcpy(http->challenge, challenge, sizeof(challenge));
	return len;
}

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
	struct registry_http *http = arg;
	(void)one;
	if (len > HTTP_MAX_BODY - http->len)
		return 0;
	memcpy(http->body + http->len, data, len);
	http->len += len;
	http->body[http->len] = '\0';
	return len;
}

/* ---- One request ---- */

static int explain(struct registry_answer *ret, int error, const char *why)
{
	ret->error = error;
	snprintf(ret->reason, sizeof(ret->reason), "%.*s", REGISTRY_REASON_MAX - 1, why);
	return -error;
}

/* No connection, no answer, or too many requests: not of one repository. */
static int explain_host(struct registry_answer *ret, int error, const char *why)
{
	ret->of_host = true;
	return explain(ret, error, why);
}

/* -ECANCELED, or 0 when it has ended.  One transfer, so curl_multi_perform() is no matter of cost
 * here; the multi interface is used only because it can wait for stop_fd, too. */
static int wait_for_end(struct registry_http *http, CURLcode *ret)
{
	struct curl_waitfd stop = {.fd = http->stop_fd, .events = CURL_WAIT_POLLIN};
	struct CURLMsg *message = NULL;
	int running = 1, left;
	while (!message) {
		curl_multi_perform(http->multi, &running);
		message = curl_multi_info_read(http->multi, &left);
		if (message)
			break;
		curl_multi_poll(http->multi, &stop, 1, HTTP_CHECK_MS, NULL);
		if (stop.revents)
			return -ECANCELED;
	}
	*ret = message->data.result;
	return 0;
}

static void take_numbers(struct registry_http *http, struct registry_answer *ret)
{
	curl_off_t took_us = 0, retry_s = 0;
	long status = 0;
	curl_easy_getinfo(http->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &retry_s);
	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	ret->took += took_us * 1000;
	/* A day at most: whoever says more would switch the check off. */
	ret->retry_after = retry_s > 0 ? (retry_s < 86400 ? retry_s : 86400) * CLOCK_SECOND : 0;
	ret->status = (int)status;
}

static int perform(struct registry_http *http, const char *url, bool head,
		   struct registry_answer *ret)
{
	CURLcode code = CURLE_OK;
	http->headers = http->len = 0;
	http->digest[0] = http->challenge[0] = http->body[0] = '\0';
	curl_easy_setopt(http->easy, CURLOPT_URL, url);
	curl_easy_setopt(http->easy, CURLOPT_PROTOCOLS_STR,
			 strncmp(url, "http:", 5) == 0 ? "http" : "https");
	curl_easy_setopt(http->easy, head ? CURLOPT_NOBODY : CURLOPT_HTTPGET, 1L);
	curl_multi_add_handle(http->multi, http->easy);
	int r = wait_for_end(http, &code);
	take_numbers(http, ret);
	curl_multi_remove_handle(http->multi, http->easy);
	if (r < 0)
		return explain(ret, ECANCELED, "stopped");
	if (code == CURLE_WRITE_ERROR)
		return explain(ret, EMSGSIZE, "the answer is too long");
	if (code == CURLE_OPERATION_TIMEDOUT)
		return explain_host(ret, ETIMEDOUT, "no answer in time");
	return code == CURLE_OK ? 0 : explain_host(ret, EIO, curl_easy_strerror(code));
}

/* One HEAD of the manifest; token: an Authorization header's line, or NULL.  Host, repository and
 * tag consist of characters that need no escaping (registry_name.c). */
static int ask_once(struct registry_http *http, const struct registry_name *name, const char *token,
		    struct registry_answer *ret)
{
	char url[HTTP_URL];
	const char *scheme = registry_is_plain(name->host, http->insecure) ? "http" : "https";
	struct curl_slist *headers = curl_slist_append(NULL, manifests);
	if (headers && token && !curl_slist_append(headers, token)) {
		curl_slist_free_all(headers);
		headers = NULL;
	}
	if (!headers)
		return explain(ret, ENOMEM, "no memory");
	snprintf(url, sizeof(url), "%s://%s/v2/%s/manifests/%s", scheme, name->host,
		 name->repository, name->tag);
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
	int r = perform(http, url, true, ret);
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	return r;
}

/* ---- The token ---- */

/* A registry that is asked by TLS may not send us to one that is not: a token would go over the
 * network in plain text.  user@host in a realm is refused, since it hides the host. */
static bool is_realm(const struct registry_http *http, const struct registry_name *name,
		     const char *realm)
{
	char host[REGISTRY_HOST_MAX];
	bool plain = strncmp(realm, "http://", 7) == 0;
	if (!plain && strncmp(realm, "https://", 8) != 0)
		return false;
	const char *begin = realm + (plain ? 7 : 8);
	size_t len = strcspn(begin, "/?#");
	if (len == 0 || len >= sizeof(host) || memchr(begin, '@', len))
		return false;
	snprintf(host, sizeof(host), "%.*s", (int)len, begin);
	return !plain || (registry_is_plain(name->host, http->insecure) &&
			  registry_is_plain(host, http->insecure));
}

/* Source: the registry's token authentication specification (distribution, spec/auth/token). */
static bool token_url(struct registry_http *http, const struct registry_name *name, char *ret)
{
	char realm[REGISTRY_CHALLENGE_MAX], service[REGISTRY_CHALLENGE_MAX];
	if (!registry_challenge_read(http->challenge, realm, service) ||
	    !is_realm(http, name, realm))
		return false;
	char *escaped = curl_easy_escape(http->easy, service, (int)strlen(service));
	int len =
		snprintf(ret, HTTP_URL, "%s%cservice=%s&scope=repository:%s:pull", realm,
			 strchr(realm, '?') ? '&' : '?', escaped ? escaped : "", name->repository);
	curl_free(escaped);
	return len > 0 && len < HTTP_URL;
}

/* An Authorization header's line, which the caller frees.  Servers say token, access_token (as
 * OAuth 2 does) or both, with the same value. */
static char *read_token(struct registry_http *http)
{
	char *line = NULL;
	auto_json json_t *document = json_tree_load(http->body, http->len);
	const json_t *token = json_object_get(document, "token");
	if (!json_is_string(token))
		token = json_object_get(document, "access_token");
	const char *text = json_string_value(token);
	/* Nothing that could end the header's line and begin another. */
	if (!text || !*text || strlen(text) != json_string_length(token) || strpbrk(text, "\r\n"))
		return NULL;
	return asprintf(&line, "Authorization: Bearer %s", text) < 0 ? NULL : line;
}

static int get_token(struct registry_http *http, const struct registry_name *name, char **ret_line,
		     struct registry_answer *ret)
{
	char url[HTTP_URL];
	if (!http->challenge[0])
		return explain(ret, EACCES, "the registry requires a login");
	if (!token_url(http, name, url))
		return explain(ret, EPROTO, "its challenge names no usable token server");
	int r = perform(http, url, false, ret);
	if (r < 0)
		return r;
	if (ret->status == 429)
		return explain_host(ret, EAGAIN, "too many requests");
	if (ret->status / 100 == 5)
		return explain(ret, EPROTO, "its token server failed");
	*ret_line = ret->status == 200 ? read_token(http) : NULL;
	return *ret_line ? 0 : explain(ret, EACCES, "its token server gives no anonymous token");
}

/* ---- Asking ---- */

static void classify(const struct registry_http *http, struct registry_answer *ret)
{
	char why[REGISTRY_REASON_MAX];
	if (ret->status == 200 && registry_is_digest(http->digest)) {
		memcpy(ret->digest, http->digest, sizeof(ret->digest));
		return;
	}
	snprintf(why, sizeof(why), "HTTP %d", ret->status);
	if (ret->status == 200)
		explain(ret, EPROTO, "no digest in its answer");
	else if (ret->status == 401 || ret->status == 403)
		explain(ret, EACCES, "anonymous pulls are denied");
	else if (ret->status == 404)
		explain(ret, ENOENT, "no such tag");
	else if (ret->status == 429)
		explain_host(ret, EAGAIN, "too many requests");
	else if (ret->status / 100 == 3)
		explain(ret, EPROTO, "redirected, and redirects are not followed");
	else
		explain(ret, EPROTO, why);
}

void registry_http_get_digest(struct registry_http *http, const struct registry_name *name,
			      struct registry_answer *ret)
{
	auto_free char *token = NULL;
	*ret = (struct registry_answer){0};
	int r = ask_once(http, name, NULL, ret);
	if (r == 0 && ret->status == 401) {
		r = get_token(http, name, &token, ret);
		if (r == 0)
			r = ask_once(http, name, token, ret);
	}
	if (r == 0)
		classify(http, ret);
}

/* ---- Making and unmaking ---- */

void registry_http_destroy(struct registry_http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->easy);
	curl_multi_cleanup(http->multi);
	free(http);
}

/* Nothing of the environment: no proxy, no .netrc, no redirects to elsewhere. */
static void set_up(struct registry_http *http)
{
	curl_easy_setopt(http->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(http->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(http->easy, CURLOPT_TIMEOUT_MS, (long)(http->timeout / CLOCK_MS));
	curl_easy_setopt(http->easy, CURLOPT_USERAGENT, "tallyd/" TALLYD_VERSION);
	curl_easy_setopt(http->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(http->easy, CURLOPT_HEADERDATA, http);
	curl_easy_setopt(http->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(http->easy, CURLOPT_WRITEDATA, http);
}

struct registry_http *registry_http_create(const char *const *insecure, int64_t timeout,
					   int stop_fd)
{
	struct registry_http *http = calloc(1, sizeof(*http));
	if (!http)
		return NULL;
	http->insecure = insecure;
	http->timeout = timeout;
	http->stop_fd = stop_fd;
	http->multi = curl_multi_init();
	http->easy = curl_easy_init();
	if (!http->multi || !http->easy) {
		registry_http_destroy(http);
		return NULL;
	}
	set_up(http);
	return http;
}
