/*
 * `tallyd help`, `tallyd help COMMAND [WORD]` and --help, and the same as a chapter of tallyd(8)
 * (--format markdown, packaging/man/): all from the table of commands.  Main thread; writing errors
 * stay with stdout.
 */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "commands/command.h"
#include "commands/completion.h"

enum { HELP_COLUMNS = 80 };

static const struct help_exit {
	int code;
	const char *means, *remedy;
} help_exits[] = {
#define HELP_EXIT(name, code, means, remedy) {code, means, remedy},
	COMMAND_EXITS(HELP_EXIT)
#undef HELP_EXIT
};
enum { HELP_EXITS = sizeof(help_exits) / sizeof(help_exits[0]) };

/* ---- Texts ---- */

/* Wrapped at blanks, every line after the first indented as the first one is by its caller. */
static void help_wrap(const char *text, int indent)
{
	int column = indent;
	while (*text) {
		int len = (int)strcspn(text, " ");
		if (column > indent && column + 1 + len > HELP_COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", len, text);
		column += len;
		text += len + (int)strspn(text + len, " ");
	}
	putchar('\n');
}

static void help_option(const struct command_option *option)
{
	enum { INDENT = 28 };
	char head[160];
	int len = snprintf(head, sizeof(head), "  %c%c%s--%s%s%s", option->letter ? '-' : ' ',
			   option->letter ? option->letter : ' ', option->letter ? ", " : "  ",
			   option->name, option->argument ? " " : "",
			   option->argument ? option->argument : "");
	printf("%s%*s", head, len < INDENT - 1 ? INDENT - len : 2, "");
	if (len >= INDENT - 1)
		printf("\n%*s", INDENT, "");
	help_wrap(option->help, INDENT);
}

static void help_options(const struct command_option *options)
{
	for (; options && options->name; options++)
		help_option(options);
}

/* "tallyd db refresh FROM TO [INSTANCE]" */
static void help_synopsis(const struct command *command, const struct command_verb *verb)
{
	const char *arguments = verb ? verb->arguments : command->arguments;
	const struct command_option *options =
		verb && verb->options ? verb->options : command->options;
	printf("tallyd %s%s%s%s%s", command->name, verb ? " " : "", verb ? verb->name : "",
	       arguments ? " " : "", arguments ? arguments : "");
	size_t n = 0;
	while (options && options[n].name)
		n++;
	for (size_t i = 0; n <= 3 && i < n; i++)
		printf(" [--%s%s%s]", options[i].name, options[i].argument ? " " : "",
		       options[i].argument ? options[i].argument : "");
	printf("%s\n", n > 3 ? " [OPTION...]" : "");
}

/* ---- Of all commands ---- */

static void help_commands(const struct command *commands)
{
	printf("usage: tallyd [-c FILE|DIR] [-p DIR] [COMMAND]\n\n");
	for (const struct command *command = commands; command->name; command++) {
		const struct command_verb *verb = command->verbs;
		printf("  %s%s%s", command->name, command->arguments ? " " : "",
		       command->arguments ? command->arguments : "");
		for (; verb && verb->name; verb++)
			printf("%s%s", verb == command->verbs ? " " : "|", verb->name);
		printf("\n      ");
		help_wrap(command->help, 6);
	}
}

static void help_all(const struct command *commands)
{
	help_commands(commands);
	printf("\noptions, before or after the command\n");
	help_options(command_global_options);
	printf("\n"
	       "tallyd help COMMAND says more of one; tallyd config reference what can be "
	       "configured\n"
	       "\n"
	       "signals to a running daemon\n"
	       "  TERM, INT  stop after writing waiting rows, for at most drain_timeout;\n"
	       "             a second one stops at once\n"
	       "  HUP        reload the configuration and restart what has changed\n"
	       "  USR1       log the status of every instance and buffer\n"
	       "\n"
	       "exit codes\n");
	for (int i = 0; i < HELP_EXITS; i++) {
		printf("  %d  ", help_exits[i].code);
		help_wrap(help_exits[i].means, 5);
	}
}

/* ---- Of one ---- */

static void help_verb(const struct command *command, const struct command_verb *verb)
{
	printf("usage: ");
	help_synopsis(command, verb);
	printf("\n  ");
	help_wrap(verb->help, 2);
	if (command->about) {
		printf("\n  ");
		help_wrap(command->about, 2);
	}
	printf("\noptions\n");
	help_options(verb->options);
	help_options(command->options);
	help_options(command_global_options);
}

static void help_command(const struct command *command)
{
	const struct command_verb *verb = command->verbs;
	if (!verb) {
		printf("usage: ");
		help_synopsis(command, NULL);
	}
	for (; verb && verb->name; verb++) {
		printf("%s", verb == command->verbs ? "usage: " : "       ");
		help_synopsis(command, verb);
		printf("           ");
		help_wrap(verb->help, 11);
	}
	printf("\n  ");
	help_wrap(command->help, 2);
	if (command->about) {
		printf("\n  ");
		help_wrap(command->about, 2);
	}
	printf("\noptions\n");
	for (verb = command->verbs; verb && verb->name; verb++) {
		if (verb->options)
			printf(" of %s\n", verb->name);
		help_options(verb->options);
	}
	if (command->verbs)
		printf(" of all\n");
	help_options(command->options);
	help_options(command_global_options);
}

/* ---- As a chapter ---- */

static void help_markdown_verb(const struct command *command, const struct command_verb *verb)
{
	const struct command_option *options = verb ? verb->options : command->options;
	const char *arguments = verb ? verb->arguments : command->arguments;
	const char *help = verb ? verb->help : command->help;
	printf("\n**tallyd %s%s%s**%s%s%s\n: %c%s%s\n", command->name, verb ? " " : "",
	       verb ? verb->name : "", arguments ? " *" : "", arguments ? arguments : "",
	       arguments ? "*" : "", help[0] - 'a' + 'A', help + 1,
	       strchr(".?", help[strlen(help) - 1]) ? "" : ".");
	for (; options && options->name; options++)
		printf("\n    **\\-\\-%s**%s%s%s: %s.\n", options->name,
		       options->argument ? " *" : "", options->argument ? options->argument : "",
		       options->argument ? "*" : "", options->help);
}

static void help_markdown(const struct command *commands)
{
	printf("# COMMANDS\n");
	for (const struct command *command = commands; command->name; command++) {
		const struct command_verb *verb = command->verbs;
		if (!verb)
			help_markdown_verb(command, NULL);
		for (; verb && verb->name; verb++)
			help_markdown_verb(command, verb);
		if (command->about && command->verbs)
			printf("\n**tallyd %s**, all of them\n: %s\n", command->name,
			       command->about);
		else if (command->about)
			printf("\n    %s\n", command->about);
	}
	printf("\n# OPTIONS\n\nBefore or after the command:\n");
	for (const struct command_option *o = command_global_options; o->name; o++)
		printf("\n**-%c**, **\\-\\-%s**%s%s%s\n: %s.\n", o->letter, o->name,
		       o->argument ? " *" : "", o->argument ? o->argument : "",
		       o->argument ? "*" : "", o->help);
	printf("\n# EXIT STATUS\n");
	for (int i = 0; i < HELP_EXITS; i++)
		printf("\n%d\n: %s%s%s.\n", help_exits[i].code, help_exits[i].means,
		       *help_exits[i].remedy ? ": " : "", help_exits[i].remedy);
}

static void help_formatted(const struct command *commands, const char *format)
{
	if (strcmp(format, "markdown") == 0)
		help_markdown(commands);
	else if (strcmp(format, "shell") == 0)
		completion_print_shell(commands);
	else
		completion_print_fish(commands);
}

/* ---- The command ---- */

static int help_unknown(const struct command *commands, const char *name)
{
	unsigned best = SUGGEST_NEAR;
	const char *near = NULL;
	for (const struct command *command = commands; command->name; command++)
		if (suggest_nearer(name, command->name, &best))
			near = command->name;
	fprintf(stderr, "tallyd help: there is no command \"%s\"%s%s%s\n", name,
		near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	return COMMAND_USAGE;
}

static const struct command_verb *help_find_verb(const struct command *command, const char *name)
{
	const struct command_verb *verb = command->verbs;
	while (verb && verb->name && strcmp(verb->name, name) != 0)
		verb++;
	return verb && verb->name ? verb : NULL;
}

/* By --help, of whatever the line names so far; or by `help` and words. */
int command_help(const struct command_line *line)
{
	const struct command *command = line->command;
	const struct command_verb *verb = line->verb;
	if (!line->help) {
		const char *format = command_value(line, "format");
		if (format && strcmp(format, "text") != 0) {
			help_formatted(line->commands, format);
			return COMMAND_OK;
		}
		command = line->argc > 0 ? command_find(line->commands, line->argv[0]) : NULL;
		if (line->argc > 0 && !command)
			return help_unknown(line->commands, line->argv[0]);
		verb = line->argc > 1 ? help_find_verb(command, line->argv[1]) : NULL;
		if (line->argc > 1 && !verb) {
			fprintf(stderr, "tallyd help: %s has no \"%s\"\n", command->name,
				line->argv[1]);
			return COMMAND_USAGE;
		}
	}
	if (verb)
		help_verb(command, verb);
	else if (command)
		help_command(command);
	else
		help_all(line->commands);
	return COMMAND_OK;
}
