/* See cri_name.h.  Pure functions. */
#include "cri/cri_name.h"

#include <stdio.h>
#include <string.h>

static const char digits[] = "0123456789", hex_digits[] = "0123456789abcdef";
/* DNS labels; a static pod's uid is a hash, others are UUIDs. */
static const char label_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
/* systemd's driver writes a hyphen, which separates its slices, as another character. */
static const char uid_letters[] = "0123456789abcdef-_";
static const char pod_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
/* Of what controllers append: no vowels, so that no words come of it.  Source: SafeEncodeString()
 * in k8s.io/apimachinery/pkg/util/rand. */
static const char safe_letters[] = "bcdfghjklmnpqrstvwxz2456789";

enum { SUFFIX = 5, HASH_MIN = 6, HASH_MAX = 10, CRONJOB_MINUTES = 8, ID_MIN = 12, ID_MAX = 64 };
enum { POD_SHOWN = 127, UID_MIN = 32 };

/* ---- Reading names ---- */

/* Takes what stands before a character, which is taken too, if it is one or more of the letters. */
static bool take(const char **at, char until, const char *letters, char *ret, size_t size)
{
	size_t len = strspn(*at, letters);
	if (len == 0 || len >= size || (*at)[len] != until)
		return false;
	memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len + 1;
	return true;
}

bool cri_name_read(const char *path, struct cri_name *ret)
{
	struct cri_name name = {0};
	const char *at = path;
	if (!take(&at, '_', label_letters, name.space, sizeof(name.space)) ||
	    !take(&at, '_', pod_letters, name.pod, sizeof(name.pod)) ||
	    !take(&at, '/', label_letters, name.uid, sizeof(name.uid)) || name.pod[0] == '.' ||
	    !take(&at, '/', label_letters, name.container, sizeof(name.container)) ||
	    !take(&at, '.', digits, name.restarts, sizeof(name.restarts)) || strcmp(at, "log") != 0)
		return false;
	*ret = name;
	return true;
}

bool cri_is_id(const char *text, size_t len)
{
	return len >= ID_MIN && len <= ID_MAX && strspn(text, hex_digits) >= len;
}

bool cri_id_of_link(const char *name, char ret[CRI_ID_SIZE])
{
	const char *id = strrchr(name, '-'), *end = strrchr(name, '.');
	if (!id || !end || end < id || strcmp(end, ".log") != 0)
		return false;
	size_t len = (size_t)(end - ++id);
	if (!cri_is_id(id, len))
		return false;
	snprintf(ret, CRI_ID_SIZE, "%.*s", (int)len, id);
	return true;
}

bool cri_uid_of_cgroup(const char *path, char ret[CRI_LABEL_SIZE])
{
	const char *pod = NULL;
	size_t len = 0;
	for (const char *at = strstr(path, "pod"); at; at = strstr(at + 1, "pod")) {
		size_t letters = strspn(at + strlen("pod"), uid_letters);
		if (letters >= UID_MIN && letters < CRI_LABEL_SIZE) {
			pod = at + strlen("pod");
			len = letters;
		}
	}
	for (size_t i = 0; i < len; i++)
		ret[i] = pod[i] == '_' ? '-' : pod[i];
	ret[len] = '\0';
	return len > 0;
}

/* ---- What they say ---- */

void cri_name_full(const struct cri_name *name, char ret[CRI_TEXT_SIZE])
{
	snprintf(ret, CRI_TEXT_SIZE, "%s_%.*s_%s", name->space, POD_SHOWN, name->pod,
		 name->container);
}

/* If behind the last hyphen there is only such a suffix, the length before it; else all. */
static size_t cut_suffix(const char *pod, size_t len, const char *letters, size_t least,
			 size_t most)
{
	const char *hyphen = memrchr(pod, '-', len);
	size_t kept = hyphen ? (size_t)(hyphen - pod) : 0, size = len - kept - 1;
	if (kept == 0 || size < least || size > most || strspn(hyphen + 1, letters) < size)
		return len;
	return kept;
}

static size_t workload_len(const char *pod)
{
	size_t len = strlen(pod), cut = cut_suffix(pod, len, safe_letters, SUFFIX, SUFFIX);
	if (cut == len) /* a StatefulSet numbers its pods */
		return cut_suffix(pod, len, digits, 1, 4);
	/* Before it a Deployment has the hash of its ReplicaSet, a CronJob the time in minutes. */
	size_t inner = cut_suffix(pod, cut, safe_letters, HASH_MIN, HASH_MAX);
	return inner < cut ? inner : cut_suffix(pod, cut, digits, CRONJOB_MINUTES, HASH_MAX);
}

void cri_name_service(const struct cri_name *name, char ret[CRI_TEXT_SIZE])
{
	size_t len = workload_len(name->pod);
	snprintf(ret, CRI_TEXT_SIZE, "%s/%.*s/%s", name->space,
		 len < POD_SHOWN ? (int)len : POD_SHOWN, name->pod, name->container);
}

/* ---- Filters ---- */

static bool label(const void *arg, const char *key, char *ret, size_t size)
{
	const struct cri_name *name = arg;
	const struct {
		const char *key, *value;
	} labels[] = {{"io.kubernetes.pod.namespace", name->space},
		      {"io.kubernetes.pod.name", name->pod},
		      {"io.kubernetes.pod.uid", name->uid},
		      {"io.kubernetes.container.name", name->container}};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strcmp(labels[i].key, key) == 0) {
			snprintf(ret, size, "%s", labels[i].value);
			return true;
		}
	return false;
}

bool cri_name_passes(const struct cri_name *name, const struct match *match)
{
	char full[CRI_TEXT_SIZE];
	const struct match_subject subject = {
		.name = full, .image = "", .state = "", .label = label, .arg = name};
	cri_name_full(name, full);
	return match_passes(match, &subject);
}
