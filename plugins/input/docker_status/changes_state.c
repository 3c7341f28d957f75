/*
 * Reading and writing the file of changes.c: at the start, and after a scan or an event by which
 * something has changed.  A file that cannot be read is only a gap in what is noticed: then the
 * next scan learns anew, and says so.  A file that cannot be written is logged once.
 */
#include "changes_state.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "state_file.h"

static const char changes_part[] = "changes";

void changes_set(struct changes *changes, json_t *object, const char *name, json_t *value)
{
	const json_t *old = json_object_get(object, name);
	if (value && old && json_equal(old, value)) {
		json_decref(value);
		return;
	}
	if (!value || json_object_set_new(object, name, value) < 0)
		return;
	changes->dirty = true;
}

/* ---- The key --------------------------------------------------------------- */

static bool key_read(struct changes *changes)
{
	const char *text = json_tree_text(changes->root, "key");
	if (!text || strlen(text) != 2 * CHANGES_KEY_SIZE)
		return false;
	for (int i = 0; i < CHANGES_KEY_SIZE; i++) {
		const char digits[] = {text[2 * i], text[2 * i + 1], '\0'};
		changes->key[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return true;
}

static bool key_make(struct changes *changes)
{
	char text[2 * CHANGES_KEY_SIZE + 1];
	if (gnutls_rnd(GNUTLS_RND_KEY, changes->key, CHANGES_KEY_SIZE) < 0)
		return false;
	for (int i = 0; i < CHANGES_KEY_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", changes->key[i]);
	changes_set(changes, changes->root, "key", json_string(text));
	return true;
}

/* ---- The file -------------------------------------------------------------- */

static json_t *part(struct changes *changes, const char *name, json_t *fresh)
{
	json_t *there = json_object_get(changes->root, name);
	if (there && json_typeof(there) == json_typeof(fresh)) {
		json_decref(fresh);
		return there;
	}
	return json_object_set_new(changes->root, name, fresh) == 0 ? fresh : NULL;
}

static json_t *read_file(struct changes *changes)
{
	auto_free char *text = NULL;
	json_error_t error;
	size_t len = 0;
	int r = state_file_read_part(changes->ctx, changes_part, &text, &len);
	json_t *root = r == 0 ? json_loadb(text, len, 0, &error) : NULL;
	if (!json_is_object(root) && r != -ENOENT)
		tally_log(changes->ctx, TALLY_WARNING,
			  "the file of changes cannot be read, so what changed while the daemon "
			  "was down stays unnoticed: %s",
			  r < 0 ? strerror(-r) : error.text);
	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

/* Rows that are not safe are emitted again. */
static void read_position(struct changes *changes)
{
	char source[256], position[32];
	snprintf(source, sizeof(source), "%s#changes", changes->ctx->name);
	if (tally_position(changes->ctx, source, position, sizeof(position)) == 0)
		changes->emitted = strtoll(position, NULL, 10);
}

bool changes_state_load(struct changes *changes)
{
	json_decref(changes->root);
	changes->root = read_file(changes);
	changes->first = !changes->root;
	if (!changes->root)
		changes->root = json_object();
	changes->containers = part(changes, "containers", json_object());
	changes->services = part(changes, "services", json_object());
	changes->rows = part(changes, "rows", json_array());
	changes->emitted = 0;
	read_position(changes);
	/* The file was removed, the position was not. */
	if (json_integer_value(json_object_get(changes->root, "number")) < changes->emitted)
		changes_set(changes, changes->root, "number", json_integer(changes->emitted));
	return changes->containers && changes->services && changes->rows &&
	       (key_read(changes) || key_make(changes));
}

void changes_state_save(struct changes *changes)
{
	if (!changes->dirty)
		return;
	auto_free char *text = json_dumps(changes->root, JSON_COMPACT);
	int r = text ? state_file_write_part(changes->ctx, changes_part, text, strlen(text))
		     : -ENOMEM;
	if (r < 0 && !changes->save_failed)
		tally_log(changes->ctx, TALLY_WARNING,
			  "cannot save the file of changes, so what changes while the daemon is "
			  "down will not be noticed: %s",
			  strerror(-r));
	changes->save_failed = r < 0;
	changes->dirty = r < 0;
}
