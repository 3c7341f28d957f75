/* How a test tells a plugin what should go wrong: a word in a file. */
#ifndef TALLYD_TESTS_CONTROL_H
#define TALLYD_TESTS_CONTROL_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* False for control NULL. */
static inline bool control_says(const char *control, const char *word)
{
	char text[32] = "";
	FILE *file = control ? fopen(control, "r") : NULL;
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		text[0] = '\0';
	fclose(file);
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, word) == 0;
}

#endif
