/*
 * Called by dispatch.c, on the main thread before there is another.  Options may stand anywhere:
 * before the command, between it and its verb, among its arguments; "--" ends them.  One that both
 * the command and the daemon know (plugins test has a --config of its own) is the command's when it
 * comes after its name.
 *
 * Whatever is wrong is said in one line with the likeliest remedy, and in a second one where to
 * read more.
 */
#include "commands/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/text.h"

const struct command_option command_global_options[] = {
	{"config", 'c', "FILE|DIR", "the configuration; default " TALLYD_SYSCONFDIR "/tallyd.conf"},
	{"plugins", 'p', "DIR", "where plugins are, instead of the configured folders"},
	{"help", 'h', NULL, "how this command is used"},
	{"version", 'V', NULL, "the versions of the daemon and its plugin ABI"},
	{0},
};

const struct command *command_find(const struct command *commands, const char *name)
{
	for (; commands->name; commands++)
		if (strcmp(commands->name, name) == 0)
			return commands;
	return NULL;
}

struct arguments {
	struct command_line *line;
	int argc, at;
	char **argv;
	bool ended; /* "--" was there */
};

/* ---- What is wrong ---- */

static void arguments_name(const struct command_line *line)
{
	fprintf(stderr, "tallyd%s%s%s%s: ", line->command ? " " : "",
		line->command ? line->command->name : "", line->verb ? " " : "",
		line->verb ? line->verb->name : "");
}

static int arguments_more(const struct command_line *line)
{
	fprintf(stderr, "try: tallyd help%s%s%s%s\n", line->command ? " " : "",
		line->command ? line->command->name : "", line->verb ? " " : "",
		line->verb ? line->verb->name : "");
	return COMMAND_USAGE;
}

/* ---- Which option it is ---- */

static const struct command_option *arguments_in(const struct command_option *options,
						 const char *name, size_t len)
{
	for (; options && options->name; options++)
		if (len == 1 ? options->letter == *name
			     : strlen(options->name) == len &&
				       strncmp(options->name, name, len) == 0)
			return options;
	return NULL;
}

/* A letter, or a name of two and more.  Before the verb is known any verb may own it. */
static const struct command_option *arguments_find(const struct command_line *line,
						   const char *name, size_t len)
{
	const struct command_option *found = NULL;
	const struct command *command = line->command;
	const struct command_verb *verb = command ? command->verbs : NULL;
	if (line->verb)
		found = arguments_in(line->verb->options, name, len);
	if (!found && command)
		found = arguments_in(command->options, name, len);
	for (; !found && !line->verb && verb && verb->name; verb++)
		found = arguments_in(verb->options, name, len);
	return found ? found : arguments_in(command_global_options, name, len);
}

static const char *arguments_near(const struct command_option *options, const char *name,
				  unsigned *best, const char *so_far)
{
	for (; options && options->name; options++)
		if (suggest_nearer(name, options->name, best))
			so_far = options->name;
	return so_far;
}

static int arguments_unknown(const struct command_line *line, const char *dashes, const char *name)
{
	unsigned best = SUGGEST_NEAR;
	const char *near = NULL;
	if (line->verb)
		near = arguments_near(line->verb->options, name, &best, near);
	if (line->command)
		near = arguments_near(line->command->options, name, &best, near);
	const struct command_verb *verb = line->command ? line->command->verbs : NULL;
	for (; verb && verb->name && !line->verb; verb++)
		near = arguments_near(verb->options, name, &best, near);
	near = arguments_near(command_global_options, name, &best, near);
	arguments_name(line);
	fprintf(stderr, "unknown option %s%s", dashes, name);
	if (near)
		fprintf(stderr, "; did you mean --%s?", near);
	fputc('\n', stderr);
	return arguments_more(line);
}

/* ---- Its value ---- */

bool arguments_is_choice(const char *argument)
{
	return strchr(argument, '|') && argument[0] >= 'a' && argument[0] <= 'z';
}

/* "a|b|c" as "a, b or c". */
static void arguments_print_choice(const char *argument)
{
	const char *last = strrchr(argument, '|');
	for (; *argument; argument++)
		if (*argument != '|')
			fputc(*argument, stderr);
		else
			fputs(argument == last ? " or " : ", ", stderr);
}

static bool arguments_is_in(const char *choice, const char *value)
{
	size_t len = strlen(value);
	while (*choice) {
		size_t n = strcspn(choice, "|");
		if (n == len && strncmp(choice, value, n) == 0)
			return true;
		choice += n + (choice[n] == '|');
	}
	return false;
}

static bool arguments_in_range(const char *range, const char *value)
{
	int64_t n;
	long long least = strtoll(range, NULL, 10);
	long long most = strtoll(strstr(range, "..") + 2, NULL, 10);
	return text_parse_int(value, &n) == 0 && n >= least && n <= most;
}

static int arguments_check_value(const struct command_line *line,
				 const struct command_option *option, const char *value)
{
	const char *argument = option->argument;
	bool range = argument[0] >= '0' && argument[0] <= '9' && strstr(argument, "..");
	if (arguments_is_choice(argument) && !arguments_is_in(argument, value)) {
		arguments_name(line);
		fprintf(stderr, "--%s: \"%s\" is not ", option->name, value);
		arguments_print_choice(argument);
		fputc('\n', stderr);
		return arguments_more(line);
	}
	if (range && !arguments_in_range(argument, value)) {
		const char *dots = strstr(argument, "..");
		arguments_name(line);
		fprintf(stderr, "--%s: \"%s\" is not a number from %.*s to %s\n", option->name,
			value, (int)(dots - argument), argument, dots + 2);
		return arguments_more(line);
	}
	return COMMAND_OK;
}

/* The daemon's own options take effect here; a command asks for its own by name. */
static int arguments_take(struct command_line *line, const struct command_option *option,
			  const char *value)
{
	bool global = false;
	for (const struct command_option *o = command_global_options; o->name; o++)
		global |= o == option;
	if (global && strcmp(option->name, "config") == 0)
		line->config_path = value;
	else if (global && strcmp(option->name, "plugins") == 0)
		line->plugin_dir = value;
	else if (global && strcmp(option->name, "help") == 0)
		line->help = true;
	else if (global && strcmp(option->name, "version") == 0)
		line->version = true;
	else if (line->n_given == COMMAND_OPTIONS_MOST) {
		fprintf(stderr, "tallyd: too many options\n");
		return COMMAND_USAGE;
	} else
		line->given[line->n_given++] = (struct command_given){option, value};
	return COMMAND_OK;
}

/* inline_value: behind the = or the letter; NULL: the next word is it. */
static int arguments_option(struct arguments *arguments, const struct command_option *option,
			    const char *inline_value)
{
	struct command_line *line = arguments->line;
	if (!option->argument && inline_value) {
		arguments_name(line);
		fprintf(stderr, "--%s takes no value\n", option->name);
		return arguments_more(line);
	}
	if (!option->argument)
		return arguments_take(line, option, "");
	if (!inline_value && arguments->at >= arguments->argc) {
		arguments_name(line);
		fprintf(stderr, "--%s needs a value: %s\n", option->name, option->argument);
		return arguments_more(line);
	}
	const char *value = inline_value ? inline_value : arguments->argv[arguments->at++];
	int r = arguments_check_value(line, option, value);
	return r == COMMAND_OK ? arguments_take(line, option, value) : r;
}

static int arguments_long(struct arguments *arguments, const char *name)
{
	size_t len = strcspn(name, "=");
	const struct command_option *option =
		len > 1 ? arguments_find(arguments->line, name, len) : NULL;
	if (option)
		return arguments_option(arguments, option, name[len] ? name + len + 1 : NULL);
	char whole[64];
	snprintf(whole, sizeof(whole), "%.*s", (int)len, name);
	return arguments_unknown(arguments->line, "--", whole);
}

/* -hV is two of them, -cFILE one with its value. */
static int arguments_short(struct arguments *arguments, const char *letters)
{
	int r = COMMAND_OK;
	for (; *letters && r == COMMAND_OK; letters++) {
		const struct command_option *option = arguments_find(arguments->line, letters, 1);
		char letter[] = {*letters, '\0'};
		if (!option)
			return arguments_unknown(arguments->line, "-", letter);
		if (option->argument)
			return arguments_option(arguments, option, letters[1] ? letters + 1 : NULL);
		r = arguments_option(arguments, option, NULL);
	}
	return r;
}

/* ---- The words ---- */

static int arguments_command(struct command_line *line, const char *name)
{
	const char *near = NULL;
	unsigned best = SUGGEST_NEAR;
	line->command = command_find(line->commands, name);
	if (line->command)
		return COMMAND_OK;
	for (const struct command *command = line->commands; command->name; command++)
		if (suggest_nearer(name, command->name, &best))
			near = command->name;
	fprintf(stderr, "tallyd: unknown command \"%s\"", name);
	if (near)
		fprintf(stderr, "; did you mean %s?", near);
	fputc('\n', stderr);
	return arguments_more(line);
}

static int arguments_verb(struct command_line *line, const char *name)
{
	const char *near = NULL;
	unsigned best = SUGGEST_NEAR;
	const struct command_verb *verb = line->command->verbs;
	while (verb->name && strcmp(verb->name, name) != 0)
		verb++;
	if (verb->name) {
		line->verb = verb;
		return COMMAND_OK;
	}
	for (verb = line->command->verbs; verb->name; verb++)
		if (suggest_nearer(name, verb->name, &best))
			near = verb->name;
	fprintf(stderr, "tallyd %s: unknown command \"%s\"", line->command->name, name);
	if (near)
		fprintf(stderr, "; did you mean %s?", near);
	fputc('\n', stderr);
	return arguments_more(line);
}

/* The first word is the command, the next one its verb, where it has some. */
static int arguments_word(struct command_line *line, const char *word)
{
	if (!line->command)
		return arguments_command(line, word);
	if (line->command->verbs && !line->verb)
		return arguments_verb(line, word);
	return COMMAND_OK;
}

struct arguments_range arguments_count(const char *arguments)
{
	struct arguments_range range = {0, 0};
	const char *at = arguments ? arguments : "";
	while (*at) {
		size_t len = strcspn(at, " ");
		bool many = memmem(at, len, "...", 3) != NULL;
		range.most = many ? 1000 : range.most + 1;
		range.least += *at != '[';
		at += len + strspn(at + len, " ");
	}
	return range;
}

static int arguments_check_count(const struct command_line *line)
{
	const char *wanted = line->verb ? line->verb->arguments : line->command->arguments;
	struct arguments_range range = arguments_count(wanted);
	int words = line->argc - (line->verb != NULL && line->argc > 0);
	if (line->command->verbs && !line->verb) {
		arguments_name(line);
		fprintf(stderr, "what?");
		for (const struct command_verb *verb = line->command->verbs; verb->name; verb++)
			fprintf(stderr, " %s%s", verb->name, verb[1].name ? "," : "\n");
		return arguments_more(line);
	}
	if (words >= range.least && words <= range.most)
		return COMMAND_OK;
	arguments_name(line);
	if (range.most == 0)
		fprintf(stderr, "takes no arguments, and there is \"%s\"\n",
			line->argv[line->argc - words]);
	else if (words < range.least)
		fprintf(stderr, "arguments are missing: %s\n", wanted);
	else
		fprintf(stderr, "\"%s\" is one argument too many; there may be %s\n",
			line->argv[line->argc - words + range.most], wanted);
	return arguments_more(line);
}

/* An option that stood before the verb may have been found with another verb. */
static int arguments_settle(struct command_line *line)
{
	for (size_t i = 0; line->verb && i < line->n_given; i++) {
		const char *name = line->given[i].option->name;
		const struct command_option *option = arguments_find(line, name, strlen(name));
		if (!option || !option->argument != !line->given[i].option->argument)
			return arguments_unknown(line, "--", name);
		line->given[i].option = option;
	}
	return COMMAND_OK;
}

/* ---- All of it ---- */

int arguments_read(int argc, char **argv, struct command_line *ret)
{
	struct arguments arguments = {.line = ret, .argc = argc, .at = 1, .argv = argv};
	int words = 0, r = COMMAND_OK;
	while (r == COMMAND_OK && arguments.at < argc) {
		char *word = argv[arguments.at++];
		if (arguments.ended || word[0] != '-' || !word[1]) {
			r = arguments_word(ret, word);
			argv[1 + words++] = word; /* never in front of what is still to be read */
		} else if (strcmp(word, "--") == 0) {
			arguments.ended = true;
		} else {
			r = word[1] == '-' ? arguments_long(&arguments, word + 2)
					   : arguments_short(&arguments, word + 1);
		}
	}
	ret->argv = argv + 1 + (words > 0); /* behind the command's name */
	ret->argc = words - (words > 0);
	if (r != COMMAND_OK || ret->help || ret->version)
		return r;
	if (!ret->command)
		ret->command = command_find(ret->commands, "run");
	if (ret->command->first_verb && !ret->verb)
		ret->verb = ret->command->verbs;
	r = arguments_settle(ret);
	return r == COMMAND_OK ? arguments_check_count(ret) : r;
}

const char *command_value(const struct command_line *line, const char *option)
{
	const char *value = NULL;
	for (size_t i = 0; i < line->n_given; i++)
		if (strcmp(line->given[i].option->name, option) == 0)
			value = line->given[i].value;
	return value;
}

long long command_number(const struct command_line *line, const char *option, long long fallback)
{
	const char *value = command_value(line, option);
	return value ? strtoll(value, NULL, 10) : fallback;
}
