/*
 * In this order, since each step makes the next one safe: look at the file, load it, find
 * tally_plugin(), read the three numbers that guard its struct, copy the struct, check what it
 * declares.  A plugin that was refused stays in memory like one that was not: unmapping code is
 * what could crash us now.
 */
#include "plugin/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <ltdl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/crash.h"
#include "plugin/declaration.h"
#include "base/arena.h"

/* A struct of another size than ours is read through a copy, made once for each plugin. */
struct loader_plugin {
	struct loader_plugin *next;
	const struct tally_plugin *declared;
	char *path; /* for ever, like the code */
	struct tally_plugin copy;
};

static struct loader_plugin *loader_plugins;

int loader_init(struct error *error)
{
	if (lt_dlinit() == 0)
		return 0;
	return error_set(error, EIO, "cannot initialize libltdl: %s", lt_dlerror());
}

/* ---- The file ---------------------------------------------------------------- */

/* Whoever owns the daemon's own file is trusted already: a build that root runs for its owner. */
static bool loader_trusts(uid_t owner)
{
	struct stat self;
	if (owner == 0 || owner == geteuid())
		return true;
	return stat("/proc/self/exe", &self) == 0 && self.st_uid == owner;
}

/* The real file and not the link: whoever can replace the target can run code as well. */
static int loader_check_file(const char *path, struct error *error)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return error_set(error, errno, "%s: cannot be read: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(error, EINVAL,
				 "%s: not a regular file, but a plugin is a shared object", path);
	/* Whoever may write the file can run code as this daemon. */
	if (!loader_trusts(st.st_uid))
		return error_set(error, EPERM,
				 "%s: belongs to user %u, not to root or this daemon's user %u: "
				 "chown it if you trust it",
				 path, st.st_uid, geteuid());
	bool group = (st.st_mode & S_IWGRP) && st.st_gid != 0 && st.st_gid != getegid();
	if (group || (st.st_mode & S_IWOTH))
		return error_set(
			error, EPERM,
			"%s: others may write it (mode %04o): chmod go-w it if you trust it", path,
			st.st_mode & 07777);
	return 0;
}

/* ---- The shared object ------------------------------------------------------- */

/* libltdl binds lazily and tells little: an undefined symbol would only be found at the first call.
 * So dlopen() looks first, and what it loads stays loaded. */
static int loader_load_now(const char *path, struct error *error)
{
	size_t len = strlen(path);
	if (dlopen(path, RTLD_NOW | RTLD_LOCAL))
		return 0;
	const char *why = dlerror();
	if (!why)
		why = "no reason given";
	/* Mostly it begins with the path, which our message has already. */
	if (strncmp(why, path, len) == 0 && strncmp(why + len, ": ", 2) == 0)
		why += len + 2;
	if (strncmp(why, "undefined symbol", 16) == 0)
		return error_set(error, ENOEXEC,
				 "%s: %s: link it against the library that defines it", path, why);
	if (strstr(why, "cannot open shared object file"))
		return error_set(error, ENOEXEC, "%s: needs a library that is not installed: %s",
				 path, why);
	return error_set(error, ENOEXEC,
			 "%s: not a shared object for this machine (%s): rebuild it", path, why);
}

/* RTLD_LOCAL, so that two plugins may define the same symbols. */
static int loader_load(const char *path, lt_dlhandle *ret, struct error *error)
{
	lt_dladvise advise;
	if (lt_dladvise_init(&advise) != 0 || lt_dladvise_local(&advise) != 0)
		return error_set(error, ENOMEM, "%s: libltdl: %s", path, lt_dlerror());
	lt_dlhandle handle = lt_dlopenadvise(path, advise);
	lt_dladvise_destroy(&advise);
	if (!handle)
		return error_set(error, ENOEXEC, "%s: libltdl: %s", path, lt_dlerror());
	*ret = handle;
	return 0;
}

typedef const struct tally_plugin *loader_entry_fn(void);

/* The one symbol that a plugin must export; all else is reached through what it returns. */
static int loader_find_entry(const char *path, lt_dlhandle handle, loader_entry_fn **ret,
			     struct error *error)
{
	/* ISO C has no cast for this. */
	const union {
		void *object;
		loader_entry_fn *function;
	} symbol = {lt_dlsym(handle, "tally_plugin")};
	if (!symbol.object)
		return error_set(error, ENOEXEC,
				 "%s: exports no tally_plugin(): it is not a tallyd plugin; one "
				 "declares itself with TALLY_PLUGIN(…)",
				 path);
	*ret = symbol.function;
	return 0;
}

/* ---- What it declares -------------------------------------------------------- */

/* Major must match, and minor must not be newer than ours: such a plugin may call what this daemon
 * does not have. */
static int loader_check_abi(const char *path, const struct tally_plugin *plugin,
			    struct error *error)
{
	size_t least = offsetof(struct tally_plugin, destroy) + sizeof(plugin->destroy);
	if (plugin->abi_major != TALLY_ABI_MAJOR || plugin->abi_minor > TALLY_ABI_MINOR)
		return error_set(
			error, EPROTO,
			"%s: built for plugin ABI %u.%u, this tallyd has %d.%d: rebuild it "
			"against these headers",
			path, plugin->abi_major, plugin->abi_minor, TALLY_ABI_MAJOR,
			TALLY_ABI_MINOR);
	if (plugin->size < least)
		return error_set(error, EPROTO,
				 "%s: its struct has %u bytes, fewer than %zu: declare it with "
				 "TALLY_PLUGIN(…)",
				 path, plugin->size, least);
	return 0;
}

/* Fields that an older plugin does not have read as NULL. */
static struct loader_plugin *loader_copy(const struct tally_plugin *declared, const char *path)
{
	struct loader_plugin *plugin = calloc(1, sizeof(*plugin));
	char *copy = strdup(path);
	if (!plugin || !copy) {
		free(plugin);
		free(copy);
		return NULL;
	}
	plugin->path = copy;
	size_t size = declared->size < sizeof(*declared) ? declared->size : sizeof(*declared);
	memcpy(&plugin->copy, declared, size);
	plugin->declared = declared;
	return plugin;
}

/* Checked on the copy, in which fields that an older plugin lacks are NULL, so that no check
 * reads behind its struct. */
static int loader_accept(const char *path, const struct tally_plugin *declared,
			 const struct tally_plugin **ret, struct error *error)
{
	if (!declared)
		return error_set(error, EINVAL, "%s: its tally_plugin() returned nothing", path);
	struct loader_plugin *plugin = loader_plugins;
	while (plugin && plugin->declared != declared)
		plugin = plugin->next;
	/* Opening a file twice gives the same plugin, whose copy others point to. */
	if (!plugin) {
		int r = loader_check_abi(path, declared, error);
		if (r < 0)
			return r;
		plugin = loader_copy(declared, path);
		if (!plugin)
			return error_set(error, ENOMEM, "%s: out of memory", path);
		r = declaration_check(&plugin->copy, error);
		if (r < 0) {
			free(plugin->path);
			free(plugin);
			error_prefix(error, "%s: ", path);
			return r;
		}
		plugin->next = loader_plugins;
		loader_plugins = plugin;
		crash_add_file(plugin->path, declared);
	}
	*ret = &plugin->copy;
	return 0;
}

/* Constructors of the file and tally_plugin() are foreign code: a crash from here on is the
 * plugin's. */
static int loader_open_checked(const char *path, const struct tally_plugin **ret,
			       struct error *error)
{
	lt_dlhandle handle = NULL;
	loader_entry_fn *entry = NULL;
	const struct tally_plugin *declared = NULL;
	const char *before = crash_enter("a plugin while it is loaded");
	int r = loader_load_now(path, error);
	if (r == 0)
		r = loader_load(path, &handle, error);
	if (r == 0)
		r = loader_find_entry(path, handle, &entry, error);
	if (r == 0)
		declared = entry();
	crash_leave(before);
	return r == 0 ? loader_accept(path, declared, ret, error) : r;
}

int loader_open(const char *path, const struct tally_plugin **ret, struct error *error)
{
	int r = loader_check_file(path, error);
	if (r < 0)
		return r;
	if (strchr(path, '/'))
		return loader_open_checked(path, ret, error);
	/* Without a slash it would be looked for elsewhere. */
	struct arena arena = {0};
	char *here = arena_format(&arena, "./%s", path);
	r = here ? loader_open_checked(here, ret, error)
		 : error_set(error, ENOMEM, "%s: out of memory", path);
	arena_done(&arena);
	return r;
}
