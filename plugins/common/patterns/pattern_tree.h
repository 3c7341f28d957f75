/*
 * The patterns of what programs log, found as lines come (Drain, He et al. 2017): a line belongs to
 * the most similar pattern of as many words that begins as it does; where the two differ, the
 * pattern gets a blank.  The same lines in the same order give the same patterns, also with a
 * restart in between, after which pattern_tree_restore() puts them back in their order.
 *
 * Bounded: patterns that begin alike, of a service (500) and in all; bytes of each.  One thread.
 */
#ifndef TALLYD_PATTERN_TREE_H
#define TALLYD_PATTERN_TREE_H

#include <stdbool.h>

#include "patterns/pattern_text.h"

enum { PATTERN_WAYS = 3 };

struct pattern {
	uint64_t id; /* 48 bits, of its service and of the words that it began with */
	uint64_t service;
	uint64_t ways[PATTERN_WAYS]; /* to it, in the tree */
	char *text;                  /* its words, with a space behind each */
	uint64_t *hashes, *keys;     /* of its words, as pattern_words has them */
	uint32_t n_words, n_bytes;
	uint32_t next; /* with the same way: 1 + its number; 0: none */
	void *data;    /* the caller's; NULL in one that is new */
};

struct pattern_tree {
	struct pattern **patterns; /* in the order that they were made */
	uint32_t n_patterns, max;
	struct pattern_node *nodes;
	uint32_t n_nodes, n_slots;
};

int pattern_tree_init(struct pattern_tree *tree, uint32_t max); /* -ENOMEM */
void pattern_tree_done(struct pattern_tree *tree, void (*free_data)(void *data));

/* That of a line; the text of one may change by it (ret_changed), and one may be made.  NULL: there
 * is no room for another, or no memory. */
struct pattern *pattern_tree_add(struct pattern_tree *tree, uint64_t service,
				 const struct pattern_words *words, bool *ret_changed);

/* Leaves out those that are not to be kept; their data is handed to free_data.  -ENOMEM: all stay.
 */
int pattern_tree_forget(struct pattern_tree *tree,
			bool (*keep)(const struct pattern *pattern, const void *arg),
			const void *arg, void (*free_data)(void *data));

/* As it was: id, service, ways, text, n_bytes.  NULL: no room, no memory. */
struct pattern *pattern_tree_restore(struct pattern_tree *tree, const struct pattern *was);

#endif
