/*
 * The reference page.  It holds nothing that depends on the machine it is made on, so that a test
 * can compare it byte by byte: no paths, and plugins in the order of their names within a kind.
 */
#include "commands/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "commands/describe.h"
#include "process/metrics.h"
#include "instance/plan.h"
#include "base/cleanup.h"

enum { REFERENCE_WORDS_SIZE = 512 };

static const char reference_head[] =
	"# Configuration\n"
	"\n"
	"Made by `tallyd config reference` from what the core and the plugins declare; do not "
	"edit.\n"
	"`tallyd check` tells every mistake with its file and line, `tallyd config explain` where "
	"each\n"
	"value comes from.\n"
	"\n"
	"## Files\n"
	"\n"
	"`-c` names a file or a folder; without it, `/etc/tallyd/tallyd.conf`. Of a file, the "
	"`*.conf`\n"
	"in the `conf.d` beside it are read after it, in the order of their names; of a folder,\n"
	"`tallyd.conf` and `conf.d/*.conf` in it, or just its `*.conf` if it has no `conf.d`. "
	"Hidden\n"
	"files and other endings are passed over. A file has 1 MiB at most, a line 4096 bytes.\n"
	"\n"
	"```ini\n"
	"; a comment, as with #\n"
	"[input.docker_stats]        ; KIND.PLUGIN; an empty section is an instance too\n"
	"interval = 5s               ; a comment, behind a blank and a ;\n"
	"\n"
	"[input.docker_stats:edge1]  ; a second instance of that plugin\n"
	"endpoint = tcp://edge1:2375\n"
	"```\n"
	"\n"
	"A value ends with its line, and indentation means nothing. No section and no key may "
	"stand\n"
	"twice.\n"
	"\n"
	"| type | written |\n"
	"|---|---|\n"
	"| duration | `500ms` `5s` `2min` (or `2m`) `1h` `7d` |\n"
	"| size | bytes: `512` `64Ki` `16Mi` `1Gi` |\n"
	"| yes or no | `yes` `no` `true` `false` `on` `off` |\n"
	"| list | words with commas or blanks between |\n"
	"| a buffer, store or cache | what stands behind its kind: `sqlite` is `[output.sqlite]`, "
	"`sqlite:archive` is `[output.sqlite:archive]` |\n"
	"\n"
	"In values, `${VAR}` is taken from the environment and must be set, `${VAR:-default}` need "
	"not\n"
	"be, `${VAR:?message}` says why it must; `$$` is a dollar. A secret is masked wherever it "
	"is\n"
	"shown; `KEY_file = PATH` takes it from the first line of a file.\n";

/* ---- Options ----------------------------------------------------------------- */

/* A help text as a sentence, in a cell, where a bar would end it.  A first word that is a name or
 * a value stays as it is. */
static void reference_sentence(const char *text)
{
	size_t len = strlen(text), word = strcspn(text, " :,_=./");
	char first = *text;
	if (text[word] == ' ' && first >= 'a' && first <= 'z')
		first -= 'a' - 'A';
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '|')
			putchar('\\');
		putchar(i ? text[i] : first);
	}
	if (len && !strchr(".!?", text[len - 1]))
		putchar('.');
}

static void reference_option(const struct tally_option *option, const char *fallback)
{
	char words[REFERENCE_WORDS_SIZE];
	describe_option(option, words, sizeof(words));
	printf("| `%s` | ", option->name);
	if (fallback && *fallback)
		printf("`%s`", fallback);
	else if (option->flags & TALLY_OPT_REQUIRED)
		printf("(required)");
	printf(" | ");
	printf("%s | ", words);
	reference_sentence(option->help);
	printf(" |\n");
}

static void reference_options_head(void)
{
	printf("\n| key | default | type | meaning |\n|---|---|---|---|\n");
}

static void reference_section(const struct tally_plugin *plugin, enum plan_kind kind)
{
	struct options_target targets[PLAN_TABLES];
	size_t n = plan_targets(kind, plugin, NULL, NULL, targets);
	reference_options_head();
	for (size_t i = n; i-- > 0;) {
		const struct tally_option *option = targets[i].options;
		char scratch[PLAN_FALLBACK_SIZE];
		for (; option && option->name; option++)
			reference_option(option, plan_fallback(kind, plugin, option, scratch));
	}
}

/* ---- Tables and metrics ------------------------------------------------------ */

static void reference_table(const struct tally_table *table)
{
	printf("\nTable `%s` (%s): ", table->name, describe_table_kind(table->kind));
	reference_sentence(table->help ? table->help : "");
	printf("\n\n| column | type | unit | meaning |\n|---|---|---|---|\n");
	for (uint32_t i = 0; i < table->n_columns; i++) {
		const struct tally_column *column = &table->columns[i];
		const char *role = describe_column_role(column->role);
		printf("| `%s` | %s%s%s | %s | ", column->name, describe_column_type(column->type),
		       *role ? ", " : "", role, column->unit ? column->unit : "");
		reference_sentence(column->help ? column->help : "");
		printf(" |\n");
	}
}

/* Metrics that differ in their labels only are one row, wherever they stand in the table. */
static bool reference_has_metric(const struct tally_plugin *plugin,
				 const struct tally_metric *metric)
{
	for (const struct tally_metric *before = plugin->metrics; before < metric; before++)
		if (strcmp(before->name, metric->name) == 0)
			return true;
	return false;
}

static void reference_metrics(const struct tally_plugin *plugin)
{
	const struct tally_metric *metric = plugin->metrics;
	if (metric && metric->name)
		printf("\n| metric | kind | labels | meaning |\n|---|---|---|---|\n");
	for (; metric && metric->name; metric++)
		if (!reference_has_metric(plugin, metric)) {
			char name[REFERENCE_WORDS_SIZE];
			metrics_declared_name(plugin->name, metric, name, sizeof(name));
			printf("| `%s` | %s | ", name,
			       metric->kind == TALLY_METRIC_COUNTER ? "counter" : "gauge");
			/* The keys in `endpoint="x",status="y"`. */
			for (const char *p = metric->labels; p; p = strstr(p, "\",")) {
				if (p > metric->labels)
					p += 2;
				printf("%s`%.*s`", p > metric->labels ? ", " : "",
				       (int)strcspn(p, "="), p);
			}
			printf(" | ");
			reference_sentence(metric->help);
			printf(" |\n");
		}
}

/* ---- The page ---------------------------------------------------------------- */

static void reference_plugin(const struct tally_plugin *plugin, enum plan_kind kind)
{
	printf("\n## [%s.%s]\n\n", plan_kind_name(kind), plugin->name);
	reference_sentence(plugin->help);
	putchar('\n');
	reference_section(plugin, kind);
	for (const struct tally_table *const *t = plugin->tables; t && *t; t++)
		reference_table(*t);
	reference_metrics(plugin);
}

int reference_print(struct registry *registry)
{
	auto_free char **names = NULL;
	size_t n = 0;
	if (registry_available(registry, &names, &n) < 0)
		return COMMAND_FAILED;
	auto_free const struct tally_plugin **plugins = calloc(n + 1, sizeof(*plugins));
	if (!plugins)
		return COMMAND_FAILED;
	int r = COMMAND_OK;
	for (size_t i = 0; i < n; i++) {
		struct error error;
		if (registry_plugin(registry, names[i], &plugins[i], &error) < 0) {
			fprintf(stderr, "%s\n", error.text);
			r = COMMAND_CONFIG;
		}
	}
	if (r != COMMAND_OK)
		return r;
	fputs(reference_head, stdout);
	printf("\n## [tallyd]\n");
	reference_options_head();
	for (const struct tally_option *option = plan_global_options; option->name; option++)
		reference_option(option, option->fallback);
	for (enum plan_kind kind = PLAN_INPUT; kind <= PLAN_OUTPUT; kind++) {
		for (size_t i = 0; i < n; i++) {
			if (plan_kind_fits(kind, plugins[i]))
				reference_plugin(plugins[i], kind);
		}
	}
	return COMMAND_OK;
}
