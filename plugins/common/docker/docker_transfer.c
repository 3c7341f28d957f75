/*
 * One libcurl handle: its settings, the body as it comes in, and the description of its failure.
 * docker_fetch.c uses one per slot again and again; docker_stream.c one per stream, with callbacks
 * of its own.  Everything runs on the instance's thread.
 *
 * A body that outgrows its bound is refused, or trimmed while it comes in if the job says so.
 * Failures become an errno and a sentence that names the usual cause, as "is dockerd running?".
 */
#include "docker/docker_transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum {
	TRANSFER_KEPT_BODY = 16384, /* most stats and inspects fit */
	TRANSFER_BUFFER = 16384,
	TRANSFER_IDLE_S = 10,
	TRANSFER_TRIMS = 16, /* a body that is trimmed may have 16 times its bound */
};

/* The body while there is none. */
static char no_body[1];

/* Starts with what was received so far, so that the usual body is copied once and never scanned.
 * The result is never longer than the input, so trimming in place is safe.  False: it is too long
 * even so, or so much was received that the answer seems to have no end. */
static bool trim_body(struct docker_transfer *transfer, const char *data, size_t len)
{
	size_t kept = 0;
	if (!transfer->received) {
		json_trim_feed(&transfer->trim, transfer->body, &kept, transfer->body,
			       transfer->len);
		transfer->received = transfer->len;
		transfer->len = kept;
	}
	transfer->received += len;
	json_trim_feed(&transfer->trim, transfer->body, &transfer->len, data, len);
	return transfer->len <= transfer->max &&
	       transfer->received / TRANSFER_TRIMS <= transfer->max;
}

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
	struct docker_transfer *transfer = arg;
	(void)one;
	bool trims = transfer->received || len > transfer->max - transfer->len;
	transfer->too_big = trims && !transfer->trims;
	if (transfer->too_big)
		return 0;
	size_t wanted = transfer->len + len + 1;
	if (wanted > transfer->size) {
		size_t size = transfer->size ? transfer->size : 4096;
		while (size < wanted)
			size *= 2;
		char *grown = realloc(transfer->body, size);
		if (!grown)
			return 0;
		transfer->body = grown;
		transfer->size = size;
	}
	if (trims) {
		transfer->too_big = !trim_body(transfer, data, len);
	} else {
		memcpy(transfer->body + transfer->len, data, len);
		transfer->len += len;
	}
	transfer->body[transfer->len] = '\0';
	return transfer->too_big ? 0 : len;
}

void docker_transfer_destroy(struct docker_transfer *transfer)
{
	if (!transfer)
		return;
	curl_easy_cleanup(transfer->easy);
	free(transfer->body);
	free(transfer);
}

/* Nothing is taken from the environment: no proxy, no .netrc; no redirects are followed.  libcurl
 * would otherwise send requests for an engine through http_proxy. */
struct docker_transfer *docker_transfer_create(const struct docker_endpoint *endpoint,
					       const struct fetch_tls *tls)
{
	struct docker_transfer *transfer = calloc(1, sizeof(*transfer));
	if (!transfer)
		return NULL;
	transfer->easy = curl_easy_init();
	if (!transfer->easy) {
		free(transfer);
		return NULL;
	}
	if (endpoint->path[0])
		curl_easy_setopt(transfer->easy, CURLOPT_UNIX_SOCKET_PATH, endpoint->path);
	/* Where the connection goes.  Paths are set as the request target, since libcurl would
	 * parse a URL, and escape its path, each time. */
	curl_easy_setopt(transfer->easy, CURLOPT_URL, endpoint->url);
	if (tls->ca)
		curl_easy_setopt(transfer->easy, CURLOPT_CAINFO, tls->ca);
	if (tls->cert)
		curl_easy_setopt(transfer->easy, CURLOPT_SSLCERT, tls->cert);
	if (tls->key)
		curl_easy_setopt(transfer->easy, CURLOPT_SSLKEY, tls->key);
	curl_easy_setopt(transfer->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(transfer->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(transfer->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(transfer->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(transfer->easy, CURLOPT_BUFFERSIZE, (long)TRANSFER_BUFFER);
	/* So that a stream from a machine that died does not stay open for ever. */
	curl_easy_setopt(transfer->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(transfer->easy, CURLOPT_TCP_KEEPIDLE, (long)TRANSFER_IDLE_S);
	curl_easy_setopt(transfer->easy, CURLOPT_TCP_KEEPINTVL, (long)TRANSFER_IDLE_S);
	curl_easy_setopt(transfer->easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(transfer->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(transfer->easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_PRIVATE, transfer);
	return transfer;
}

void docker_transfer_prepare(struct docker_transfer *transfer, const char *path,
			     const struct fetch_job *job)
{
	transfer->len = 0;
	transfer->max = job->max_bytes;
	transfer->too_big = false;
	transfer->received = 0;
	transfer->trims = job->trim != NULL;
	if (job->trim)
		transfer->trim = *job->trim;
	transfer->error[0] = '\0';
	if (transfer->body)
		transfer->body[0] = '\0';
	curl_easy_setopt(transfer->easy, CURLOPT_REQUEST_TARGET, path);
	/* Of the whole answer, not only of connecting: with a dockerd that hangs connect()
	 * succeeds. */
	curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, (long)(job->timeout / CLOCK_MS));
}

/* ---- The result ---- */

static void explain_no_socket(char ret[FETCH_REASON_SIZE])
{
	char other[DOCKER_ENDPOINT_SIZE];
	int len = snprintf(ret, FETCH_REASON_SIZE, "no such socket: is dockerd running?");
	if (docker_endpoint_other(other))
		snprintf(ret + len, FETCH_REASON_SIZE - (size_t)len,
			 " There is an engine's socket at %.200s (endpoint = unix://…)", other);
}

static int explain_connect(const struct docker_transfer *transfer, char ret[FETCH_REASON_SIZE])
{
	long os_error = 0;
	curl_easy_getinfo(transfer->easy, CURLINFO_OS_ERRNO, &os_error);
	int error = os_error ? (int)os_error : ECONNREFUSED;
	switch (error) {
	case ENOENT:
		explain_no_socket(ret);
		break;
	case ECONNREFUSED:
		snprintf(ret, FETCH_REASON_SIZE, "connection refused: is dockerd running?");
		break;
	case EACCES:
		snprintf(ret, FETCH_REASON_SIZE,
			 "permission denied: is the daemon's user in the group docker?");
		break;
	default:
		snprintf(ret, FETCH_REASON_SIZE, "cannot connect: %s", strerror(error));
	}
	return error;
}

/* Puts the reason into ret and returns an errno. */
static int explain(const struct docker_transfer *transfer, CURLcode code,
		   char ret[FETCH_REASON_SIZE])
{
	curl_off_t handshake = 0;
	switch (code) {
	case CURLE_COULDNT_CONNECT:
		return explain_connect(transfer, ret);
	case CURLE_OPERATION_TIMEDOUT:
		snprintf(ret, FETCH_REASON_SIZE, "no complete answer in time: is dockerd hanging?");
		return ETIMEDOUT;
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
		/* With TLS 1.3 an engine that does not trust our certificate says so, or just
		 * disconnects, after our side of the handshake is over. */
		curl_easy_getinfo(transfer->easy, CURLINFO_APPCONNECT_TIME_T, &handshake);
		snprintf(ret, FETCH_REASON_SIZE, "the connection was cut after %zu bytes%s%.200s%s",
			 transfer->len, transfer->error[0] ? ": " : "", transfer->error,
			 handshake > 0 && transfer->len == 0
				 ? "; does the engine trust our certificate (tls_cert)?"
				 : "");
		return ECONNRESET;
	case CURLE_WRITE_ERROR:
		snprintf(ret, FETCH_REASON_SIZE,
			 transfer->too_big ? "the answer is longer than %zu bytes"
					   : "no memory for more than %zu bytes of the answer",
			 transfer->too_big ? transfer->max : transfer->len);
		return transfer->too_big ? EMSGSIZE : ENOMEM;
	default:
		snprintf(ret, FETCH_REASON_SIZE, "%s",
			 transfer->error[0] ? transfer->error : curl_easy_strerror(code));
		return EIO;
	}
}

void docker_transfer_answer(struct docker_transfer *transfer, CURLcode code,
			    struct fetch_answer *ret, char reason[FETCH_REASON_SIZE])
{
	curl_off_t took_us = 0;
	long status = 0;
	curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &took_us);
	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		ret->error = explain(transfer, code, reason);
	ret->status = (int)status;
	ret->body = transfer->body ? transfer->body : no_body;
	ret->len = transfer->len;
	ret->took = took_us * 1000;
	if (transfer->received)
		ret->trimmed = transfer->trim.cut + transfer->trim.dropped;
}

/* Large buffers are freed, so that the memory of one long list does not stay for ever. */
void docker_transfer_take_back(struct docker_transfer *transfer, struct fetch_answer *answer)
{
	if (answer->body == no_body)
		return;
	if (answer->body && transfer->size <= TRANSFER_KEPT_BODY)
		return;
	free(answer->body);
	transfer->body = NULL;
	transfer->size = 0;
}
