/*
 * What may follow what on a command line, from the table of commands, so that no completion forgets
 * one.  packaging/completion/ adds how each shell asks.  Main thread; prints to stdout.
 */
#include "commands/completion.h"

#include <stdio.h>
#include <string.h>

#include "commands/command.h"

/* In single quotes, where only those have to be written otherwise. */
static void completion_quote(const char *text)
{
	putchar('\'');
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	putchar('\'');
}

/* ---- bash and zsh ---- */

static void completion_word(const char *dashes, const char *name, const char *help)
{
	char word[256];
	snprintf(word, sizeof(word), "%s%s:%s", dashes, name, help);
	putchar(' ');
	completion_quote(word);
}

static void completion_option_words(const struct command_option *options)
{
	for (; options && options->name; options++)
		completion_word("--", options->name, options->help);
}

static void completion_case(const struct command *command, const struct command_verb *verb)
{
	printf("\t'%s%s%s') printf '%%s\\n'", command->name, verb ? " " : "",
	       verb ? verb->name : "");
	if (verb)
		completion_option_words(verb->options);
	completion_option_words(command->options);
	printf(" ;;\n");
}

static void completion_values(const char *where, const struct command_option *options)
{
	for (; options && options->name; options++) {
		if (!options->argument)
			continue;
		printf("\t'%s --%s'", where, options->name);
		if (options->letter)
			printf(" | '%s -%c'", where, options->letter);
		printf(") echo '%s' ;;\n", options->argument);
	}
}

/* The commands, then the verbs of each. */
static void completion_print_words(const struct command *commands)
{
	printf("# The commands, then the verbs of each: word:help.\n_tallyd_words() {\n\tcase $1 "
	       "in\n"
	       "\t'') printf '%%s\\n'");
	for (const struct command *command = commands; command->name; command++)
		completion_word("", command->name, command->help);
	printf(" ;;\n");
	for (const struct command *command = commands; command->name; command++) {
		const struct command_verb *verb = command->verbs;
		if (!verb)
			continue;
		printf("\t'%s') printf '%%s\\n'", command->name);
		for (; verb->name; verb++)
			completion_word("", verb->name, verb->help);
		printf(" ;;\n");
	}
	printf("\tesac\n}\n");
}

static void completion_print_options(const struct command *commands)
{
	printf("\n# The options of each.\n_tallyd_options() {\n\tprintf '%%s\\n'");
	completion_option_words(command_global_options);
	printf("\n\tcase $1 in\n");
	for (const struct command *command = commands; command->name; command++) {
		const struct command_verb *verb = command->verbs;
		if (command->options)
			completion_case(command, NULL);
		for (; verb && verb->name; verb++)
			if (verb->options)
				completion_case(command, verb);
	}
	printf("\tesac\n}\n");
}

static void completion_print_values(const struct command *commands)
{
	printf("\n# What an option takes.\n_tallyd_value() {\n\tcase $1 in\n");
	for (const struct command *command = commands; command->name; command++) {
		const struct command_verb *verb = command->verbs;
		completion_values(command->name, command->options);
		for (; verb && verb->name; verb++) {
			char where[128];
			snprintf(where, sizeof(where), "%s %s", command->name, verb->name);
			completion_values(where, verb->options);
		}
	}
	for (const struct command_option *o = command_global_options; o->name; o++)
		if (o->argument)
			printf("\t*' --%s' | *' -%c') echo '%s' ;;\n", o->name, o->letter,
			       o->argument);
	printf("\tesac\n}\n");
}

static void completion_print_arguments(const struct command *commands)
{
	printf("\n# What each takes.\n_tallyd_arguments() {\n\tcase $1 in\n");
	for (const struct command *command = commands; command->name; command++) {
		const struct command_verb *verb = command->verbs;
		if (command->arguments)
			printf("\t'%s') echo '%s' ;;\n", command->name, command->arguments);
		for (; verb && verb->name; verb++)
			if (verb->arguments)
				printf("\t'%s %s') echo '%s' ;;\n", command->name, verb->name,
				       verb->arguments);
	}
	printf("\tesac\n}\n");
}

/* A function for each question: $1 is the command, or the command and its verb. */
void completion_print_shell(const struct command *commands)
{
	completion_print_words(commands);
	completion_print_options(commands);
	completion_print_values(commands);
	completion_print_arguments(commands);
}

/* ---- fish ---- */

/* "-x -a 'table ndjson'", "-r -F", "-x -a '(__tallyd_instances input)'" */
static void completion_fish_argument(const char *argument)
{
	if (argument[0] >= 'a' && argument[0] <= 'z' && strchr(argument, '|')) {
		printf(" -x -a '");
		for (; *argument; argument++)
			putchar(*argument == '|' ? ' ' : *argument);
		printf("'");
	} else if (strstr(argument, "FILE") || strstr(argument, "DIR")) {
		printf(" -r -F");
	} else if (strstr(argument, "PLUGIN")) {
		printf(" -x -a '(__tallyd_plugins)'");
	} else if (strstr(argument, "LEVEL")) {
		printf(" -x -a 'trace debug info notice warning error critical'");
	} else if (strstr(argument, "COMMAND")) {
		printf(" -x -a '(__tallyd_commands)'");
	} else if (strstr(argument, "INPUT")) {
		printf(" -x -a '(__tallyd_instances input)'");
	} else if (strstr(argument, "OUTPUT")) {
		printf(" -x -a '(__tallyd_instances output)'");
	} else if (strstr(argument, "INSTANCE")) {
		printf(" -x -a '(__tallyd_instances)'");
	} else {
		printf(" -x");
	}
}

static void completion_fish_options(const char *condition, const struct command_option *options)
{
	for (; options && options->name; options++) {
		printf("complete -c tallyd%s -l %s", condition, options->name);
		if (options->letter)
			printf(" -s %c", options->letter);
		if (options->argument)
			completion_fish_argument(options->argument);
		printf(" -d ");
		completion_quote(options->help);
		putchar('\n');
	}
}

static void completion_fish_word(const char *condition, const char *name, const char *help)
{
	printf("complete -c tallyd%s -a %s -d ", condition, name);
	completion_quote(help);
	putchar('\n');
}

static void completion_fish_verb(const struct command *command, const struct command_verb *verb)
{
	char condition[256];
	snprintf(condition, sizeof(condition), " -n '__tallyd_is \"%s%s%s\"'", command->name,
		 verb ? " " : "", verb ? verb->name : "");
	completion_fish_options(condition, verb ? verb->options : command->options);
	const char *arguments = verb ? verb->arguments : command->arguments;
	if (!arguments)
		return;
	printf("complete -c tallyd%s", condition);
	completion_fish_argument(arguments);
	putchar('\n');
}

void completion_print_fish(const struct command *commands)
{
	char condition[256];
	printf("function __tallyd_with_verbs\n    printf '%%s\\n'");
	for (const struct command *command = commands; command->name; command++)
		if (command->verbs)
			printf(" %s", command->name);
	printf("\nend\n\n");
	completion_fish_options("", command_global_options);
	for (const struct command *command = commands; command->name; command++) {
		const struct command_verb *verb = command->verbs;
		completion_fish_word(" -n '__tallyd_is \"\"'", command->name, command->help);
		if (!verb) {
			completion_fish_verb(command, NULL);
			continue;
		}
		snprintf(condition, sizeof(condition), " -n '__tallyd_is \"%s\"'", command->name);
		completion_fish_options(condition, command->options);
		for (; verb->name; verb++) {
			completion_fish_word(condition, verb->name, verb->help);
			completion_fish_verb(command, verb);
		}
	}
}
