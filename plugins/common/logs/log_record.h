/*
 * One record of a log file: a line of it without its newline, in either of two formats.
 *
 * Docker's json-file driver, ID-json.log:
 *	{"log":"text\n","stream":"stdout","time":"2026-11-23T16:18:12.902552239Z"}
 * Source: daemon/logger/jsonfilelog/jsonlog of the engine.
 *
 * The CRI format, which Podman's k8s-file driver (it calls itself json-file), containerd and CRI-O
 * write; P is a part of a line, F its last:
 *	2026-11-23T16:18:12.902552239+00:00 stdout F text
 * Source: "CRI logging" in the Kubernetes design documents, pkg/kubelet/kuberuntime/logs.
 *
 * A power cut can leave the beginning of a record, or a run of NULs, in front of a whole one.
 */
#ifndef TALLYD_LOG_RECORD_H
#define TALLYD_LOG_RECORD_H

#include "logs/log_part.h"

/* Decodes in place: ret's text lies in record.  false: it is not one. */
bool log_record_read(char *record, size_t len, struct log_part *ret);
/* After log_record_read() has failed: the whole record at the end of it, if there is one. */
bool log_record_recover(char *record, size_t len, struct log_part *ret);

#endif
