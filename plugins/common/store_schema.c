#include "store_schema.h"

const struct schema_level_info schema_levels[N_LEVELS] = {
	[LEVEL_ROWS] = {"", 0, ""},
	[LEVEL_MINUTE] = {"_1min", INT64_C(60000000000), "1 minute"},
	[LEVEL_HOUR] = {"_1h", INT64_C(3600000000000), "1 hour"},
	[LEVEL_DAY] = {"_1d", INT64_C(86400000000000), "1 day"},
};

const char *const schema_parts[N_PARTS] = {"count", "sum",      "min", "max",
					   "last",  "increase", "span"};

uint32_t schema_n_parts(const struct tally_column *column)
{
	return column->role == TALLY_COUNTER ? N_PARTS : PART_INCREASE;
}
