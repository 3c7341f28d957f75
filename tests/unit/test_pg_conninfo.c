/* What is given to libpq, and what would make it tell pieces of a password. */
#include <stddef.h>
#include <stdint.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_libpq_documents_is_taken),
		cmocka_unit_test(what_may_hold_a_piece_of_a_password_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
