/* What is given to libpq, and what would make it tell pieces of a password. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "pg/pg_conninfo.h"
#include "test.h"

static void what_libpq_documents_is_taken(void **state)
{
	static const char *const all[] = {
		"",
		"host=db dbname=tally user=tallyd password=secret",
		"host=/run/postgresql port=5433 dbname=me@corp user=me@corp",
		"host=a,b,@abstract port=5432,,5433 dbname=tally target_session_attrs=any",
		"host=db password='two words' dbname=tally",
		"host=db password='it\\'s' dbname=tally",
		"host=db password=p@ss/word%2 dbname=tally",
		"postgresql://",
		"postgresql://tallyd:p%25%2F%3F%40ss@db:5433/tally?sslmode=require",
		"postgres://me%40corp@a:5432,b:5433,[::1]:5434/tally",
		"postgresql:///tally?host=/run/postgresql&user=me@corp&password=p@ss",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!pg_conninfo_fits(all[i]))
			fail_msg("refused: %s", all[i]);
}

static void what_may_hold_a_piece_of_a_password_is_refused(void **state)
{
	static const char *const all[] = {
		"tally",
		"host=db password=two words",
		"host=db password='two'words",
		"host=db password=two words=three",
		"host=db password='two words",
		"host=db port=secret",
		"host=db port=123456",
		"host=me:secret@db",
		"host=a,me:secret@b",
		"hostaddr=secret@127.0.0.1",
		"dbname=postgresql://me:secret@db/tally",
		"postgresql://me:sec%ret@db/tally",
		"postgresql://me:sec/ret@db/tally",
		"postgresql://me:12/ret@db/tally",
		"postgresql://me:/ret@db/tally",
		"postgresql://me:sec@ret@db/tally",
		"postgresql://me:sec@@db/tally",
		"postgresql://me:sec@re/t@db/tally",
		"postgresql://me:sec@re?t@db/tally",
		"postgresql://me:sec@re?t=t@db/tally",
		"postgresql://m/e:secret@db/tally",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (pg_conninfo_fits(all[i]))
			fail_msg("taken: %s", all[i]);
}

static void an_unknown_keyword_is_named_unless_it_may_be_a_piece_of_a_password(void **state)
{
	static const struct {
		const char *conninfo, *told;
	} all[] = {
		{"hots=db dbname=tally", "\"hots\", which libpq does not know; did you mean host?"},
		{"host=db password=x sslmod=require", "\"sslmod\", which libpq does not know; did"},
		{"host=db colour=blue password=x", "\"colour\", which libpq does not know"},
		{"host=db password=two words=three", "is not valid (it is not shown"},
		{"host=db password=two words", "is not valid (it is not shown"},
		{"postgresql://db/tally?colour=blue", "\"colour\", which libpq does not know"},
		{"postgresql://me:x@db/tally?sslmod=require", "did you mean sslmode?"},
		{"postgresql://me:sec@re?t=t@db/tally", "is not valid (it is not shown"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char problem[PG_CONNINFO_PROBLEM_SIZE];
		pg_conninfo_problem(all[i].conninfo, problem);
		if (!strstr(problem, all[i].told))
			fail_msg("%s: %s", all[i].conninfo, problem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_libpq_documents_is_taken),
		cmocka_unit_test(what_may_hold_a_piece_of_a_password_is_refused),
		cmocka_unit_test(
			an_unknown_keyword_is_named_unless_it_may_be_a_piece_of_a_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
