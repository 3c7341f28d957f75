/*
 * A line is printed when it begins, for people, or when it ends, for programs.  What does not fit
 * into memory is lost, as what cannot be printed is.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_reader.h"

enum { REPORT_TEXT_SIZE = 2000, REPORT_LINE_MAX = 64 << 10 };

struct report report_of(const struct tally_command *command)
{
	struct report report = {.json = false};
	for (int i = 1; i < command->argc; i++)
		report.json = report.json || strcmp(command->argv[i], "--json") == 0;
	return report;
}

static void report_text(struct report *report, bool problem, const char *text)
{
	report->wrong = report->wrong || problem;
	if (!report->json) {
		printf("%s %s\n", problem ? "!" : " ", text);
		return;
	}
	json_writer_init(&report->line, REPORT_LINE_MAX);
	json_begin_object(&report->line);
	json_write_key(&report->line, "problem");
	json_write_bool(&report->line, problem);
	report_string(report, "text", text);
}

void report_begin(struct report *report, bool problem, const char *fmt, ...)
{
	char text[REPORT_TEXT_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report_text(report, problem, text);
}

void report_line(struct report *report, bool problem, const char *fmt, ...)
{
	char text[REPORT_TEXT_SIZE];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	report_text(report, problem, text);
	report_end(report);
}

static bool report_key(struct report *report, const char *key)
{
	if (report->json)
		json_write_key(&report->line, key);
	return report->json;
}

void report_string(struct report *report, const char *key, const char *value)
{
	if (report_key(report, key))
		json_write_string(&report->line, value);
}

void report_int(struct report *report, const char *key, int64_t value)
{
	if (report_key(report, key))
		json_write_int(&report->line, value);
}

void report_time(struct report *report, const char *key, int64_t ns)
{
	if (report_key(report, key))
		json_write_time(&report->line, ns);
}

void report_unknown(struct report *report, const char *key)
{
	if (report_key(report, key))
		json_write_null(&report->line);
}

void report_members(struct report *report, const char *object)
{
	size_t len = strlen(object);
	if (!report->json || len <= 2 || object[0] != '{' || !json_check(object, len))
		return;
	json_write_raw(&report->line, ",", 1);
	json_write_raw(&report->line, object + 1, len - 2);
}

void report_end(struct report *report)
{
	if (!report->json)
		return;
	json_end_object(&report->line);
	if (report->line.error == 0)
		printf("%.*s\n", (int)report->line.len, report->line.data);
	json_writer_done(&report->line);
}
