/*
 * The commands, in the order in which `tallyd help` shows them.  Whoever adds one adds it here,
 * with all that it takes: what is not in this table is refused before the command is called.
 */
#include <stddef.h>

#include "commands/command.h"

#define COMMAND_JSON                                                                               \
	{                                                                                          \
		"json", 0, NULL, "as one JSON object, for programs"                                \
	}

static const struct command_option json_only[] = {COMMAND_JSON, {0}};

static const struct command_option status_options[] = {
	{"timeout", 0, "1..60", "seconds to wait for its answer; default 4"},
	COMMAND_JSON,
	{0},
};

static const struct command_option healthcheck_options[] = {
	{"live", 0, NULL, "only whether it answers, for what restarts a daemon that does not"},
	{"ready", 0, NULL, "what /readyz says, also without an HTTP API: do its stores answer?"},
	{"timeout", 0, "1..60", "seconds to wait for its answer; default 4"},
	COMMAND_JSON,
	{0},
};

static const struct command_verb config_verbs[] = {
	{"dump", NULL, "print the configuration in effect as a usable file", json_only},
	{"explain", "[INSTANCE]", "print each value with where it comes from and what it means",
	 json_only},
	{"reference", NULL, "print what every option of every plugin means, as Markdown", NULL},
	{0},
};

static const struct command_option plugins_new_options[] = {
	{"kind", 'k', "input|output|buffer", "what it is; required"},
	{"dir", 'd', "DIR", "where it is made; default: a folder of its name"},
	{"build", 'b', "cmake|make|both", "what it is built with; default both"},
	{0},
};

static const struct command_option plugins_test_options[] = {
	{"config", 'c', "FILE", "a configuration with a section for it, instead of an empty one"},
	{"kind", 'k', "input|output|buffer", "as what it is tested, if it is several"},
	{"timeout", 't', "1..600", "seconds that one call of it may take; default 20"},
	{"json", 'j', NULL, "as one JSON object, for programs"},
	{0},
};

static const struct command_option mark_options[] = {
	{"service", 's', "NAME",
	 "of this service, as the API has it: shop/web; default: of everything"},
	{0},
};

static const struct command_verb plugins_verbs[] = {
	{"list", NULL, "which plugins there are", json_only},
	{"info", "PLUGIN", "options, tables and metrics of one", json_only},
	{"check", "FILE.so", "would this file load, and does it declare what it should?", NULL},
	{"test", "FILE.so", "does this plugin keep to the rules of the ABI?", plugins_test_options},
	{"new", "NAME", "begin a plugin: a folder that builds, passes its tests and loads",
	 plugins_new_options},
	{0},
};

static const struct command_option once_options[] = {
	{"format", 'f', "table|ndjson", "how rows are printed; default table"},
	{"samples", 's', "1..1000", "how often each input gathers; default 1"},
	{0},
};

static const struct command_option migrate_options[] = {
	{"dry-run", 0, NULL, "show the migrations and tables that it would make; change nothing"},
	COMMAND_JSON,
	{0},
};

static const struct command_option db_copy_options[] = {
	{"from", 0, "OUTPUT", "the store that is read; required"},
	{"to", 0, "OUTPUT", "the store that is written, which must be empty; required"},
	{0},
};

static const struct command_verb db_verbs[] = {
	{"migrate", "[INSTANCE]", "create or change a database's tables", migrate_options},
	{"status", "[INSTANCE]", "show a database's tables, rollups, clock and compression",
	 json_only},
	{"check", "[INSTANCE]", "read every page of database files and spools; changes nothing",
	 json_only},
	{"confirm-clock", "[INSTANCE]",
	 "the clock is right after it jumped ahead: delete what is too old by it", NULL},
	{"refresh", "FROM TO [INSTANCE]",
	 "compute the rollups between two times (2026-11-23T16:00:00Z) again, after rows came "
	 "there by SQL",
	 NULL},
	{"copy", NULL, "copy all that one store holds into another, and compare it",
	 db_copy_options},
	{0},
};

static const struct command_option backup_options[] = {
	{"force", 0, NULL, "replace FILE, if there is one"},
	COMMAND_JSON,
	{0},
};

static const struct command_option restore_options[] = {
	{"force", 0, NULL, "replace the database, if there is one"},
	{"store-only", 0, NULL,
	 "leave it as it is where inputs resume and what they know of before"},
	COMMAND_JSON,
	{0},
};

/* Of tallyd-console, which reads them again (console/). */
#define COMMAND_API                                                                                \
	{"url", 0, "URL", "the API's address; default: that of the configuration"},                \
		{"token-file", 0, "FILE", "a file with a token for it"},                           \
	{                                                                                          \
		"cacert", 0, "FILE", "trust certificates that this one has signed"                 \
	}

static const struct command_option logs_options[] = {
	{"follow", 'f', NULL, "go on with new lines, without a hole or a line twice"},
	{"tail", 'n', "N", "the last N lines; default 100 without --since; at most 10000"},
	{"since", 0, "TIME", "lines from then on: 10m, 2h, or 2026-01-31T12:00:00Z"},
	{"level", 'l', "LEVEL", "only of this level; several: any of them"},
	{"search", 's', "TEXT", "only with this text; several: all of them"},
	{"project", 'p', "PROJECT", "only of this compose project"},
	{"host", 0, "HOST", "only of this host"},
	{"plain", 0, NULL, "the messages alone"},
	{"json", 0, NULL, "one JSON object a line, as the API has it"},
	{"color", 0, "always|never|auto", "default auto: on a terminal, unless NO_COLOR is set"},
	COMMAND_API,
	{0},
};

static const struct command_option diff_options[] = {
	{"at", 0, "TIME", "the last change until then: 10m (ago), 2026-01-31T12:00:00Z"},
	{"window", 0, "TIME", "how long before and after it is compared, 12s to 1d; default 1h"},
	{"json", 0, NULL, "the effect as the API has it"},
	{"color", 0, "always|never|auto", "default auto: on a terminal, unless NO_COLOR is set"},
	COMMAND_API,
	{0},
};

static const struct command_option top_options[] = {
	{"once", '1', NULL, "print the table once; so it does where there is no terminal"},
	{"json", 0, NULL, "print what the API says of them, once"},
	{"filter", 0, "TEXT", "only rows with these words, also state:exited, label:tier=web"},
	{"sort", 0, "name|state|health|cpu|mem|net|disk|up|image|project|host|note",
	 "by this column, default name; numbers from the largest on"},
	{"flat", 0, NULL, "not by compose project"},
	COMMAND_API,
	{0},
};

static const struct command_option alerts_list_options[] = {
	{"all", 'a', NULL, "also those that are over"},
	{"rule", 0, "NAME", "only of this rule, or of a pattern with * and ?"},
	{"json", 0, NULL, "what the API says of them"},
	COMMAND_API,
	{0},
};

static const struct command_option alerts_test_options[] = {
	{"from", 0, "TIME", "since when: 2h, 7d (ago), or 2026-01-31T12:00:00Z; default 1d"},
	{"to", 0, "TIME", "until when; default now"},
	{"json", 0, NULL, "one JSON object a line"},
	{0},
};

static const struct command_verb alerts_verbs[] = {
	{"list", NULL, "what fires and what is pending now, by the HTTP API; the default",
	 alerts_list_options},
	{"test", "NAME",
	 "when [alert.NAME] would have fired and been resolved, from the rows of its store",
	 alerts_test_options},
	{0},
};

static const struct command_option help_options[] = {
	{"format", 0, "text|markdown|shell|fish",
	 "all commands as text (default), as chapters of a manual, or for a shell's completion"},
	{0},
};

const struct command command_table[] = {
	{.name = "run",
	 .help = "collect until told to stop; the default command",
	 .about = "Runs in the foreground, for a service manager or a container, and logs to "
		  "stderr.",
	 .run = command_run},
	{.name = "check",
	 .help = "check the configuration; connects to nothing and changes nothing",
	 .about = "Prints every problem with its file and line. Warnings do not change the exit "
		  "code: what they are about works, and was hardly meant that way. Run it as the "
		  "daemon's user, since it also looks whether files can be read and written.",
	 .options = json_only,
	 .run = command_check},
	{.name = "status",
	 .help = "how the running daemon is: each buffer and instance, and what is wrong",
	 .about = "Asks through the socket in state_dir, so it needs the daemon's user, or root, "
		  "and no HTTP API.",
	 .options = status_options,
	 .run = command_status},
	{.name = "healthcheck",
	 .help = "is the running daemon healthy? One line says why not",
	 .about = "Healthy: it is ready, every instance runs, none is failing, every buffer takes "
		  "rows. 0: healthy; 4: it answers and is not; 1: no daemon answers in time. For "
		  "HEALTHCHECK of containers and for monitoring on the same machine; a load "
		  "balancer asks /readyz of the HTTP API. A store that is down makes it unhealthy, "
		  "and a restart does not mend that: what restarts containers asks with --live. "
		  "With --ready each store is asked now, also one that nothing is written to; 0: "
		  "all "
		  "answer, no input waits for a buffer, no file is missing.",
	 .options = healthcheck_options,
	 .run = command_healthcheck},
	{.name = "config",
	 .help = "show the configuration in effect, where each value comes from, or what there is",
	 .about = "Secrets are masked.",
	 .verbs = config_verbs,
	 .run = command_config},
	{.name = "plugins",
	 .help = "list plugins, describe one; check or test a file, begin a new one",
	 .verbs = plugins_verbs,
	 .run = command_plugins},
	{.name = "once",
	 .arguments = "[INPUT]",
	 .help = "gather once and print the rows; stores nothing",
	 .options = once_options,
	 .run = command_once},
	{.name = "db",
	 .help = "create or migrate a database's tables, show its status, check its files, copy it",
	 .about = "For every output (and spool) of the configuration, or the one named. Lines that "
		  "need an operator begin with a !.",
	 .verbs = db_verbs,
	 .run = command_db},
	{.name = "backup",
	 .arguments = "FILE [INSTANCE]",
	 .help = "copy an SQLite database into a file, also while the daemon writes it",
	 .about = "The file is of one moment, checked, and a database itself. With it go the small "
		  "files of state_dir that say where inputs resume; a spool does not. Where there "
		  "are several SQLite databases, INSTANCE names one.",
	 .options = backup_options,
	 .run = command_backup},
	{.name = "restore",
	 .arguments = "FILE [INSTANCE]",
	 .help = "put a backup in the place of an SQLite database; the daemon must be stopped",
	 .about = "Checks the backup before it replaces anything, and the copy after that. Inputs "
		  "resume where they were when the backup was made, and read again what their "
		  "sources still have. Run it as the daemon's user.",
	 .options = restore_options,
	 .run = command_restore},
	{.name = "top",
	 .help = "show the containers live in the terminal, by the HTTP API",
	 .about =
		 "State, health, CPU, memory, network, disk, by compose project; ? lists the keys. "
		 "TALLYD_URL, TALLYD_TOKEN, TALLYD_TOKEN_FILE and TALLYD_CACERT are the options' "
		 "defaults.",
	 .options = top_options,
	 .run = command_console},
	{.name = "logs",
	 .arguments = "[NAME...]",
	 .help = "show what containers printed, by the HTTP API; follow it with -f",
	 .about = "NAME is a container's name or the beginning of its id, a pattern with * and ?, "
		  "or a compose project; without one, all containers. The letter before a message "
		  "is its level: Trace Debug Info Notice Warning Error Critical. TALLYD_URL, "
		  "TALLYD_TOKEN, TALLYD_TOKEN_FILE and TALLYD_CACERT are the options' defaults.",
	 .options = logs_options,
	 .run = command_console},
	{.name = "diff",
	 .arguments = "SERVICE",
	 .help = "show what changed last about a service, and what that did, by the HTTP API",
	 .about = "SERVICE is as the API has it, shop/web. What it used and printed before and "
		  "after is compared, with a verdict for each: worse, better, no difference. "
		  "Restarts, full memory and failing health are counted as what came of it. "
		  "TALLYD_URL, TALLYD_TOKEN, TALLYD_TOKEN_FILE and TALLYD_CACERT are the options' "
		  "defaults.",
	 .options = diff_options,
	 .run = command_console},
	{.name = "alerts",
	 .help = "show what fires now; try a rule on the past",
	 .about = "test reads the store of the configuration and changes nothing, so a rule can be "
		  "tried before a daemon has it. TALLYD_URL, TALLYD_TOKEN, TALLYD_TOKEN_FILE and "
		  "TALLYD_CACERT are the defaults of the options of list.",
	 .verbs = alerts_verbs,
	 .first_verb = true,
	 .run = command_alerts},
	{.name = "mark",
	 .arguments = "TEXT",
	 .help = "set a mark beside the changes of containers, such as \"deploy 1.2.3\"",
	 .about =
		 "The marker is left in the folder markers of the state directory, for the input "
		 "markers of the daemon; whoever may write there may set markers. It waits until a "
		 "daemon runs.",
	 .options = mark_options,
	 .run = command_mark},
	{.name = "version",
	 .help = "print the versions of the daemon and its plugin ABI",
	 .options = json_only,
	 .run = command_version},
	{.name = "help",
	 .arguments = "[COMMAND] [WORD]",
	 .help = "how tallyd or one of its commands is used",
	 .options = help_options,
	 .run = command_help},
	{0},
};
