/*
 * Matching of `include` and `exclude`.  docker_create() checks the patterns once; docker_list.c
 * asks for each listed container and status_event.c for each event, on the instance's thread.  A
 * pattern is split each time: they are few and short, and parsed ones would need an owner.
 */
#include "docker/container_match.h"

#include <stdio.h>
#include <string.h>

#include "base/text_match.h"

enum match_kind { MATCH_NAME, MATCH_IMAGE, MATCH_LABEL, MATCH_STATE, MATCH_UNKNOWN };

enum { MATCH_KEY_SIZE = 256, MATCH_VALUE_SIZE = 1024 };

/* Where the kind ends and the glob begins. */
static enum match_kind split(const char *pattern, const char **ret_glob)
{
	static const char *const kinds[] = {"name=", "image=", "label=", "state="};
	for (int i = 0; i < MATCH_UNKNOWN; i++) {
		size_t len = strlen(kinds[i]);
		if (strncmp(pattern, kinds[i], len) == 0) {
			*ret_glob = pattern + len;
			return (enum match_kind)i;
		}
	}
	*ret_glob = pattern;
	/* Names of containers have no '=', so this is a kind that was misspelt. */
	return strchr(pattern, '=') ? MATCH_UNKNOWN : MATCH_NAME;
}

static const char *first_unknown(const char *const *patterns)
{
	const char *glob;
	for (; patterns && *patterns; patterns++)
		if (split(*patterns, &glob) == MATCH_UNKNOWN || !*glob)
			return *patterns;
	return NULL;
}

const char *match_check(const struct match *match)
{
	const char *unknown = first_unknown(match->include);
	return unknown ? unknown : first_unknown(match->exclude);
}

/* KEY or KEY=GLOB; the key is taken as it stands. */
static bool label_fits(const char *pattern, const struct match_subject *subject)
{
	char key[MATCH_KEY_SIZE], value[MATCH_VALUE_SIZE];
	size_t len = strcspn(pattern, "=");
	if (len >= sizeof(key) || !subject->label)
		return false;
	snprintf(key, sizeof(key), "%.*s", (int)len, pattern);
	if (!subject->label(subject->arg, key, value, sizeof(value)))
		return false;
	return !pattern[len] || text_fits(value, pattern + len + 1);
}

/* ret_kind: a bit of its own for each. */
static bool fits(const char *pattern, const struct match_subject *subject, unsigned *ret_kind)
{
	const char *glob;
	enum match_kind kind = split(pattern, &glob);
	*ret_kind = 1U << kind;
	switch (kind) {
	case MATCH_NAME:
		return text_fits(subject->name, glob);
	case MATCH_IMAGE:
		return text_fits(subject->image, glob);
	case MATCH_STATE:
		return text_fits(subject->state, glob);
	case MATCH_LABEL:
		return label_fits(glob, subject);
	case MATCH_UNKNOWN:
		break;
	}
	return false;
}

bool match_passes(const struct match *match, const struct match_subject *subject)
{
	unsigned named = 0, fitted = 0, kind;
	for (const char *const *p = match->exclude; p && *p; p++)
		if (fits(*p, subject, &kind))
			return false;
	for (const char *const *p = match->include; p && *p; p++) {
		if (fits(*p, subject, &kind))
			fitted |= kind;
		named |= kind;
	}
	/* Kinds are combined by AND, patterns of one kind by OR; without include both are 0. */
	return named == fitted;
}
