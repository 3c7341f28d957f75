/* Every function of struct tally_buffer is wrapped, also one that is added later. */
#include <stddef.h>
#include <string.h>

#include "instance/buffer_calls.h"
#include "test.h"

typedef void function(void);

/* All members behind the numbers are pointers to functions. */
enum {
	FIRST = offsetof(struct tally_buffer, open_reader) / sizeof(function *),
	MEMBERS = sizeof(struct tally_buffer) / sizeof(function *),
	REQUIRED_END = offsetof(struct tally_buffer, scan) / sizeof(function *),
};

union members {
	struct tally_buffer buffer;
	function *functions[MEMBERS];
};

static void plugin_function(void)
{
}

static union members complete(void)
{
	union members plugin;
	memset(&plugin, 0, sizeof(plugin));
	plugin.buffer.size = sizeof(plugin.buffer);
	for (size_t i = FIRST; i < MEMBERS; i++)
		plugin.functions[i] = plugin_function;
	return plugin;
}

static union members wrapped(const union members *plugin)
{
	struct buffer_calls calls;
	union members ret;
	buffer_calls_init(&calls, &plugin->buffer, NULL, "buffer.test");
	ret.buffer = calls.calls;
	return ret;
}

static void every_function_has_a_wrapper(void **state)
{
	(void)state;
	union members plugin = complete(), calls = wrapped(&plugin);
	assert_int_equal(calls.buffer.size, sizeof(struct tally_buffer));
	for (size_t i = FIRST; i < MEMBERS; i++) {
		if (!calls.functions[i] || calls.functions[i] == plugin_function)
			fail_msg("the member at offset %zu has no wrapper in buffer_calls.c",
				 i * sizeof(function *));
		for (size_t j = FIRST; j < i; j++)
			assert_true(calls.functions[i] != calls.functions[j]);
	}
}

static void what_the_plugin_lacks_stays_null(void **state)
{
	(void)state;
	for (size_t i = REQUIRED_END; i < MEMBERS; i++) {
		union members plugin = complete();
		plugin.functions[i] = NULL;
		assert_null(wrapped(&plugin).functions[i]);
	}
}

static void what_an_older_struct_ends_before_stays_null(void **state)
{
	(void)state;
	for (size_t end = REQUIRED_END; end < MEMBERS; end++) {
		union members plugin = complete();
		plugin.buffer.size = (uint32_t)(end * sizeof(function *));
		union members calls = wrapped(&plugin);
		for (size_t i = FIRST; i < MEMBERS; i++)
			assert_int_equal(calls.functions[i] != NULL, i < end);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_has_a_wrapper),
		cmocka_unit_test(what_the_plugin_lacks_stays_null),
		cmocka_unit_test(what_an_older_struct_ends_before_stays_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
