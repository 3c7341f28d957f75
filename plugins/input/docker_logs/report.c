/* See report.h.  Called by follower.c and, for the engine's own texts, by log_frames.c through a
 * pointer; on the input's thread. */
#include "report.h"

#include <errno.h>
#include <string.h>

#include "logs.h"

enum { ENGINE_TEXT_MAX = 200 };

/* Once, until the log could be read: the retries would all say the same. */
static void report_not_read(struct follower *follower, int level, const char *why,
			    const char *behind)
{
	if (!follower->reported)
		tally_log(follower->logs->ctx, level, "%s: cannot read its log: %s%s",
			  ingest_name(&follower->ingest), why, behind);
	follower->reported = true;
}

void report_outcome(struct follower *follower, int outcome, const char *why)
{
	struct docker_logs *logs = follower->logs;
	const char *name = ingest_name(&follower->ingest);
	switch (outcome) {
	case LOG_GARBAGE:
		log_common_count(&logs->common, LOG_METRIC_GARBAGE, 1);
		tally_log(logs->ctx, TALLY_WARNING,
			  "%s: the engine sent bytes that are not a log; reading it again", name);
		break;
	case LOG_FOREIGN:
		tally_log(logs->ctx, TALLY_WARNING,
			  "%s: %s: neither Docker's JSON nor the CRI format; using the API instead",
			  name, follower->file.log->path);
		break;
	case LOG_UNREADABLE:
		report_not_read(follower, TALLY_NOTICE, why, "");
		break;
	case LOG_REFUSED:
		report_not_read(follower, TALLY_WARNING, why, "; retrying");
		break;
	default:
		break;
	}
}

void report_file_not_opened(struct docker_logs *logs, const char *path, int error)
{
	if (!logs->reported_no_file && logs->config->source != SOURCE_FILE)
		tally_log(logs->ctx, TALLY_INFO, "%s: %s; using the API instead%s", path,
			  source_file_reason(error),
			  error == ENOENT && logs->config->host_root
				  ? " (docker run -v "
				    "/var/lib/docker/containers:/host/var/lib/docker/containers:ro)"
				  : "");
	logs->reported_no_file = true;
}

void report_file_read_error(const struct follower *follower, int error)
{
	tally_log(follower->logs->ctx, TALLY_WARNING, "%s: %s: %s; reading it again",
		  ingest_name(&follower->ingest), follower->file.log->path, strerror(error));
}

void report_damage(struct follower *follower, bool last)
{
	log_damage_take(&follower->damage, &follower->logs->common, ingest_name(&follower->ingest),
			follower->file.log, last);
}

void report_engine_text(void *arg, const char *text, size_t len)
{
	const struct ingest *ingest = arg;
	tally_count(ingest->common->ctx, METRIC_ENGINE_ERRORS, 1);
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	tally_log(ingest->common->ctx, TALLY_WARNING, "%s: the engine says: %.*s",
		  ingest_name(ingest), len < ENGINE_TEXT_MAX ? (int)len : ENGINE_TEXT_MAX, text);
}
