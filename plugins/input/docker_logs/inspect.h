/* What this input needs of GET /containers/ID/json. */
#ifndef TALLYD_INSPECT_H
#define TALLYD_INSPECT_H

#include "docker/docker_list.h"

/* Texts lie in the body. */
struct inspect_facts {
	struct docker_container container; /* id, name, image, state, labels */
	const char *driver, *path;         /* of its log; "": unknown */
	int64_t created;                   /* ns since 1970; 0: unknown */
	bool running, was_started, terminal;
};

/* NULL, or what is wrong with the body at *ret_offset.  Decodes in place. */
const char *inspect_read(char *body, size_t len, struct inspect_facts *ret, size_t *ret_offset);

#endif
