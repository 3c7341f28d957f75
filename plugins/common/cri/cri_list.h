/*
 * The containers of a node by what the kubelet has put into /var/log/containers: links named after
 * the containers, to the log files of their pods (cri_name.h).  Called by the inputs that work
 * without an engine, on their threads.
 *
 * What can fail: the folder cannot be read; a name or link that is not the kubelet's, which is
 * counted and left out.  A link must lead to a file below `pods`, and no folder on its way may be a
 * link itself: a pod that may write to /var/log cannot have other files read in this way.
 */
#ifndef TALLYD_CRI_LIST_H
#define TALLYD_CRI_LIST_H

#include <stdint.h>
#include <tallyd/host.h>

#include "cri/cri_name.h"

enum { CRI_PATH_SIZE = 1024 };

/* Part of such an input's config. */
struct cri_config {
	const char *links, *pods, *host_root;
	int64_t max_containers;
	struct match match;
};

struct cri_container {
	char id[CRI_ID_SIZE];
	struct cri_name name;
	char path[CRI_PATH_SIZE]; /* of its log, as seen here */
};

struct cri_list {
	struct cri_container *items; /* in the order of their ids */
	uint32_t n;
	uint32_t beyond;  /* more than max_containers */
	uint32_t foreign; /* names and links that are not the kubelet's */
};

/* For create(): the patterns.  0, or what tally_fail() returned. */
int cri_config_check(struct tally_ctx *ctx, const struct cri_config *config);
/* Those that pass the patterns.  0, or what tally_fail() returned. */
int cri_list_read(struct cri_list *list, struct tally_ctx *ctx, const struct cri_config *config);
void cri_list_done(struct cri_list *list);
/* NULL: none of that id. */
const struct cri_container *cri_list_find(const struct cri_list *list, const char *id);

#define CRI_OPTION(n, o, member, t, fall, range, h)                                                \
	{                                                                                          \
		.name = n, .offset = (o) + offsetof(struct cri_config, member),                    \
		.type = TALLY_OPT_##t, .fallback = fall, .accepts = range, .help = h               \
	}

/* o: the offset of a struct cri_config. */
#define CRI_OPTIONS(o)                                                                             \
	CRI_OPTION("links", o, links, STRING, "/var/log/containers", NULL,                         \
		   "the folder in which the kubelet has a link for each container: "               \
		   "POD_NAMESPACE_CONTAINER-ID.log"),                                              \
		CRI_OPTION("pods", o, pods, STRING, "/var/log/pods", NULL,                         \
			   "the folder of the pods' log files, to which these links lead"),        \
		CRI_OPTION("host_root", o, host_root, STRING, NULL, NULL,                          \
			   "where the machine's root file system is seen from inside a "           \
			   "container, as /host: all folders are looked for there; unset: here"),  \
		CRI_OPTION("max_containers", o, max_containers, INT, "1000", "1..10000",           \
			   "maximum number of containers"),                                        \
		CRI_OPTION("include", o, match.include, LIST, NULL, NULL,                          \
			   "only containers that match a pattern of every kind given here; "       \
			   "patterns KIND=GLOB (* and ?) where KIND is name "                      \
			   "(NAMESPACE_POD_CONTAINER) or label (io.kubernetes.pod.namespace, "     \
			   "io.kubernetes.pod.name, io.kubernetes.pod.uid, "                       \
			   "io.kubernetes.container.name); a bare GLOB is a name's"),              \
		CRI_OPTION("exclude", o, match.exclude, LIST, NULL, NULL,                          \
			   "no containers that match any of these patterns; same syntax as "       \
			   "include")

#endif
