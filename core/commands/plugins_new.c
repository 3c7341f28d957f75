/*
 * `tallyd plugins new NAME --kind KIND`: a folder with a plugin that can be built, tested and
 * loaded as it is, made from the files of sdk/templates/.
 *
 * Main thread.  Nothing that is there is overwritten: the folder must be new or empty.  A file that
 * cannot be written ends the command; what was written before it stays.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tallyd/plugin.h>

#include "base/cleanup.h"
#include "commands/checked.h"
#include "commands/plugins_more.h"
#include "commands/templates.h"
#include "plugin/declaration_names.h"

enum { NEW_NAME_MAX = 32 };

struct new_plugin {
	const char *name, *kind, *dir;
	bool cmake, make;
};

/* ---- Whether it can be made ---- */

static bool new_is_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
	return islower((unsigned char)name[0]) && !name[len] && len <= NEW_NAME_MAX;
}

/* The name is also that of the table that the example of an input declares. */
static int new_check_table(const char *name, struct error *error)
{
	static const struct tally_column columns[] = {{.name = "time", .type = TALLY_TIME}};
	const struct tally_table table = {
		.name = name, .columns = columns, .n_columns = 1, .kind = TALLY_SERIES};
	return declaration_check_table_names(&table, error);
}

static bool new_is_taken(const struct command_line *line, const char *name)
{
	auto_free char **names = NULL;
	size_t n = 0;
	bool taken = false;
	struct registry *registry = checked_registry(line);
	if (registry && registry_available(registry, &names, &n) == 0)
		for (size_t i = 0; i < n; i++)
			taken |= strcmp(names[i], name) == 0;
	registry_destroy(registry);
	return taken;
}

static int new_check_name(const struct command_line *line, const char *name)
{
	struct error error;
	if (!new_is_name(name)) {
		fprintf(stderr,
			"%s: not a name for a plugin: it begins with a small letter, goes on with "
			"small letters, digits and _, and has at most %d of them\n",
			name, NEW_NAME_MAX);
		return COMMAND_USAGE;
	}
	if (new_check_table(name, &error) < 0) {
		fprintf(stderr, "%s: not a name for a plugin with a table: %s\n", name, error.text);
		return COMMAND_USAGE;
	}
	if (new_is_taken(line, name)) {
		fprintf(stderr,
			"%s: there is a plugin of that name already (tallyd plugins info %s)\n",
			name, name);
		return COMMAND_USAGE;
	}
	return COMMAND_OK;
}

static int new_complain(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return COMMAND_FAILED;
}

static int new_folder(const char *path)
{
	if (mkdir(path, 0777) == 0)
		return COMMAND_OK;
	if (errno != EEXIST)
		return new_complain(path);
	DIR *dir = opendir(path);
	if (!dir)
		return new_complain(path);
	const struct dirent *entry;
	bool empty = true;
	while ((entry = readdir(dir)))
		empty &= strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			 strcmp(entry->d_name, ".git") == 0;
	closedir(dir);
	if (empty)
		return COMMAND_OK;
	fprintf(stderr, "%s: is not empty: choose another --dir\n", path);
	return COMMAND_FAILED;
}

/* ---- Files ---- */

/* @NAME@ and @KIND@ stand for what was asked for; a line that begins with @CMAKE@ or @MAKE@ is for
 * that way of building. */
static bool new_skips(const struct new_plugin *new, const char **line)
{
	if (strncmp(*line, "@CMAKE@", 7) == 0) {
		*line += 7;
		return !new->cmake;
	}
	if (strncmp(*line, "@MAKE@", 6) == 0) {
		*line += 6;
		return !new->make;
	}
	return false;
}

static void new_write_line(const struct new_plugin *new, FILE *file, const char *line, size_t len)
{
	for (const char *at = line; at < line + len;) {
		bool name = strncmp(at, "@NAME@", 6) == 0;
		bool kind = strncmp(at, "@KIND@", 6) == 0;
		if (name || kind)
			fputs(name ? new->name : new->kind, file);
		else
			fputc(*at, file);
		at += name || kind ? 6 : 1;
	}
}

static int new_write(const struct new_plugin *new, const char *template, const char *name)
{
	char path[PATH_MAX];
	const struct template *at = templates;
	while (at->path && strcmp(at->path, template) != 0)
		at++;
	snprintf(path, sizeof(path), "%s/%s", new->dir, name);
	FILE *file = at->path ? fopen(path, "wxe") : NULL;
	if (!file)
		return new_complain(path);
	for (const char *line = at->text; *line;) {
		bool skip = new_skips(new, &line);
		size_t len = strcspn(line, "\n");
		len += line[len] == '\n';
		if (!skip)
			new_write_line(new, file, line, len);
		line += len;
	}
	bool wrong = ferror(file);
	if (fclose(file) != 0 || wrong)
		return new_complain(path);
	printf("  %s\n", path);
	return COMMAND_OK;
}

/* The text of a template's name, with the kind or the name in it. */
struct new_file {
	const char *template, *name;
	bool wanted;
};

static int new_write_all(const struct new_plugin *new)
{
	const struct new_file files[] = {
		{"plugin.c.in", "%s.c", true},
		{"test.c.in", "test_%s.c", true},
		{"conf.in", "conf.d/%s.conf", true},
		{"common/CMakeLists.txt.in", "CMakeLists.txt", new->cmake},
		{"common/Makefile.in", "Makefile", new->make},
		{"common/README.md.in", "README.md", true},
		{"common/gitignore.in", ".gitignore", true},
	};
	char folder[PATH_MAX];
	int r = new_folder(new->dir);
	snprintf(folder, sizeof(folder), "%s/conf.d", new->dir);
	if (r == COMMAND_OK)
		r = new_folder(folder);
	for (size_t i = 0; r == COMMAND_OK && i < sizeof(files) / sizeof(files[0]); i++) {
		char template[64], name[NEW_NAME_MAX + 16];
		const char *mark = strstr(files[i].name, "%s");
		snprintf(template, sizeof(template), "%s%s%s", mark ? new->kind : "",
			 mark ? "/" : "", files[i].template);
		snprintf(name, sizeof(name), "%.*s%s%s",
			 mark ? (int)(mark - files[i].name) : (int)strlen(files[i].name),
			 files[i].name, mark ? new->name : "", mark ? mark + 2 : "");
		if (files[i].wanted)
			r = new_write(new, template, name);
	}
	return r;
}

/* ---- The command ---- */

int plugins_new(const struct command_line *line)
{
	const char *dir = command_value(line, "dir"), *build = command_value(line, "build");
	const struct new_plugin new = {.name = line->argv[1],
				       .kind = command_value(line, "kind"),
				       .dir = dir ? dir : line->argv[1],
				       .cmake = !build || strcmp(build, "make") != 0,
				       .make = !build || strcmp(build, "cmake") != 0};
	if (!new.kind) {
		fprintf(stderr, "tallyd plugins new: --kind is missing: input, output or buffer\n");
		return COMMAND_USAGE;
	}
	if (strlen(new.dir) >= PATH_MAX - 2 * NEW_NAME_MAX) {
		fprintf(stderr, "tallyd plugins new: --dir: the path is too long\n");
		return COMMAND_USAGE;
	}
	int r = new_check_name(line, new.name);
	if (r != COMMAND_OK)
		return r;
	r = new_write_all(&new);
	if (r == COMMAND_OK)
		printf("\nBuild it and run its tests:\n  cd %s && %s\n", new.dir,
		       new.cmake ? "cmake -B build && cmake --build build && ctest --test-dir build"
				 : "make && make check");
	return r;
}
