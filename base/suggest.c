/*
 * Never on the way of a good request, and names over SUGGEST_MAX letters are not compared at all,
 * which bounds the work per candidate.  Nothing can fail.
 *
 * The distance is optimal string alignment (Damerau-Levenshtein in which no part is edited twice):
 * a swap of two letters is the commonest slip of fingers and has to cost one, not two.
 */
#include "base/suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { SUGGEST_MAX = 48, SUGGEST_FAR = 1000, SUGGEST_MIN_BEGINNING = 3 };

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Three rows at a time. */
unsigned suggest_distance(const char *left, const char *right)
{
	unsigned rows[3][SUGGEST_MAX + 1];
	size_t n = strlen(left), m = strlen(right);
	if (n > SUGGEST_MAX || m > SUGGEST_MAX)
		return SUGGEST_FAR;
	for (unsigned j = 0; j <= m; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= n; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i + 2) % 3],
			 *higher = rows[(i + 1) % 3];
		row[0] = i;
		for (unsigned j = 1; j <= m; j++) {
			unsigned same = same_letter(left[i - 1], right[j - 1]);
			row[j] = above[j - 1] + !same;
			if (above[j] + 1 < row[j])
				row[j] = above[j] + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			if (i > 1 && j > 1 && same_letter(left[i - 1], right[j - 2]) &&
			    same_letter(left[i - 2], right[j - 1]) && higher[j - 2] + 1 < row[j])
				row[j] = higher[j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

/* One is the beginning of the other: "warn", or "endpoint_file" where there is an endpoint. */
static bool begins(const char *left, size_t n, const char *right, size_t m)
{
	size_t shorter = n < m ? n : m;
	return shorter >= SUGGEST_MIN_BEGINNING && strncasecmp(left, right, shorter) == 0;
}

bool suggest_nearer(const char *name, const char *candidate, unsigned *best)
{
	size_t n = strlen(name), m = strlen(candidate);
	unsigned distance = suggest_distance(name, candidate);
	if (distance > 0 && distance < SUGGEST_FAR && begins(name, n, candidate, m))
		distance = 1;
	if (distance >= *best || 3 * (size_t)distance > (n > m ? n : m))
		return false;
	*best = distance;
	return true;
}

const char *suggest(const char *name, const char *const *candidates, size_t n)
{
	const char *found = NULL;
	unsigned best = SUGGEST_NEAR;
	for (size_t i = 0; i < n; i++)
		if (suggest_nearer(name, candidates[i], &best))
			found = candidates[i];
	return found;
}
