/*
 * From the inspect of a container to its spec.  changes.c calls it for each inspect of a scan, on
 * the instance's thread.
 *
 * What differs by itself from one container to the next is left out: names of anonymous volumes,
 * the labels that Compose and swarms put on for themselves.  Each part has at most so many members,
 * and texts are cut, so that nobody's thousand labels are kept for ever.
 */
#include "changes_spec.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

enum { SPEC_MEMBERS = 256, SPEC_TEXT = 512, SPEC_HASH = 8, SPEC_ID = 64 };

const char *const changes_spec_kinds[CHANGES_SPEC_KINDS] = {"image",  "config",    "limits",
							    "mounts", "env_names", "network"};

/* ---- Parts ---------------------------------------------------------------- */

static json_t *bounded_text(const char *text, size_t len)
{
	return json_stringn(text, utf8_bound(text, len, SPEC_TEXT));
}

/* Absent, null, empty, 0 and false all mean that it was not asked for. */
static bool is_asked(const json_t *value)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		return json_string_length(value) > 0;
	case JSON_REAL:
		return json_real_value(value) > 0;
	case JSON_INTEGER:
		return json_integer_value(value) > 0;
	case JSON_ARRAY:
		return json_array_size(value) > 0;
	case JSON_OBJECT:
		return json_object_size(value) > 0;
	case JSON_TRUE:
		return true;
	default:
		return false;
	}
}

static void put(json_t *part, const char *name, json_t *value)
{
	if (value && json_object_size(part) < SPEC_MEMBERS)
		json_object_set_new(part, name, value);
	else
		json_decref(value);
}

/* Numbers were read as reals; a large text or list is cut to its beginning, as text. */
static void put_member(json_t *part, const char *name, json_t *value)
{
	if (!is_asked(value))
		return;
	if (json_is_real(value)) {
		double number = json_real_value(value);
		put(part, name, number < 9e15 ? json_integer((json_int_t)number) : NULL);
		return;
	}
	auto_free char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	if (text && strlen(text) > SPEC_TEXT)
		put(part, name, bounded_text(text, strlen(text)));
	else
		put(part, name, json_incref(value));
}

struct spec_member {
	const char *key, *name;
};

static json_t *read_members(json_t *part, const json_t *from, const struct spec_member *members)
{
	for (; members->key; members++)
		put_member(part, members->name, json_object_get(from, members->key));
	return part;
}

/* ---- Configuration and limits --------------------------------------------- */

static const struct spec_member config_members[] = {{"Cmd", "command"},
						    {"Entrypoint", "entrypoint"},
						    {"User", "user"},
						    {"WorkingDir", "working_dir"},
						    {"StopSignal", "stop_signal"},
						    {"StopTimeout", "stop_timeout"},
						    {"Healthcheck", "healthcheck"},
						    {"Tty", "tty"},
						    {NULL, NULL}};
static const struct spec_member host_members[] = {{"RestartPolicy", "restart_policy"},
						  {"Privileged", "privileged"},
						  {"ReadonlyRootfs", "read_only"},
						  {"CapAdd", "cap_add"},
						  {"CapDrop", "cap_drop"},
						  {"SecurityOpt", "security_opt"},
						  {"LogConfig", "log"},
						  {"Devices", "devices"},
						  {"Init", "init"},
						  {NULL, NULL}};
static const struct spec_member limit_members[] = {{"Memory", "memory"},
						   {"MemorySwap", "memory_swap"},
						   {"MemoryReservation", "memory_reservation"},
						   {"NanoCpus", "nano_cpus"},
						   {"CpuQuota", "cpu_quota"},
						   {"CpuPeriod", "cpu_period"},
						   {"CpuShares", "cpu_shares"},
						   {"CpusetCpus", "cpuset_cpus"},
						   {"PidsLimit", "pids_limit"},
						   {"BlkioWeight", "blkio_weight"},
						   {"Ulimits", "ulimits"},
						   {NULL, NULL}};

static bool is_own_label(const char *name)
{
	static const char *const prefixes[] = {"com.docker.", "org.opencontainers.image.",
					       "io.podman.", "desktop.docker.io/"};
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	return false;
}

static json_t *read_config(const json_t *config, const json_t *host)
{
	json_t *part = json_object();
	const char *name;
	json_t *value, *labels = json_object_get(config, "Labels");
	char key[SPEC_TEXT];
	read_members(part, config, config_members);
	read_members(part, host, host_members);
	json_object_foreach(labels, name, value)
	{
		snprintf(key, sizeof(key), "label %s", name);
		if (!is_own_label(name))
			put_member(part, key, value);
	}
	return part;
}

static json_t *read_image(const json_t *document, const json_t *config)
{
	json_t *part = json_object();
	put_member(part, "image", json_object_get(config, "Image"));
	put_member(part, "image_id", json_object_get(document, "Image"));
	put_member(part, "version",
		   json_object_get(json_object_get(config, "Labels"),
				   "org.opencontainers.image.version"));
	return part;
}

/* ---- Mounts and networks --------------------------------------------------- */

static bool is_anonymous(const char *name)
{
	return strlen(name) == SPEC_ID && name[strspn(name, "0123456789abcdef")] == '\0';
}

static json_t *read_mounts(const json_t *document)
{
	json_t *part = json_object(), *mount;
	size_t i;
	json_array_foreach(json_object_get(document, "Mounts"), i, mount)
	{
		const char *target = json_tree_text(mount, "Destination");
		const char *type = json_tree_text(mount, "Type");
		const char *name = json_tree_text(mount, "Name");
		const char *source = name && *name ? name : json_tree_text(mount, "Source");
		char text[SPEC_TEXT];
		bool anonymous = name && is_anonymous(name);
		snprintf(text, sizeof(text), "%s:%s%s", type ? type : "",
			 source && !anonymous ? source : "",
			 json_is_false(json_object_get(mount, "RW")) ? ":ro" : "");
		if (target && *target)
			put(part, target, bounded_text(text, strlen(text)));
	}
	return part;
}

static json_t *read_network(const json_t *document, const json_t *host)
{
	json_t *part = json_object(), *value;
	const char *name, *mode = json_tree_text(host, "NetworkMode");
	char key[SPEC_TEXT];
	/* Of another container: its id changes whenever that is replaced. */
	if (mode && strncmp(mode, "container:", 10) == 0)
		put(part, "mode", json_string("container"));
	else if (mode)
		put(part, "mode", bounded_text(mode, strlen(mode)));
	json_object_foreach(
		json_object_get(json_object_get(document, "NetworkSettings"), "Networks"), name,
		value)
	{
		snprintf(key, sizeof(key), "network %s", name);
		put(part, key, json_true());
	}
	json_object_foreach(json_object_get(host, "PortBindings"), name, value)
	{
		snprintf(key, sizeof(key), "port %s", name);
		put_member(part, key, value);
	}
	return part;
}

/* ---- The environment ------------------------------------------------------- */

static json_t *value_hash(const char *value, const unsigned char key[CHANGES_KEY_SIZE])
{
	unsigned char hash[32]; /* SHA-256 */
	char text[2 * SPEC_HASH + 1];
	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key, CHANGES_KEY_SIZE, value, strlen(value), hash) <
	    0)
		return NULL;
	for (int i = 0; i < SPEC_HASH; i++)
		snprintf(text + 2 * i, sizeof(text) - 2 * (size_t)i, "%02x", hash[i]);
	return json_string(text);
}

static json_t *read_env(const json_t *config, const unsigned char key[CHANGES_KEY_SIZE])
{
	json_t *part = json_object(), *item;
	size_t i;
	json_array_foreach(json_object_get(config, "Env"), i, item)
	{
		const char *text = json_string_value(item);
		char name[SPEC_TEXT];
		size_t len = text ? strcspn(text, "=") : 0;
		if (len == 0 || len >= sizeof(name))
			continue;
		memcpy(name, text, len);
		name[len] = '\0';
		put(part, name, value_hash(text[len] ? text + len + 1 : "", key));
	}
	return part;
}

/* ---- All of it -------------------------------------------------------------- */

json_t *changes_spec_read(const char *inspect, size_t len,
			  const unsigned char key[CHANGES_KEY_SIZE])
{
	auto_json json_t *document = json_tree_load(inspect, len);
	const json_t *config = json_object_get(document, "Config");
	const json_t *host = json_object_get(document, "HostConfig");
	if (!json_is_object(config))
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "image", read_image(document, config),
			 "config", read_config(config, host), "limits",
			 read_members(json_object(), host, limit_members), "mounts",
			 read_mounts(document), "env_names", read_env(config, key), "network",
			 read_network(document, host));
}

static json_t *only_in(const json_t *these, const json_t *others)
{
	json_t *ret = json_object(), *value;
	const char *name;
	json_object_foreach((json_t *)(uintptr_t)these, name, value)
	{
		const json_t *other = json_object_get(others, name);
		if (!other || !json_equal(value, other))
			json_object_set(ret, name, value);
	}
	return ret;
}

/* All of it, for whoever reads one row. */
static void show_image(json_t *part, const json_t *image)
{
	const char *digest = json_tree_text(image, "digest");
	json_object_update(part, (json_t *)(uintptr_t)image);
	if (digest && !*digest)
		json_object_del(part, "digest");
}

bool changes_spec_compare(const json_t *old, const json_t *now, const char *kind,
			  json_t **ret_before, json_t **ret_after)
{
	const json_t *was = json_object_get(old, kind), *is = json_object_get(now, kind);
	json_t *before = only_in(was, is), *after = only_in(is, was);
	/* A digest or a version is another way of saying which image. */
	bool image = strcmp(kind, "image") == 0;
	bool any =
		image ? json_object_get(before, "image_id") || json_object_get(after, "image_id") ||
				json_object_get(before, "image") || json_object_get(after, "image")
		      : json_object_size(before) || json_object_size(after);
	if (any && image) {
		show_image(before, was);
		show_image(after, is);
	}
	if (!any) {
		json_decref(before);
		json_decref(after);
		return false;
	}
	*ret_before = before;
	*ret_after = after;
	return true;
}
