/*
 * What the kubelet says of a container by the names of its log files, on a node without Docker's
 * API:
 *
 *	/var/log/pods/NAMESPACE_POD_UID/CONTAINER/N.log      N: how often it was restarted
 *	/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log   a link to it
 *
 * Source: BuildPodLogsDirectory() and logSymlink() in pkg/kubelet/kuberuntime.  Pods can put other
 * names there if they may write to /var/log, so what is not made of a name's letters is refused.  A
 * cgroup's path has the pod's uid.  No I/O; called by cri_list.c and the inputs.
 */
#ifndef TALLYD_CRI_NAME_H
#define TALLYD_CRI_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "docker/container_match.h"

/* Kubernetes' own bounds. */
enum { CRI_LABEL_SIZE = 64, CRI_POD_SIZE = 254, CRI_ID_SIZE = 128, CRI_TEXT_SIZE = 256 };

struct cri_name {
	char space[CRI_LABEL_SIZE], pod[CRI_POD_SIZE], uid[CRI_LABEL_SIZE];
	char container[CRI_LABEL_SIZE];
	char restarts[12]; /* N */
};

/* NAMESPACE_POD_UID/CONTAINER/N.log, without what stands before.  false: it is another. */
bool cri_name_read(const char *path, struct cri_name *ret);
/* The id at the end of a link's name; false: there is none. */
bool cri_id_of_link(const char *name, char ret[CRI_ID_SIZE]);
/* The pod's uid in the path of a container's cgroup; false: there is none. */
bool cri_uid_of_cgroup(const char *path, char ret[CRI_LABEL_SIZE]);
/* 12 to 64 hex digits. */
bool cri_is_id(const char *text, size_t len);

/* NAMESPACE_POD_CONTAINER: names a container for a person; cut if it is longer. */
void cri_name_full(const struct cri_name *name, char ret[CRI_TEXT_SIZE]);
/* NAMESPACE/WORKLOAD/CONTAINER: what outlives it; cut if it is longer.  The workload is the pod's
 * name without what a ReplicaSet, DaemonSet, StatefulSet or Job has appended. */
void cri_name_service(const struct cri_name *name, char ret[CRI_TEXT_SIZE]);

/* Applies include and exclude; its labels are those of the kubelet: io.kubernetes.pod.namespace,
 * io.kubernetes.pod.name, io.kubernetes.pod.uid, io.kubernetes.container.name. */
bool cri_name_passes(const struct cri_name *name, const struct match *match);

#endif
