/*
 * Does the daemon run in a container, and what follows from it?  Any thread.  root: "" except in
 * tests.
 */
#ifndef TALLYD_CORE_CONTAINER_H
#define TALLYD_CORE_CONTAINER_H

#include <stdbool.h>

/* One of Docker or Podman. */
bool container_is_around(const char *root);

/* Is this host name one that was made up for the container, from its id?  It is another one
 * whenever the container is created anew. */
bool container_made_name(const char *name, const char *root);

/* Does the folder go when the container is removed, since it is on no volume? */
bool container_takes_along(const char *folder, const char *root);

#endif
