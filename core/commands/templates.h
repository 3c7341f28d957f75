/* The files of sdk/templates/, which CMake makes an array of: see plugins_new.c. */
#ifndef TALLYD_CORE_COMMANDS_TEMPLATES_H
#define TALLYD_CORE_COMMANDS_TEMPLATES_H

struct template
{
	const char *path; /* "input/plugin.c.in"; NULL: the end */
	const char *text;
};
extern const struct template templates[];

#endif
