/*
 * libpq reads it first.  What it then takes for a host, a port or a database may still be the rest
 * of a password: in postgresql://user:a/b@c@host/db the port is "a", or the host "c@host".  Called
 * when an instance is created, so that tallyd check finds it, and again before each connection,
 * since a secret's file may have changed.  It connects to nothing.
 */
#include "pg/pg_conninfo.h"

#include <libpq-fe.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"

enum { PORT_DIGITS = 5 };

static const char pg_conninfo_advice[] =
	"is not valid (it is not shown, since a password may be in it): in a URL %, /, ? and @ of "
	"a "
	"password are written %25, %2F, %3F and %40; in the other form, host=… dbname=…, a value "
	"with blanks or quotes stands between '…', with \\ before each ' and \\ in it";

static bool conninfo_is_ports(const char *ports)
{
	int digits = 0;
	for (; *ports; ports++) {
		digits = *ports == ',' ? 0 : digits + 1;
		if (!strchr("0123456789,", *ports) || digits > PORT_DIGITS)
			return false;
	}
	return true;
}

/* One that begins with @ is an abstract socket; in a URL it could be a password's end, too. */
static bool conninfo_is_hosts(const char *hosts, bool url)
{
	for (const char *at = hosts; (at = strchr(at, '@')); at++)
		if (url || (at > hosts && at[-1] != ','))
			return false;
	return true;
}

static bool conninfo_value_fits(const PQconninfoOption *option, bool url)
{
	if (!option->val)
		return true;
	if (strcmp(option->keyword, "port") == 0)
		return conninfo_is_ports(option->val);
	if (strcmp(option->keyword, "host") == 0 || strcmp(option->keyword, "hostaddr") == 0)
		return conninfo_is_hosts(option->val, url);
	if (strcmp(option->keyword, "dbname") == 0)
		return url ? !strchr(option->val, '@') : !strstr(option->val, "://");
	return true;
}

bool pg_conninfo_fits(const char *conninfo)
{
	PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
	bool fits = options != NULL;
	bool url = strncmp(conninfo, "postgresql://", strlen("postgresql://")) == 0 ||
		   strncmp(conninfo, "postgres://", strlen("postgres://")) == 0;
	for (const PQconninfoOption *option = options; fits && option->keyword; option++)
		fits = conninfo_value_fits(option, url);
	PQconninfoFree(options);
	return fits;
}

/* ---- What is wrong with it ---- */

enum { KEYWORD_SIZE = 32 };

/* The word that libpq quotes as a keyword which it does not know; false: it says something else. */
static bool conninfo_unknown(const char *conninfo, char ret[KEYWORD_SIZE])
{
	char *message = NULL;
	PQconninfoFree(PQconninfoParse(conninfo, &message));
	const char *quote = message ? strchr(message, '"') : NULL;
	bool keyword = message && (strstr(message, "invalid connection option") ||
				   strstr(message, "invalid URI query parameter"));
	size_t len = quote ? strspn(quote + 1, "abcdefghijklmnopqrstuvwxyz_") : 0;
	keyword = keyword && quote && len > 0 && len < KEYWORD_SIZE && quote[1 + len] == '"';
	if (keyword)
		snprintf(ret, KEYWORD_SIZE, "%.*s", (int)len, quote + 1);
	PQfreemem(message);
	return keyword;
}

static bool conninfo_near(const char *keyword, char ret[KEYWORD_SIZE])
{
	PQconninfoOption *options = PQconndefaults();
	unsigned best = SUGGEST_NEAR;
	bool found = false;
	for (const PQconninfoOption *option = options; option && option->keyword; option++)
		if (suggest_nearer(keyword, option->keyword, &best)) {
			snprintf(ret, KEYWORD_SIZE, "%s", option->keyword);
			found = true;
		}
	PQconninfoFree(options);
	return found;
}

/* In front of any password, and of any URL's userinfo, no word can be a piece of one. */
static bool conninfo_is_before_secrets(const char *conninfo, const char *keyword)
{
	const char *at = strstr(conninfo, keyword), *password = strstr(conninfo, "pass");
	return at && !strchr(conninfo, '@') && (!password || at < password);
}

const char *pg_conninfo_problem(const char *conninfo, char ret[PG_CONNINFO_PROBLEM_SIZE])
{
	char keyword[KEYWORD_SIZE], near[KEYWORD_SIZE];
	bool unknown = conninfo_unknown(conninfo, keyword);
	if (unknown && conninfo_near(keyword, near))
		snprintf(ret, PG_CONNINFO_PROBLEM_SIZE,
			 "has the keyword \"%s\", which libpq does not know; did you mean %s?",
			 keyword, near);
	else if (unknown && conninfo_is_before_secrets(conninfo, keyword))
		snprintf(ret, PG_CONNINFO_PROBLEM_SIZE,
			 "has the keyword \"%s\", which libpq does not know", keyword);
	else
		snprintf(ret, PG_CONNINFO_PROBLEM_SIZE, "%s", pg_conninfo_advice);
	return ret;
}
