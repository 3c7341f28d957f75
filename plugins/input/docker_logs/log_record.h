/*
 * One record of the engine's json-file driver, as it stands in ID-json.log:
 *	{"log":"text\n","stream":"stdout","time":"2026-11-23T16:18:12.902552239Z"}
 * Source: daemon/logger/jsonfilelog/jsonlog of the engine.
 */
#ifndef TALLYD_LOG_RECORD_H
#define TALLYD_LOG_RECORD_H

#include "log_part.h"

/* Decodes in place: ret's text lies in record.  false: it is not one. */
bool log_record_read(char *record, size_t len, struct log_part *ret);

#endif
