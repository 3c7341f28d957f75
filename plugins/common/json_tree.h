/*
 * Small documents of which a member or two are wanted, and that come once in a while: an engine's
 * version, the reason for an error, a text in one container's inspect, a registry's token; held as
 * a jansson tree.  What comes with every poll (stats, lists, events, logs) is read by
 * base/json_reader.h or base/json_map.h instead, without a tree.
 *
 *	auto_json json_t *document = json_tree_load(body, len);
 *	const char *image = json_tree_text(json_object_get(document, "Config"), "Image");
 *
 * jansson's getters take NULL and other types than theirs, and then return NULL.  Any thread.
 */
#ifndef TALLYD_PLUGINS_COMMON_JSON_TREE_H
#define TALLYD_PLUGINS_COMMON_JSON_TREE_H

#include <jansson.h>

static inline void json_tree_drop(json_t *const *tree)
{
	json_decref(*tree);
}

#define auto_json __attribute__((cleanup(json_tree_drop)))

/* NULL: no JSON, or no memory. */
json_t *json_tree_load(const char *text, size_t len);

/* As long as the object lives.  NULL: there is no such member, or it is not a text. */
const char *json_tree_text(const json_t *object, const char *key);

#endif
