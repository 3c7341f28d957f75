/* Answers as bytes that are not trusted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct parcel *make_parcel(const char *body, const char *link)
{
	struct reply reply;
	reply_init(&reply);
	json_write_raw(&reply.body, body, strlen(body));
	reply.link = link ? strdup(link) : NULL;
	return parcel_pack(&reply, 1, true);
}

static void a_sealed_answer_opens_to_the_same(void **state)
{
	struct seal seal = {"key", 7, 8}, found;
	char body[3000];
	struct parcel *opened;
	char *bytes;
	size_t len;
	(void)state;
	memset(body, 'x', sizeof(body) - 1);
	body[sizeof(body) - 1] = '\0';
	struct parcel *parcel = make_parcel(body, "</next>; rel=next");
	assert_int_equal(seal_pack(parcel, &seal, &bytes, &len), 0);
	assert_int_equal(seal_open(bytes, len, "key", &found, &opened), 0);
	assert_int_equal(found.mark, 7);
	assert_int_equal(found.made, 8);
	assert_ptr_equal(opened->type, reply_json);
	assert_string_equal(opened->link, "</next>; rel=next");
	for (int i = 0; i < PARCEL_CODINGS; i++) {
		assert_int_equal(opened->body[i].len, parcel->body[i].len);
		assert_memory_equal(opened->body[i].data, parcel->body[i].data,
				    parcel->body[i].len);
		assert_string_equal(opened->body[i].etag, parcel->body[i].etag);
	}
	assert_int_equal(seal_open(bytes, len, "another", &found, &opened), -EBADMSG);
	assert_int_equal(seal_open(bytes, len, "kez", &found, &opened), -EBADMSG);
	for (size_t i = 0; i < len; i++) { /* each byte counts, and so does where it ends */
		bytes[i] ^= 0x40;
		assert_int_equal(seal_open(bytes, len, "key", &found, &opened), -EBADMSG);
		bytes[i] ^= 0x40;
		assert_int_equal(seal_open(bytes, i, "key", &found, &opened), -EBADMSG);
	}
	free(bytes);
	parcel_drop(opened);
	parcel_drop(parcel);
}

static void a_link_that_would_begin_another_header_is_refused(void **state)
{
	struct seal seal = {"key", 0, 0}, found;
	struct parcel *parcel = make_parcel("{}", "a\r\nSet-Cookie: b"), *opened;
	char *bytes;
	size_t len;
	(void)state;
	assert_int_equal(seal_pack(parcel, &seal, &bytes, &len), 0);
	assert_int_equal(seal_open(bytes, len, "key", &found, &opened), -EBADMSG);
	free(bytes);
	parcel_drop(parcel);
}

static void what_is_too_long_is_not_sealed(void **state)
{
	struct seal seal = {"key", 0, 0};
	char *body = malloc(SEAL_MAX + 1), *bytes;
	size_t len;
	(void)state;
	for (size_t i = 0; i < SEAL_MAX; i++)
		body[i] = (char)('a' + rand() % 26);
	body[SEAL_MAX] = '\0';
	struct parcel *parcel = make_parcel(body, NULL);
	assert_int_equal(seal_pack(parcel, &seal, &bytes, &len), -E2BIG);
	parcel_drop(parcel);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_answer_opens_to_the_same),
		cmocka_unit_test(a_link_that_would_begin_another_header_is_refused),
		cmocka_unit_test(what_is_too_long_is_not_sealed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
