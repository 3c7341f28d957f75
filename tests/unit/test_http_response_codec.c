/* Answers as bytes that are not trusted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/response_codec.h"
#include "test.h"

static struct response *make_response(const char *body, const char *link)
{
	struct response_builder builder;
	response_builder_init(&builder);
	json_write_raw(&builder.body, body, strlen(body));
	builder.link = link ? strdup(link) : NULL;
	return response_create(&builder, 1, true);
}

static void a_response_decodes_to_what_was_encoded(void **state)
{
	struct codec_meta meta = {"key", 8}, found;
	char body[3000];
	struct response *decoded;
	char *bytes;
	size_t len;
	(void)state;
	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	struct response *response = make_response(body, "</next>; rel=next");
	assert_int_equal(response_encode(response, &meta, &bytes, &len), 0);
	assert_int_equal(response_decode(bytes, len, "key", &found, &decoded), 0);
	assert_int_equal(found.made, 8);
	assert_ptr_equal(decoded->type, content_type_json);
	assert_string_equal(decoded->link, "</next>; rel=next");
	for (int i = 0; i < RESPONSE_CODINGS; i++) {
		assert_int_equal(decoded->body[i].len, response->body[i].len);
		assert_memory_equal(decoded->body[i].data, response->body[i].data,
				    response->body[i].len);
		assert_string_equal(decoded->body[i].etag, response->body[i].etag);
	}
	assert_int_equal(response_decode(bytes, len, "another", &found, &decoded), -EBADMSG);
	assert_int_equal(response_decode(bytes, len, "kez", &found, &decoded), -EBADMSG);
	for (size_t i = 0; i < len; i++) { /* each byte counts, and so does where it ends */
		bytes[i] ^= 0x40;
		assert_int_equal(response_decode(bytes, len, "key", &found, &decoded), -EBADMSG);
		bytes[i] ^= 0x40;
		assert_int_equal(response_decode(bytes, i, "key", &found, &decoded), -EBADMSG);
	}
	free(bytes);
	response_drop(decoded);
	response_drop(response);
}

static void a_link_that_would_begin_another_header_is_refused(void **state)
{
	struct codec_meta meta = {"key", 0}, found;
	struct response *response = make_response("{}", "a\r\nSet-Cookie: b"), *decoded;
	char *bytes;
	size_t len;
	(void)state;
	assert_int_equal(response_encode(response, &meta, &bytes, &len), 0);
	assert_int_equal(response_decode(bytes, len, "key", &found, &decoded), -EBADMSG);
	free(bytes);
	response_drop(response);
}

static void what_is_too_long_is_not_encoded(void **state)
{
	struct codec_meta meta = {"key", 0};
	char *body = malloc(CODEC_MAX + 1), *bytes;
	size_t len;
	(void)state;
	for (size_t i = 0; i < CODEC_MAX; i++)
		body[i] = (char)('a' + rand() % 26);
	body[CODEC_MAX] = '\0';
	struct response *response = make_response(body, NULL);
	assert_int_equal(response_encode(response, &meta, &bytes, &len), -E2BIG);
	response_drop(response);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_decodes_to_what_was_encoded),
		cmocka_unit_test(a_link_that_would_begin_another_header_is_refused),
		cmocka_unit_test(what_is_too_long_is_not_encoded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
