/*
 * The name of the machine that rows are about, where the daemon cannot know it by itself: in a
 * container whose host name is the container's id.  An input that talks to the machine's engine
 * tells it then, by tally_tell_hostname() and before its first row.  Any thread.
 */
#ifndef TALLYD_CORE_HOST_NAME_H
#define TALLYD_CORE_HOST_NAME_H

#include <stdatomic.h>

struct host_name {
	_Atomic(const char *) told; /* NULL: nobody has yet; never freed */
};

/* The first that is told counts, since rows must not change their host from one to the next.
 * Returns what counts. */
const char *host_name_tell(struct host_name *host_name, const char *name);

#endif
