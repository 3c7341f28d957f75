/* See cgroup_pattern.h. */
#include "cgroup/cgroup_pattern.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char id_mark[] = "{id}", any_folders[] = "**";

/* ---- Patterns ---- */

static const char *split(struct cgroup_pattern *pattern)
{
	char *rest = NULL, *last = NULL;
	if (pattern->text[0] != '/')
		return "does not begin with a slash";
	for (char *part = strtok_r(pattern->text, "/", &rest); part;
	     part = strtok_r(NULL, "/", &rest)) {
		if (pattern->n == CGROUP_PARTS)
			return "has more than 16 names";
		pattern->parts[pattern->n++] = last = part;
	}
	char *mark = last ? strstr(last, id_mark) : NULL;
	if (!mark)
		return "has no {id} in its last name";
	*mark = '\0';
	pattern->suffix = mark + strlen(id_mark);
	return NULL;
}

const char *cgroup_patterns_init(struct cgroup_patterns *patterns, const char *const *list,
				 const char **ret_wrong)
{
	*patterns = (struct cgroup_patterns){0};
	for (; *list; list++) {
		*ret_wrong = *list;
		if (patterns->n == CGROUP_PATTERNS)
			return "is one more than the 16 that there may be";
		struct cgroup_pattern *pattern = &patterns->items[patterns->n++];
		pattern->text = strdup(*list);
		const char *problem = pattern->text ? split(pattern) : "does not fit into memory";
		if (problem)
			return problem;
	}
	return NULL;
}

void cgroup_patterns_done(struct cgroup_patterns *patterns)
{
	for (unsigned i = 0; i < patterns->n; i++)
		free(patterns->items[i].text);
	*patterns = (struct cgroup_patterns){0};
}

/* ---- Matching ---- */

static bool is_any(const struct cgroup_pattern *pattern, unsigned part)
{
	return strcmp(pattern->parts[part], any_folders) == 0;
}

/* Any folders may be none: so what comes behind them may come as well. */
static uint16_t with_none(const struct cgroup_pattern *pattern, uint16_t parts)
{
	for (unsigned i = 0; i + 1 < pattern->n; i++)
		if (parts & (1U << i) && is_any(pattern, i))
			parts |= (uint16_t)(1U << (i + 1));
	return parts;
}

struct cgroup_match cgroup_patterns_top(const struct cgroup_patterns *patterns)
{
	struct cgroup_match match = {0};
	for (unsigned i = 0; i < patterns->n; i++)
		match.parts[i] = with_none(&patterns->items[i], 1);
	return match;
}

bool cgroup_patterns_enter(const struct cgroup_patterns *patterns, const struct cgroup_match *above,
			   const char *name, struct cgroup_match *ret)
{
	bool any = false;
	*ret = (struct cgroup_match){0};
	for (unsigned i = 0; i < patterns->n; i++) {
		const struct cgroup_pattern *pattern = &patterns->items[i];
		for (unsigned part = 0; part + 1 < pattern->n; part++) {
			if (!(above->parts[i] & (1U << part)))
				continue;
			if (is_any(pattern, part))
				ret->parts[i] |= (uint16_t)(1U << part);
			else if (fnmatch(pattern->parts[part], name, 0) == 0)
				ret->parts[i] |= (uint16_t)(1U << (part + 1));
		}
		ret->parts[i] = with_none(pattern, ret->parts[i]);
		any |= ret->parts[i] != 0;
	}
	return any;
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The id is all the hex digits before the suffix. */
static bool name_has_id(const struct cgroup_pattern *pattern, const char *name,
			char ret_id[CRI_ID_SIZE])
{
	char prefix[NAME_MAX + 1];
	size_t len = strlen(name), suffix = strlen(pattern->suffix), begin;
	if (len < suffix || len > NAME_MAX || strcmp(name + len - suffix, pattern->suffix) != 0)
		return false;
	len -= suffix;
	for (begin = len; begin > 0 && is_hex(name[begin - 1]); begin--)
		;
	if (!cri_is_id(name + begin, len - begin))
		return false;
	snprintf(prefix, sizeof(prefix), "%.*s", (int)begin, name);
	if (fnmatch(pattern->parts[pattern->n - 1], prefix, 0) != 0)
		return false;
	snprintf(ret_id, CRI_ID_SIZE, "%.*s", (int)(len - begin), name + begin);
	return true;
}

bool cgroup_patterns_id(const struct cgroup_patterns *patterns, const struct cgroup_match *above,
			const char *name, char ret_id[CRI_ID_SIZE])
{
	for (unsigned i = 0; i < patterns->n; i++) {
		const struct cgroup_pattern *pattern = &patterns->items[i];
		if (above->parts[i] & (1U << (pattern->n - 1)) &&
		    name_has_id(pattern, name, ret_id))
			return true;
	}
	return false;
}
