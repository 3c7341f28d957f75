#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "registry_http.h"
#include "test.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void a_reference_says_where_its_image_comes_from(void **state)
{
	static const struct {
		const char *reference, *host, *repository, *tag;
	} names[] = {
		{"web", "registry-1.docker.io", "library/web", "latest"},
		{"web:2", "registry-1.docker.io", "library/web", "2"},
		{"docker.io/library/web", "registry-1.docker.io", "library/web", "latest"},
		{"someone/web:2", "registry-1.docker.io", "someone/web", "2"},
		{"localhost/web", "localhost", "web", "latest"},
		{"127.0.0.1:5000/shop/web:2", "127.0.0.1:5000", "shop/web", "2"},
		{"ghcr.io/a/b/c", "ghcr.io", "a/b/c", "latest"},
		{"[::1]:5000/web:2", "[::1]:5000", "web", "2"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct registry_name name;
		assert_true(registry_name_parse(names[i].reference, &name));
		assert_string_equal(name.host, names[i].host);
		assert_string_equal(name.repository, names[i].repository);
		assert_string_equal(name.tag, names[i].tag);
	}
}

static void what_is_in_no_registry_is_not_asked_for(void **state)
{
	static const char *const others[] = {"",
					     "web@sha256:" HEX,
					     "sha256:" HEX "@",
					     "ghcr.io/we b",
					     "ghcr.io/web?x=1",
					     "ghcr.io/web\r\nX: y",
					     "user@ghcr.io/web",
					     "ghcr.io/Web:1",
					     "ghcr.io/:1"};
	struct registry_name name;
	char too_long[700];
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(registry_name_parse(others[i], &name));
	for (size_t len = 200; len < sizeof(too_long); len += 50) {
		memset(too_long, 'a', len);
		too_long[len] = '\0';
		if (registry_name_parse(too_long, &name))
			assert_true(len < REGISTRY_REPOSITORY_MAX);
	}
}

static void only_this_machine_and_what_is_listed_is_spoken_to_plainly(void **state)
{
	static const char *const listed[] = {"registry.lan", "registry.lan:5000", NULL};
	static const char *const plain[] = {"localhost",        "localhost:5000", "127.0.0.1",
					    "127.1.2.3:80",     "[::1]:5000",     "registry.lan",
					    "registry.lan:5000"};
	static const char *const other[] = {"registry.lan:5001",  "localhost.example.org",
					    "127.example.org:80", "10.0.0.1",
					    "[::2]:5000",         "ghcr.io"};
	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_true(registry_is_plain(plain[i], listed));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(registry_is_plain(other[i], listed));
	assert_false(registry_is_plain("registry.lan", NULL));
}

static void a_challenge_is_read_with_its_quotes(void **state)
{
	char realm[REGISTRY_CHALLENGE_MAX], service[REGISTRY_CHALLENGE_MAX];
	(void)state;
	assert_true(registry_challenge_read(
		"Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
		"scope=\"repository:library/web:pull,push\"",
		realm, service));
	assert_string_equal(realm, "https://auth.docker.io/token");
	assert_string_equal(service, "registry.docker.io");
	assert_true(registry_challenge_read("bearer SERVICE=a,  Realm=https://b", realm, service));
	assert_string_equal(realm, "https://b");
	assert_string_equal(service, "a");
	assert_true(registry_challenge_read("Bearer realm=\"a\\\"b, c\"", realm, service));
	assert_string_equal(realm, "a\"b, c");
	assert_string_equal(service, "");
}

static void a_challenge_that_is_none_is_refused(void **state)
{
	char realm[REGISTRY_CHALLENGE_MAX], service[REGISTRY_CHALLENGE_MAX];
	char endless[REGISTRY_CHALLENGE_MAX + 100] = "Bearer realm=";
	static const char *const others[] = {
		"",
		"Bearer",
		"Basic realm=\"x\"",
		"Bearer x",
		"Bearer realm=\"x",
		"Bearer realm=\"\"",
		"Bearer =\"",
		"Bearer service=\"x\"",
		"Bearer realm=\"x\\",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(registry_challenge_read(others[i], realm, service));
	memset(endless + 13, 'x', sizeof(endless) - 14);
	endless[sizeof(endless) - 1] = '\0';
	assert_false(registry_challenge_read(endless, realm, service));
}

static void a_digest_is_exactly_that(void **state)
{
	(void)state;
	assert_true(registry_is_digest("sha256:" HEX));
	assert_false(registry_is_digest("sha256:" HEX "0"));
	assert_false(registry_is_digest("sha512:" HEX));
	assert_false(registry_is_digest("sha256:0123"));
	assert_false(registry_is_digest("sha256:" HEX "\n"));
	assert_false(registry_is_digest(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reference_says_where_its_image_comes_from),
		cmocka_unit_test(what_is_in_no_registry_is_not_asked_for),
		cmocka_unit_test(only_this_machine_and_what_is_listed_is_spoken_to_plainly),
		cmocka_unit_test(a_challenge_is_read_with_its_quotes),
		cmocka_unit_test(a_challenge_that_is_none_is_refused),
		cmocka_unit_test(a_digest_is_exactly_that),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
