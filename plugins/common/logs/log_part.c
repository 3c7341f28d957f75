/* See log_part.h.  Pure functions, called for each part that an engine or a CRI file brings. */
#include "logs/log_part.h"

#include <string.h>

#include "base/rfc3339.h"

enum { WHOLE_SECONDS = 19 }; /* the length of 2026-11-23T16:18:12 */

size_t log_part_time(const char *text, size_t len, int64_t *ret)
{
	size_t most = len < RFC3339_SIZE + 8 ? len : RFC3339_SIZE + 8;
	const char *blank = memchr(text, ' ', most);
	if (!blank || rfc3339_parse(text, (size_t)(blank - text), ret) < 0)
		return 0;
	return (size_t)(blank - text) + 1;
}

/* Of a text in front of which log_part_time() has found one. */
bool log_part_has_whole_seconds(const char *text)
{
	return text[WHOLE_SECONDS] != '.';
}

bool log_part_read(struct log_part *part, char *text, size_t len, size_t cut, char last)
{
	size_t used = log_part_time(text, len, &part->time);
	if (used == 0)
		return false;
	log_part_set_text(part, text + used, len - used, cut, last);
	part->seconds = part->cri = log_part_has_whole_seconds(text);
	if (part->cri)
		part->ends = len - used + cut > 0 && last == '\n';
	return true;
}
