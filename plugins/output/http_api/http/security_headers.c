/*
 * Content-Security-Policy (https://www.w3.org/TR/CSP3/) by hashes.  A page's policy is computed
 * once, when the page is first asked for; library_errors.c and response_send.c add it, or the
 * strict default, on the HTTP thread.  If a hash cannot be computed its script does not run:
 * failures are on the safe side.
 */
#include "http/security_headers.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include "base/json_writer.h"
#include <string.h>

enum { SECURITY_MAX_POLICY = 4 << 10, SECURITY_SHA256_SIZE = 32 };

#define SECURITY_NOTHING                                                                           \
	"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void write_text(struct json_writer *out, const char *text)
{
	json_write_raw(out, text, strlen(text));
}

static void write_hash(struct json_writer *out, const char *text, size_t len)
{
	unsigned char hash[SECURITY_SHA256_SIZE];
	const gnutls_datum_t bytes = {hash, sizeof(hash)};
	gnutls_datum_t base64;
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text, len, hash) < 0 ||
	    gnutls_base64_encode2(&bytes, &base64) < 0)
		return; /* then it does not run */
	write_text(out, " 'sha256-");
	json_write_raw(out, (const char *)base64.data, base64.size);
	write_text(out, "'");
	gnutls_free(base64.data);
}

/* Of all elements from `open` to `close`. */
static void write_hashes(struct json_writer *out, const char *html, size_t len, const char *open,
			 const char *close)
{
	const char *at = html, *end = html + len;
	while ((at = memmem(at, (size_t)(end - at), open, strlen(open)))) {
		at += strlen(open);
		const char *over = memmem(at, (size_t)(end - at), close, strlen(close));
		if (!over)
			return;
		write_hash(out, at, (size_t)(over - at));
		at = over;
	}
}

char *security_policy_of(const char *html, size_t len)
{
	struct json_writer policy;
	json_writer_init(&policy, SECURITY_MAX_POLICY);
	write_text(&policy, SECURITY_NOTHING "; connect-src 'self'; style-src");
	write_hashes(&policy, html, len, "<style>", "</style>");
	write_text(&policy, "; script-src");
	write_hashes(&policy, html, len, "<script>", "</script>");
	json_write_raw(&policy, "", 1);
	if (policy.error)
		json_writer_done(&policy);
	return policy.data;
}

char *security_policy_of_dashboard(void)
{
	return strdup(SECURITY_NOTHING "; connect-src 'self'; img-src 'self' data:"
				       "; style-src 'self'; script-src 'self'");
}

void security_headers_add(struct MHD_Response *response, const char *policy)
{
	MHD_add_response_header(response, "Content-Security-Policy",
				policy ? policy : SECURITY_NOTHING);
	MHD_add_response_header(response, "X-Frame-Options", "DENY");
	MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
}
