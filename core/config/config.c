/*
 * Finds the files, reads them whole (they are small), has them parsed in order and puts the pieces
 * together.  A file or folder that cannot be read is a problem like any other, and reading goes on,
 * so that one run shows all of them.
 */
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/config_builder.h"
#include "base/cleanup.h"

/* ---- Files ------------------------------------------------------------------- */

static void config_unread(struct config_builder *builder, const char *path, const char *why)
{
	builder->unread = true;
	problems_add(builder->problems, path, 0, "cannot be read: %s", why);
}

/* Opens a regular file of a bearable size.  O_NONBLOCK: a FIFO in its place would be waited for. */
static int config_open(struct config_builder *builder, const char *path, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		if (S_ISREG(st.st_mode) && st.st_size <= CONFIG_MAX_FILE) {
			*ret_size = (size_t)st.st_size;
			return fd;
		}
		const char *why = "it is larger than 1Mi";
		if (!S_ISREG(st.st_mode))
			why = S_ISDIR(st.st_mode) ? "it is a directory"
						  : "it is not a regular file";
		config_unread(builder, path, why);
	} else {
		config_unread(builder, path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Up to the size that fstat() gave: a file that grows meanwhile is cut there, and one that
 * shrinks is read as it is. */
static ssize_t config_read_all(int fd, char *ret, size_t size)
{
	size_t len = 0;
	while (len < size) {
		ssize_t n = read(fd, ret + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* Remembers the name and returns the copy that lives as long as the configuration. */
static const char *config_add_file(struct config_builder *builder, const char *path)
{
	const char **files = reallocarray(builder->files, builder->n_files + 1, sizeof(*files));
	char *name = arena_text(&builder->arena, path);
	if (files)
		builder->files = files;
	if (!files || !name) {
		builder->out_of_memory = true;
		return NULL;
	}
	files[builder->n_files++] = name;
	return name;
}

/* The name lives as long as the configuration, since messages point to it. */
static void config_read_file(struct config_builder *builder, const char *path)
{
	size_t size;
	auto_close int fd = config_open(builder, path, &size);
	if (fd < 0)
		return;
	auto_free char *text = malloc(size + 1);
	const char *name = config_add_file(builder, path);
	if (!text || !name) {
		builder->out_of_memory = true;
		return;
	}
	ssize_t len = config_read_all(fd, text, size);
	if (len < 0)
		config_unread(builder, path, strerror((int)-len));
	else
		config_parse_text(builder, name, text, (size_t)len);
}

/* ---- Folders ----------------------------------------------------------------- */

/* Hidden files and what editors leave behind (x.conf~, #x.conf#, x.conf.bak) do not count. */
static int config_is_conf(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');
	return entry->d_name[0] != '.' && dot && strcmp(dot, ".conf") == 0;
}

static int config_compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* In byte order of the names, which does not depend on the locale: 10-a before 9-b.  Returns how
 * many files there are. */
static int config_read_folder(struct config_builder *builder, const char *folder)
{
	struct dirent **entries = NULL;
	int n = scandir(folder, &entries, config_is_conf, config_compare);
	if (n < 0) {
		config_unread(builder, folder, strerror(errno));
		return n;
	}
	if (n > CONFIG_MAX_FILES)
		problems_add(builder->problems, folder, 0, "holds %d files; the limit is %d", n,
			     CONFIG_MAX_FILES);
	for (int i = 0; i < n; i++) {
		if (i < CONFIG_MAX_FILES) {
			const char *name = entries[i]->d_name;
			const char *path = arena_format(&builder->arena, "%s/%s", folder, name);
			if (path)
				config_read_file(builder, path);
			else
				builder->out_of_memory = true;
		}
		free(entries[i]);
	}
	free(entries);
	return n;
}

/* Is there anything of that name, even if it is of no use? */
static bool config_exists(const char *path)
{
	struct stat st;
	return lstat(path, &st) == 0 || errno != ENOENT;
}

/* A conf.d beside the file is optional; one that is there and cannot be read is a problem. */
static void config_read_beside(struct config_builder *builder, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) + 1 : 0;
	char *folder = arena_format(&builder->arena, "%.*sconf.d", (int)len, path);
	config_read_file(builder, path);
	if (!folder)
		builder->out_of_memory = true;
	else if (config_exists(folder))
		config_read_folder(builder, folder);
}

/* A trailing slash names the same folder, and must not end up in the names of files that
 * messages show. */
static void config_read_path(struct config_builder *builder, const char *path)
{
	struct stat st;
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	const char *trimmed = arena_copy(&builder->arena, path, len);
	if (!trimmed)
		builder->out_of_memory = true;
	else if (stat(trimmed, &st) == 0 && S_ISDIR(st.st_mode)) {
		const char *conf_d = arena_format(&builder->arena, "%s/conf.d", trimmed);
		const char *main_file = arena_format(&builder->arena, "%s/tallyd.conf", trimmed);
		if (!conf_d || !main_file) {
			builder->out_of_memory = true;
		} else if (config_exists(conf_d)) {
			if (config_exists(main_file))
				config_read_file(builder, main_file);
			config_read_folder(builder, conf_d);
		} else if (config_read_folder(builder, trimmed) == 0) {
			config_unread(builder, trimmed, "it holds no *.conf file");
		}
	} else
		config_read_beside(builder, trimmed);
}

/* ---- The whole --------------------------------------------------------------- */

struct config_memory {
	struct config config; /* first: what is handed out */
	struct config_builder builder;
};

/* Everything that a configuration points to lives in the arena of its builder and goes with it. */
static struct config_memory *config_begin(struct problems *problems)
{
	struct config_memory *memory = calloc(1, sizeof(*memory));
	if (!memory) {
		problems_add(problems, NULL, 0, "out of memory");
		return NULL;
	}
	memory->builder.problems = problems;
	memory->config.memory = memory;
	return memory;
}

void config_destroy(struct config *config)
{
	if (!config)
		return;
	struct config_memory *memory = config->memory;
	free(memory->builder.files);
	arena_done(&memory->builder.arena);
	free(memory);
}

/* partly: a configuration with problems is handed out all the same, unless a part of it is missing:
 * what refers to that part would look wrong without being so. */
static int config_end(struct config_memory *memory, size_t before, bool partly, struct config **ret)
{
	struct config_builder *builder = &memory->builder;
	if (builder->out_of_memory)
		problems_add(builder->problems, NULL, 0, "out of memory");
	int r = problems_count(builder->problems) > before ? -EINVAL : 0;
	if (r < 0 && (!partly || builder->unread || builder->out_of_memory)) {
		config_destroy(&memory->config);
		return r;
	}
	/* Sections counted their entries while both arrays still grew and moved; only now the
	 * entries have addresses to point at. */
	size_t first = 0;
	for (size_t i = 0; i < builder->n_sections; i++) {
		if (builder->sections[i].n_entries > 0)
			builder->sections[i].entries = &builder->entries[first];
		first += builder->sections[i].n_entries;
	}
	memory->config.sections = builder->sections;
	memory->config.n_sections = builder->n_sections;
	memory->config.files = builder->files;
	memory->config.n_files = builder->n_files;
	*ret = &memory->config;
	return r;
}

static int config_load_path(const char *path, bool partly, struct config **ret,
			    struct problems *problems)
{
	size_t before = problems_count(problems);
	struct config_memory *memory = config_begin(problems);
	if (!memory)
		return -EINVAL;
	config_read_path(&memory->builder, path);
	return config_end(memory, before, partly, ret);
}

int config_load(const char *path, struct config **ret, struct problems *problems)
{
	return config_load_path(path, false, ret, problems);
}

int config_read(const char *path, struct config **ret, struct problems *problems)
{
	return config_load_path(path, true, ret, problems);
}

int config_parse(const char *name, const char *text, size_t len, struct config **ret,
		 struct problems *problems)
{
	size_t before = problems_count(problems);
	struct config_memory *memory = config_begin(problems);
	if (!memory)
		return -EINVAL;
	const char *file = config_add_file(&memory->builder, name);
	if (file)
		config_parse_text(&memory->builder, file, text, len);
	return config_end(memory, before, false, ret);
}

bool config_is_rule(const struct config_section *section)
{
	return strncmp(section->name, section->kind, strlen(section->kind)) != 0;
}

const struct config_section *config_find(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_sections; i++) {
		if (strcmp(config->sections[i].name, name) == 0)
			return &config->sections[i];
	}
	return NULL;
}
