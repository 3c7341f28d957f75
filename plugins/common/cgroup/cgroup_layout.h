/*
 * Which files of a cgroup fill which slots of a sample: a table per cgroup version.  cgroup_files.c
 * opens and reads what it says.
 */
#ifndef TALLYD_CGROUP_LAYOUT_H
#define TALLYD_CGROUP_LAYOUT_H

#include "cgroup/cgroup_text.h"

/* Ends with a file without a name.  The first is in every cgroup, whatever controllers it has. */
const struct cgroup_file *cgroup_layout(bool unified);

#endif
