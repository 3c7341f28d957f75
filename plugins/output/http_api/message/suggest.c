/*
 * Which of several names was meant.  Called when a request is refused, so never on the way of a
 * good one; tables have few names, and names over SUGGEST_MAX letters are not compared at all,
 * which bounds the work per candidate.
 *
 * The distance is optimal string alignment (Damerau-Levenshtein in which no part is edited twice):
 * a swap of two letters is the commonest slip of fingers and has to cost one, not two.
 */
#include "message/suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum { SUGGEST_MAX = 48, SUGGEST_FAR = 1000, SUGGEST_MIN_BEGINNING = 3 };

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned smaller = a < b ? a : b;
	return smaller < c ? smaller : c;
}

static bool same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Optimal string alignment, three rows at a time. */
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
			row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && same_letter(left[i - 1], right[j - 2]) &&
			    same_letter(left[i - 2], right[j - 1]) && higher[j - 2] + 1 < row[j])
				row[j] = higher[j - 2] + 1;
		}
	}
	return rows[n % 3][m];
}

bool suggest_nearer(const char *name, const char *candidate, unsigned *best)
{
	size_t n = strlen(name), m = strlen(candidate);
	unsigned distance = suggest_distance(name, candidate);
	if (n >= SUGGEST_MIN_BEGINNING && strncasecmp(name, candidate, n) == 0 && distance)
		distance = 1;
	if (distance >= *best || 3 * (size_t)distance > (n > m ? n : m))
		return false;
	*best = distance;
	return true;
}
