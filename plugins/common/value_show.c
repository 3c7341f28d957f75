/* See value_show.h. */
#include "value_show.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* What stands before a slash. */
static bool is_unit(const char *unit, const char *name)
{
	size_t len = strlen(name);
	return unit && strncmp(unit, name, len) == 0 && (!unit[len] || unit[len] == '/');
}

static const double show_hours = 2 * 3600; /* seconds from which on they are shown as hours */

static void show_bytes(double value, char *ret, size_t size)
{
	static const char *const units[] = {"", "Ki", "Mi", "Gi", "Ti"};
	unsigned unit = 0;
	while (fabs(value) >= 1024 && unit < 4) {
		value /= 1024;
		unit++;
	}
	snprintf(ret, size, "%.4g%s", value, units[unit]);
}

static void show(double value, const char *unit, char *ret, size_t size)
{
	if (is_unit(unit, "bytes"))
		show_bytes(value, ret, size);
	else if (is_unit(unit, "ns"))
		snprintf(ret, size, "%.4gs", value / (double)CLOCK_SECOND);
	else if (is_unit(unit, "s") && value >= show_hours)
		snprintf(ret, size, "%.3gh", value / 3600);
	else if (is_unit(unit, "s"))
		snprintf(ret, size, "%.4gs", value);
	else if (is_unit(unit, "percent"))
		snprintf(ret, size, "%.4g%%", value);
	else
		snprintf(ret, size, "%.6g", value);
}

void value_show(double value, const char *unit, char *ret, size_t size)
{
	const char *per = unit ? strchr(unit, '/') : NULL;
	char text[48];
	show(value, unit, text, sizeof(text));
	snprintf(ret, size, "%s%s", text, per ? per : "");
}
