/*
 * Rows as lines of text, or as JSON.  Text is made safe for whoever shows it, also behind a pipe,
 * since what ends in a terminal after grep is as hostile as before; JSON is exact.  A message of
 * several lines goes on below itself, so that no line of it can pass for one of tallyd's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "logs/logs.h"
#include "api/row.h"
#include "terminal/text.h"

enum { PRINTER_NAME = 24, PRINTER_FULL = 64 << 10 };

struct logs_printer {
	const struct logs_options *options;
	struct strbuf out;
	size_t name_width;
	bool several, closed, failed;
};

struct logs_printer *logs_printer_create(const struct logs_options *options, bool several)
{
	struct logs_printer *printer = calloc(1, sizeof(*printer));
	if (printer)
		*printer = (struct logs_printer){.options = options, .several = several};
	return printer;
}

void logs_printer_destroy(struct logs_printer *printer)
{
	if (printer)
		strbuf_done(&printer->out);
	free(printer);
}

bool logs_flush(struct logs_printer *printer)
{
	const char *at = printer->out.data;
	for (size_t left = printer->out.len; left > 0 && !printer->closed && !printer->failed;) {
		ssize_t n = write(STDOUT_FILENO, at, left);
		if (n >= 0) {
			at += n;
			left -= (size_t)n;
		} else if (errno == EPIPE) {
			printer->closed = true;
		} else if (errno != EINTR) {
			fprintf(stderr, "tallyd: cannot write to stdout: %s\n", strerror(errno));
			printer->failed = true;
		}
	}
	strbuf_clear(&printer->out);
	return !printer->closed && !printer->failed;
}

bool logs_closed(const struct logs_printer *printer)
{
	return printer->closed;
}

/* ---- One row ------------------------------------------------------------------------ */

static const char *printer_colour(const struct logs_printer *printer, char letter)
{
	if (!printer->options->colours)
		return "";
	switch (letter) {
	case 'E':
	case 'C':
		return "\x1b[31m";
	case 'W':
		return "\x1b[33m";
	case 'T':
	case 'D':
		return "\x1b[2m";
	default:
		return "";
	}
}

/* The same for a name wherever it is shown; none is red or yellow, which say something else. */
static const char *printer_name_colour(const struct logs_printer *printer,
				       const struct json_text *name)
{
	static const char *const colours[] = {"\x1b[32m", "\x1b[34m", "\x1b[35m", "\x1b[36m"};
	return printer->options->colours && name->at
		       ? colours[hash_bytes(0, name->at, name->len) % 4]
		       : "";
}

static void printer_blanks(struct strbuf *out, size_t n)
{
	strbuf_add(out, "%*s", (int)n, "");
}

static void printer_name(struct logs_printer *printer, const struct row *row)
{
	struct strbuf *out = &printer->out;
	const struct json_text *name = row->name.at ? &row->name : &row->container_id;
	const char *colour = printer_name_colour(printer, name);
	strbuf_add(out, "%s", colour);
	size_t width =
		text_show(out, name->at ? name->at : "-", name->at ? name->len : 1, PRINTER_NAME);
	strbuf_add(out, "%s", *colour ? "\x1b[0m" : "");
	if (width > printer->name_width)
		printer->name_width = width;
	printer_blanks(out, printer->name_width - width + 1);
}

static void printer_message(struct logs_printer *printer, const struct row *row, size_t indent)
{
	struct strbuf *out = &printer->out;
	char letter = row_letter(&row->level);
	const char *colour = printer_colour(printer, letter);
	const char *at = row->message.at ? row->message.at : "";
	const char *end = at + row->message.len;
	for (bool first = true; first || at < end; first = false) {
		const char *line = memchr(at, '\n', (size_t)(end - at));
		if (!line)
			line = end;
		if (!first)
			printer_blanks(out, indent);
		size_t len = (size_t)(line - at);
		if (len && at[len - 1] == '\r')
			len--;
		strbuf_add(out, "%s", colour);
		text_show_line(out, at, len, TEXT_UNBOUNDED);
		strbuf_add(out, "%s\n", *colour ? "\x1b[0m" : "");
		at = line < end ? line + 1 : end;
	}
}

static void printer_text(struct logs_printer *printer, const struct row *row)
{
	char time[40];
	struct strbuf *out = &printer->out;
	if (printer->options->plain) {
		printer_message(printer, row, 0);
		return;
	}
	row_time(row->time, time, sizeof(time));
	strbuf_add(out, "%s%s%s ", printer->options->colours ? "\x1b[2m" : "", time,
		   printer->options->colours ? "\x1b[0m" : "");
	if (printer->several)
		printer_name(printer, row);
	strbuf_add(out, "%c ", row_letter(&row->level));
	printer_message(printer, row,
			strlen(time) + 3 + (printer->several ? printer->name_width + 1 : 0));
}

void logs_print(struct logs_printer *printer, char *json, size_t len)
{
	struct row row;
	if (printer->closed || printer->failed)
		return;
	if (printer->options->json) {
		text_show_json(&printer->out, json, len);
		strbuf_add(&printer->out, "\n");
	} else if (row_read(json, len, &row)) {
		printer_text(printer, &row);
	}
	if (printer->out.len > PRINTER_FULL)
		logs_flush(printer);
}
