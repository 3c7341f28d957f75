/*
 * Which differences are changes, and since when.
 *
 *	the same container     its limits or networks were changed; it was started again; its health
 *	another container      compared, when it first runs, with the one of its service that ran
 *	                       last: image, config, limits, mounts, env_names, network; none of
 *	                       these, and the other one does not run any more: a restart
 *	a service              how many of its containers run, once that has held for 10 s
 *	the host               the engine's version, the kernel, a reboot
 *
 * Times are those of the engine where it has one (a start, an event), so that whoever finds the
 * same change twice makes the same row.  Memory: a spec per container, and the last one of at most
 * CHANGES_SERVICES services that have none; CHANGES_ROWS rows that may not be safe.  Without memory
 * a change is lost, as if it had not been seen.
 */
#include "changes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/boot.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/rfc3339.h"
#include "changes/changes_table.h"
#include "changes_state.h"
#include "status_row.h"
#include "containers/status_table.h"

static const int64_t settle_ns = 10 * CLOCK_SECOND;

enum { CHANGES_TEXT_MAX = 8192, CHANGES_MAX_IMAGE = 1 << 20 };

/* ---- Members ---------------------------------------------------------------- */

static int64_t number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static bool is_set(const json_t *object, const char *name)
{
	return json_is_true(json_object_get(object, name));
}

static json_t *cell_text(const struct tally_cell *cell)
{
	return cell->set ? json_stringn(cell->text, cell->len) : json_null();
}

static json_t *cell_number(const struct tally_cell *cell)
{
	return cell->set ? json_integer(cell->i) : json_null();
}

/* ---- Rows -------------------------------------------------------------------- */

struct change {
	const char *kind;
	int64_t time;
	const char *id;           /* of the container; NULL: of none */
	const json_t *container;  /* its entry, or one with its service */
	const char *old_id;       /* NULL: the same */
	const json_t *spec, *old; /* of both; may be NULL */
	json_t *before, *after;   /* taken over */
};

static void set_text(json_t *row, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(row, name, json_string(text));
}

static void set_image(json_t *row, const json_t *spec, const char *id, const char *digest)
{
	const json_t *image = json_object_get(spec, "image");
	set_text(row, id, json_tree_text(image, "image_id"));
	set_text(row, digest, json_tree_text(image, "digest"));
}

static void add_change(struct changes *changes, const struct change *change)
{
	int64_t number = number_of(changes->root, "number") + 1;
	json_t *row = json_pack("{s:I, s:I, s:s}", "n", (json_int_t)number, "time",
				(json_int_t)change->time, "kind", change->kind);
	if (!row || changes->first) {
		json_decref(row);
		json_decref(change->before);
		json_decref(change->after);
		return;
	}
	json_object_set_new(row, "before", change->before ? change->before : json_null());
	json_object_set_new(row, "after", change->after ? change->after : json_null());
	set_text(row, "service", json_tree_text(change->container, "service"));
	set_text(row, "name", json_tree_text(change->container, "name"));
	set_text(row, "container_id", change->id);
	set_text(row, "old_container_id", change->old_id ? change->old_id : change->id);
	set_image(row, change->spec, "image_id", "digest");
	set_image(row, change->old ? change->old : change->spec, "old_image_id", "old_digest");
	json_array_append_new(changes->rows, row);
	if (json_array_size(changes->rows) > CHANGES_ROWS)
		json_array_remove(changes->rows, 0);
	changes_set(changes, changes->root, "number", json_integer(number));
}

/* ---- Specs --------------------------------------------------------------------- */

/* One request for an image that is not known yet. */
static json_t *read_digest(struct changes *changes, const char *image_id)
{
	const char *hex = strchr(image_id, ':') ? strchr(image_id, ':') + 1 : image_id;
	auto_free char *body = NULL;
	char path[128];
	size_t len = 0;
	snprintf(path, sizeof(path), "/images/%.64s/json", hex);
	if (docker_get(changes->docker, DOCKER_IMAGES, path, CHANGES_MAX_IMAGE, &body, &len) < 0)
		return NULL;
	auto_json json_t *document = json_tree_load(body, len);
	return json_incref(json_array_get(json_object_get(document, "RepoDigests"), 0));
}

/* What another container of this image is known to have; "" if there is none. */
static json_t *find_digest(struct changes *changes, const char *image_id)
{
	const char *id;
	json_t *container;
	json_object_foreach(changes->containers, id, container)
	{
		const json_t *spec = json_object_get(container, "spec");
		const json_t *fresh = json_object_get(container, "fresh");
		const json_t *image = json_object_get(spec ? spec : fresh, "image");
		const char *other = json_tree_text(image, "image_id");
		json_t *digest = json_object_get(image, "digest");
		if (other && digest && strcmp(other, image_id) == 0)
			return json_incref(digest);
	}
	json_t *digest = read_digest(changes, image_id);
	return json_is_string(digest) ? digest : json_string("");
}

void changes_inspected(struct changes *changes, const char *id, const char *body, size_t len)
{
	json_t *spec = changes->root ? changes_spec_read(body, len, changes->key) : NULL;
	json_t *container = json_object_get(changes->containers, id);
	if (!spec)
		return;
	if (!container) {
		container = json_object();
		json_object_set_new(changes->containers, id, container);
		changes->dirty = true;
	}
	json_object_set_new(container, "fresh", spec);
}

/* Not while inspects are under way: it may ask the engine. */
static void set_digest(struct changes *changes, const json_t *container)
{
	json_t *image = json_object_get(json_object_get(container, "fresh"), "image");
	const char *image_id = json_tree_text(image, "image_id");
	const json_t *known = json_object_get(json_object_get(container, "spec"), "image");
	json_t *digest = json_object_get(known, "digest");
	if (digest)
		json_object_set(image, "digest", digest);
	else if (image && image_id)
		json_object_set_new(image, "digest", find_digest(changes, image_id));
}

/* ---- A container ----------------------------------------------------------------- */

static void compare_specs(struct changes *changes, const struct change *both, bool *ret_any)
{
	*ret_any = false;
	for (int i = 0; i < CHANGES_SPEC_KINDS; i++) {
		struct change change = *both;
		change.kind = changes_spec_kinds[i];
		if (!changes_spec_compare(both->old, both->spec, change.kind, &change.before,
					  &change.after))
			continue;
		add_change(changes, &change);
		*ret_any = true;
	}
}

/* Of the same container: `docker update`, `docker network connect`. */
static void take_spec(struct changes *changes, const char *id, json_t *container, int64_t time)
{
	json_t *fresh = json_object_get(container, "fresh");
	const json_t *old = json_object_get(container, "spec");
	int64_t told = number_of(container, "updated");
	bool any;
	if (!fresh)
		return;
	if (old && !json_equal(old, fresh) && number_of(container, "started")) {
		const struct change both = {.time = told ? told : time,
					    .id = id,
					    .container = container,
					    .spec = fresh,
					    .old = old};
		compare_specs(changes, &both, &any);
	}
	if (told)
		json_object_del(container, "updated");
	json_incref(fresh);
	json_object_del(container, "fresh");
	changes_set(changes, container, "spec", fresh);
	/* It is what the next one of its service is compared with. */
	const char *name = json_tree_text(container, "service");
	json_t *service = name ? json_object_get(changes->services, name) : NULL;
	const char *last = json_tree_text(service, "id");
	if (last && strcmp(last, id) == 0)
		changes_set(changes, service, "spec", json_deep_copy(fresh));
}

static json_t *run_of(const json_t *container)
{
	json_t *run = json_object();
	json_object_set(run, "started_at", json_object_get(container, "started_text"));
	json_object_set(run, "exit_code", json_object_get(container, "exit_code"));
	json_object_set(run, "restart_count", json_object_get(container, "restarts"));
	return run;
}

static json_t *time_text(int64_t time)
{
	char text[RFC3339_SIZE];
	rfc3339_format(time, text);
	return json_string(text);
}

static void set_run(struct changes *changes, json_t *container, const struct tally_cell *row)
{
	if (!row[STATUS_STARTED_AT].set)
		return;
	changes_set(changes, container, "started", cell_number(&row[STATUS_STARTED_AT]));
	changes_set(changes, container, "started_text", time_text(row[STATUS_STARTED_AT].i));
	changes_set(changes, container, "restarts", cell_number(&row[STATUS_RESTART_COUNT]));
}

/* It was started again since it was seen last. */
static void see_run(struct changes *changes, const char *id, json_t *container,
		    const struct tally_cell *row)
{
	int64_t started = row[STATUS_STARTED_AT].set ? row[STATUS_STARTED_AT].i : 0;
	if (!is_set(container, "ran") || started <= number_of(container, "started"))
		return;
	struct change change = {.kind = "restart",
				.time = started,
				.id = id,
				.container = container,
				.spec = json_object_get(container, "spec"),
				.before = run_of(container)};
	set_run(changes, container, row);
	change.after = run_of(container);
	json_object_del(change.after, "exit_code");
	add_change(changes, &change);
}

/* Only between healthy and unhealthy: starting is neither. */
static void see_health(struct changes *changes, const char *id, json_t *container,
		       const char *health, int64_t time)
{
	const char *known = json_tree_text(container, "health");
	bool good = strcmp(health, "healthy") == 0;
	if ((!good && strcmp(health, "unhealthy") != 0) || (known && strcmp(known, health) == 0))
		return;
	if (known || !good) {
		const struct change change = {.kind = "health",
					      .time = time,
					      .id = id,
					      .container = container,
					      .spec = json_object_get(container, "spec"),
					      .before = known ? json_pack("{s:s}", "health", known)
							      : NULL,
					      .after = json_pack("{s:s}", "health", health)};
		add_change(changes, &change);
	}
	changes_set(changes, container, "health", json_string(health));
}

void changes_seen(struct changes *changes, const struct tally_cell *row, int64_t time)
{
	char id[DOCKER_ID_MAX + 1], health[16] = "";
	if (!changes->root)
		return;
	snprintf(id, sizeof(id), "%.*s", (int)row[STATUS_CONTAINER_ID].len,
		 row[STATUS_CONTAINER_ID].text);
	json_t *container = json_object_get(changes->containers, id);
	if (!container)
		return; /* not inspected yet */
	bool alive = status_cell_is(&row[STATUS_STATE], "running") ||
		     status_cell_is(&row[STATUS_STATE], "paused") ||
		     status_cell_is(&row[STATUS_STATE], "restarting");
	changes_set(changes, container, "service", cell_text(&row[STATUS_SERVICE]));
	changes_set(changes, container, "name", cell_text(&row[STATUS_NAME]));
	changes_set(changes, container, "alive", json_boolean(alive));
	see_run(changes, id, container, row);
	if (row[STATUS_EXIT_CODE].set)
		changes_set(changes, container, "exit_code", cell_number(&row[STATUS_EXIT_CODE]));
	if (!is_set(container, "ran"))
		set_run(changes, container, row);
	set_digest(changes, container);
	take_spec(changes, id, container, time);
	if (row[STATUS_HEALTH].set)
		snprintf(health, sizeof(health), "%.*s", (int)row[STATUS_HEALTH].len,
			 row[STATUS_HEALTH].text);
	see_health(changes, id, container, health, time);
}

void changes_gone(struct changes *changes, const char *id)
{
	if (changes->root && json_object_del(changes->containers, id) == 0)
		changes->dirty = true;
}

/* ---- A service --------------------------------------------------------------------- */

static json_t *service_of(struct changes *changes, const char *name)
{
	json_t *service = json_object_get(changes->services, name);
	if (service)
		return service;
	service = json_pack("{s:s}", "service", name);
	if (service && json_object_set_new(changes->services, name, service) == 0)
		changes->dirty = true;
	return service;
}

/* A container that runs for the first time, beside or after those of its service. */
static void succeed(struct changes *changes, const char *id, json_t *container)
{
	const char *name = json_tree_text(container, "service");
	json_t *service = name ? service_of(changes, name) : NULL;
	const char *old_id = json_tree_text(service, "id");
	int64_t started = number_of(container, "started");
	bool newer = started > number_of(service, "started"), any;
	changes_set(changes, container, "ran", json_true());
	if (!service || !newer)
		return;
	auto_free char *last = old_id ? strdup(old_id) : NULL;
	struct change both = {.time = started,
			      .id = id,
			      .container = container,
			      .old_id = last,
			      .spec = json_object_get(container, "spec"),
			      .old = json_object_get(service, "spec")};
	if (last && both.old) {
		compare_specs(changes, &both, &any);
		if (!any && !is_set(json_object_get(changes->containers, last), "alive")) {
			both.kind = "restart";
			both.before = json_pack("{s:s}", "container_id", last);
			both.after = json_pack("{s:s}", "container_id", id);
			add_change(changes, &both);
		}
	}
	changes_set(changes, service, "id", json_string(id));
	changes_set(changes, service, "started", json_integer(started));
	changes_set(changes, service, "spec", json_deep_copy(json_object_get(container, "spec")));
}

static int by_start(const void *a, const void *b)
{
	int64_t left = number_of(*(json_t *const *)a, "started");
	int64_t right = number_of(*(json_t *const *)b, "started");
	return (left > right) - (left < right);
}

/* In the order in which they started. */
static void succeed_all(struct changes *changes)
{
	size_t n = 0, max = json_object_size(changes->containers);
	auto_free json_t **fresh = calloc(max + 1, sizeof(json_t *));
	const char *id;
	json_t *container;
	if (!fresh)
		return;
	json_object_foreach(changes->containers, id, container)
	{
		if (is_set(container, "ran") || !number_of(container, "started") ||
		    !json_object_get(container, "spec"))
			continue;
		json_object_set_new(container, "own", json_string(id));
		fresh[n++] = container;
	}
	qsort(fresh, n, sizeof(*fresh), by_start);
	for (size_t i = 0; i < n; i++) {
		auto_free char *own = strdup(json_tree_text(fresh[i], "own"));
		json_object_del(fresh[i], "own");
		if (own)
			succeed(changes, own, fresh[i]);
	}
}

static void see_count(struct changes *changes, json_t *service, int64_t count, int64_t time)
{
	const json_t *known = json_object_get(service, "count");
	if (known && json_integer_value(known) == count) {
		if (json_object_del(service, "pending") == 0)
			changes->dirty = true;
		return;
	}
	const json_t *pending = json_object_get(service, "pending");
	if (!pending || json_integer_value(pending) != count) {
		changes_set(changes, service, "pending", json_integer(count));
		changes_set(changes, service, "since", json_integer(time));
		return;
	}
	if (time - number_of(service, "since") < settle_ns)
		return;
	if (known) {
		const struct change change = {
			.kind = "scaled",
			.time = number_of(service, "since"),
			.container = service,
			.spec = json_object_get(service, "spec"),
			.before = json_pack("{s:I}", "containers", json_integer_value(known)),
			.after = json_pack("{s:I}", "containers", (json_int_t)count)};
		add_change(changes, &change);
	}
	changes_set(changes, service, "count", json_integer(count));
	json_object_del(service, "pending");
}

static void count_all(struct changes *changes, int64_t time)
{
	auto_json json_t *counts = json_object();
	const char *name;
	json_t *item;
	json_object_foreach(changes->containers, name, item)
	{
		const char *service = json_tree_text(item, "service");
		if (!service)
			continue;
		json_int_t n = json_integer_value(json_object_get(counts, service));
		json_object_set_new(counts, service, json_integer(n + is_set(item, "alive")));
	}
	json_object_foreach(changes->services, name, item)
	{
		const json_t *count = json_object_get(counts, name);
		see_count(changes, item, json_integer_value(count), time);
		if (count)
			json_object_set_new(item, "seen", json_integer(time));
	}
}

/* The one that has been without containers for longest. */
static void forget_services(struct changes *changes)
{
	while (json_object_size(changes->services) > CHANGES_SERVICES) {
		const char *name, *oldest = NULL;
		int64_t seen = INT64_MAX;
		json_t *item;
		json_object_foreach(changes->services, name, item)
		{
			if (number_of(item, "seen") >= seen)
				continue;
			seen = number_of(item, "seen");
			oldest = name;
		}
		auto_free char *chosen = oldest ? strdup(oldest) : NULL;
		if (!chosen || json_object_del(changes->services, chosen) < 0)
			return;
		changes->dirty = true;
	}
}

/* ---- The host ------------------------------------------------------------------------ */

/* Of this machine's last boot, in seconds; 0: the engine is elsewhere. */
static int64_t boot_time(const struct changes *changes)
{
	char line[256];
	long long seconds = 0;
	if (!docker_is_local(changes->docker))
		return 0;
	auto_fclose FILE *file = fopen("/proc/stat", "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "btime %lld", &seconds) == 1)
			break;
	return seconds;
}

static void see_host(struct changes *changes, int64_t time)
{
	const struct docker_engine *engine = docker_engine(changes->docker);
	const json_t *old = json_object_get(changes->root, "host");
	const char *old_id = json_tree_text(changes->root, "boot_id");
	int64_t boot = boot_time(changes), known = number_of(old, "boot");
	char id[BOOT_ID_SIZE];
	boot_id(id);
	/* When that was is computed from the clock, which may be set meanwhile; which it was is
	 * not. */
	bool rebooted = known && boot && old_id && id[0] && strcmp(old_id, id) != 0;
	json_t *now =
		json_pack("{s:s, s:s, s:I}", "engine", engine->version, "kernel", engine->kernel,
			  "boot", (json_int_t)(known && !rebooted ? known : boot));
	if (!engine->version[0] || !now) {
		json_decref(now);
		return;
	}
	if (old && !json_equal(old, now)) {
		const struct change change = {.kind = "host",
					      .time = rebooted ? boot * CLOCK_SECOND : time,
					      .before = json_deep_copy(old),
					      .after = json_deep_copy(now)};
		add_change(changes, &change);
	}
	changes_set(changes, changes->root, "host", now);
	if (id[0])
		changes_set(changes, changes->root, "boot_id", json_string(id));
}

/* ---- Scans and events ------------------------------------------------------------------ */

void changes_scanned(struct changes *changes, int64_t time)
{
	if (!changes->root)
		return;
	see_host(changes, time);
	succeed_all(changes);
	count_all(changes, time);
	forget_services(changes);
	if (changes->first)
		changes->dirty = true;
	changes->first = false;
}

void changes_event(struct changes *changes, const struct docker_event *event, const char *action,
		   bool oom)
{
	json_t *container = json_object_get(changes->containers, event->id);
	if (!container)
		return;
	if (oom) {
		const struct change change = {.kind = "oom",
					      .time = event->time,
					      .id = event->id,
					      .container = container,
					      .spec = json_object_get(container, "spec"),
					      .after = json_pack("{s:b}", "oom", 1)};
		add_change(changes, &change);
	} else if (strcmp(action, "health_status") == 0) {
		see_health(changes, event->id, container, event->detail, event->time);
	} else if (strcmp(action, "update") == 0) {
		json_object_set_new(container, "updated", json_integer(event->time));
	}
}

/* ---- Emitting ---------------------------------------------------------------------------- */

static int add_row(struct changes *changes, struct tally_batch *batch, const json_t *item)
{
	auto_free char *before = json_dumps(json_object_get(item, "before"),
					    JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	auto_free char *after = json_dumps(json_object_get(item, "after"),
					   JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	struct changes_row row = {.time = number_of(item, "time")};
	for (uint32_t i = CHANGES_SERVICE; i < CHANGES_COLUMNS; i++)
		row.texts[i] = json_tree_text(item, changes_table.columns[i].name);
	if (json_is_object(json_object_get(item, "before")) && before &&
	    strlen(before) <= CHANGES_TEXT_MAX)
		row.texts[CHANGES_BEFORE] = before;
	if (json_is_object(json_object_get(item, "after")) && after &&
	    strlen(after) <= CHANGES_TEXT_MAX)
		row.texts[CHANGES_AFTER] = after;
	return changes_row_add(changes->ctx, batch, &row);
}

int changes_emit(struct changes *changes)
{
	struct tally_batch *batch = NULL;
	char source[256], position[32];
	json_int_t number = changes->emitted;
	json_t *item;
	size_t i;
	int r = 0;
	/* First the file: a row that is emitted is one that a restart knows of. */
	changes_state_save(changes);
	json_array_foreach(changes->rows, i, item)
	{
		if (number_of(item, "n") <= changes->emitted)
			continue;
		if (!batch)
			batch = tally_batch_new(changes->ctx, &changes_table);
		if (!batch || (r = add_row(changes, batch, item)) < 0)
			break;
		number = number_of(item, "n");
	}
	if (!batch)
		return 0;
	if (r < 0) {
		tally_batch_drop(changes->ctx, batch);
		return tally_fail(changes->ctx, ENOMEM, "no memory for changes");
	}
	snprintf(source, sizeof(source), "%s#changes", changes->ctx->name);
	snprintf(position, sizeof(position), "%lld", (long long)number);
	r = tally_emit(changes->ctx, batch, source, position);
	if (r == 0)
		changes->emitted = number;
	return r;
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct changes *changes_create(struct tally_ctx *ctx, struct docker *docker)
{
	struct changes *changes = calloc(1, sizeof(*changes));
	if (changes) {
		changes->ctx = ctx;
		changes->docker = docker;
	}
	return changes;
}

void changes_destroy(struct changes *changes)
{
	if (changes)
		json_decref(changes->root);
	free(changes);
}

void changes_load(struct changes *changes)
{
	if (changes_state_load(changes))
		return;
	json_decref(changes->root);
	changes->root = changes->containers = changes->services = changes->rows = NULL;
	tally_log(changes->ctx, TALLY_WARNING, "no memory to find changes");
}
