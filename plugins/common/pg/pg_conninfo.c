/*
 * libpq reads it first.  What it then takes for a host, a port or a database may still be the rest
 * of a password: in postgresql://user:a/b@c@host/db the port is "a", or the host "c@host".  Called
 * when an instance is created, so that tallyd check finds it, and again before each connection,
 * since a secret's file may have changed.  It connects to nothing, and gives no reason but the one
 * advice.
 */
#include "pg/pg_conninfo.h"

#include <libpq-fe.h>
#include <stddef.h>
#include <string.h>

enum { PORT_DIGITS = 5 };

const char pg_conninfo_advice[] =
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
