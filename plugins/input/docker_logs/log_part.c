#include "log_part.h"

#include <string.h>

#include "rfc3339.h"

size_t log_part_time(const char *text, size_t len, int64_t *ret)
{
	size_t most = len < RFC3339_SIZE + 8 ? len : RFC3339_SIZE + 8;
	const char *blank = memchr(text, ' ', most);
	if (!blank || rfc3339_parse(text, (size_t)(blank - text), ret) < 0)
		return 0;
	return (size_t)(blank - text) + 1;
}
