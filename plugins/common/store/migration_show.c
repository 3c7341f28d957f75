/*
 * Reads the SQL of migrations as far as it must: where a statement ends, past comments, quoted
 * text, bodies of functions ($$ … $$) and of triggers (BEGIN … END).  It is our own SQL, so a tag
 * between the dollars or a comment in the middle of a word need not be known.
 */
#include "store/migration_show.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { SHOW_MOST = 76 };

/* Behind a comment, a quoted text or a body that begins here; else NULL. */
static const char *show_skip(const char *at)
{
	const char *end = NULL;
	if (strncmp(at, "--", 2) == 0)
		return at + strcspn(at, "\n");
	if (*at == '\'' || *at == '"') {
		end = strchr(at + 1, *at);
		return end ? end + 1 : at + strlen(at);
	}
	if (strncmp(at, "$$", 2) == 0) {
		end = strstr(at + 2, "$$");
		return end ? end + 2 : at + strlen(at);
	}
	return NULL;
}

/* A trigger's statements stand between its BEGIN and END, each with its semicolon. */
static bool show_is_trigger(const char *statement)
{
	return strncasecmp(statement, "create trigger", strlen("create trigger")) == 0;
}

static bool show_ends_body(const char *semicolon, const char *statement)
{
	const char *end = semicolon - strlen("end");
	return end > statement && strncasecmp(end, "end", strlen("end")) == 0;
}

void migration_statements(const char *sql, void (*each)(void *arg, const char *text, size_t len),
			  void *arg)
{
	const char *at = sql, *statement = NULL;
	while (*at) {
		const char *behind = show_skip(at);
		bool ends = *at == ';' && statement &&
			    (!show_is_trigger(statement) || show_ends_body(at, statement));
		if (!behind && !statement && !isspace((unsigned char)*at) && *at != ';')
			statement = at;
		if (ends) {
			each(arg, statement, strcspn(statement, "(;\n"));
			statement = NULL;
		}
		at = behind ? behind : at + 1;
	}
	if (statement)
		each(arg, statement, strcspn(statement, "(;\n"));
}

static void show_statement(void *arg, const char *text, size_t len)
{
	(void)arg;
	while (len > 0 && text[len - 1] == ' ')
		len--;
	if (len > SHOW_MOST)
		printf("      %.*s…\n", SHOW_MOST, text);
	else
		printf("      %.*s\n", (int)len, text);
}

static void show_count(void *arg, const char *text, size_t len)
{
	int *n = arg;
	(void)text;
	(void)len;
	(*n)++;
}

void migration_show(const struct migration *due)
{
	for (; due->version; due++) {
		int n = 0;
		migration_statements(due->sql, show_count, &n);
		printf("  would apply migration %s: %d statement%s\n", due->name, n,
		       n == 1 ? "" : "s");
		migration_statements(due->sql, show_statement, NULL);
	}
}
