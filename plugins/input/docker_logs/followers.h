/* The followers of one instance, in the order of container ids.  On the input's thread. */
#ifndef TALLYD_LOGS_FOLLOWERS_H
#define TALLYD_LOGS_FOLLOWERS_H

#include "logs.h"

/* NULL: none of that id. */
struct follower *followers_find(const struct docker_logs *logs, const char *id);
/* The one of that id, made if there is none; NULL: no memory. */
struct follower *followers_add(struct docker_logs *logs, const char *id);
/* Destroys those in FOLLOW_REMOVED, after their last rows were handed over. */
void followers_remove(struct docker_logs *logs);
void followers_destroy(struct docker_logs *logs);

#endif
