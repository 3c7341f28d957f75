/*
 * What was asked of a container when it was made: its image, command, limits, mounts, networks and
 * the names of its environment variables, taken from the inspect as an object with one member per
 * kind of change.  Two of them are compared to see what a deployment changed.
 *
 * Values of environment variables are hashed (HMAC-SHA-256 under a key that does not leave the
 * state directory, cut to 64 bits) and forgotten.
 */
#ifndef TALLYD_CHANGES_SPEC_H
#define TALLYD_CHANGES_SPEC_H

#include "docker/docker_list.h"
#include "json_tree.h"

enum { CHANGES_KEY_SIZE = 32 };

/* In the order in which changes of one time are reported. */
enum { CHANGES_SPEC_KINDS = 6 };
extern const char *const changes_spec_kinds[CHANGES_SPEC_KINDS];

/* NULL: no memory, or this is no inspect. */
json_t *changes_spec_read(const char *inspect, size_t len,
			  const unsigned char key[CHANGES_KEY_SIZE]);

/* What of a kind is different: members that one of them lacks, or has otherwise.  false: nothing.
 */
bool changes_spec_compare(const json_t *old, const json_t *now, const char *kind,
			  json_t **ret_before, json_t **ret_after);

#endif
