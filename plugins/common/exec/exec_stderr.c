/*
 * Levels as programs write them: <4> in front (sd-daemon(3)), and Telegraf's E! W! I! D!, which may
 * stand behind a date.  All lines have one format, so the log's limit of a few per minute holds for
 * a program that floods; the metric counts every line.
 */
#include "exec/exec_stderr.h"

#include <string.h>

#include "base/utf8.h"

static size_t stderr_syslog_level(const char *line, int *ret_level)
{
	if (line[0] != '<' || line[1] < '0' || line[1] > '7' || line[2] != '>')
		return 0;
	int level = line[1] - '0';
	*ret_level = level < TALLY_ERROR ? TALLY_ERROR : level;
	return 3;
}

/* "2026-11-30T12:00:00Z E! text", "2026/11/30 12:00:00 E! text" or "E! text". */
static size_t stderr_telegraf_level(const char *line, int *ret_level)
{
	static const char letters[] = "EWID";
	static const int levels[] = {TALLY_ERROR, TALLY_WARNING, TALLY_INFO, TALLY_DEBUG};
	const char *at = line + strspn(line, "0123456789-/:.TZ+ ");
	const char *letter = *at ? strchr(letters, *at) : NULL;
	if (!letter || at[1] != '!' || at[2] != ' ')
		return 0;
	*ret_level = levels[letter - letters];
	return (size_t)(at - line) + 3;
}

size_t exec_stderr_level(const char *line, int *ret_level)
{
	size_t n = stderr_syslog_level(line, ret_level);
	return n ? n : stderr_telegraf_level(line, ret_level);
}

/* Control characters would move a terminal's cursor or forge a line. */
static void stderr_clean(char *line, size_t len)
{
	bool valid = utf8_valid(line, len);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)line[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f || (!valid && c >= 0x80))
			line[i] = '?';
	}
}

static void stderr_log_line(struct exec_program *program, char *line, size_t len)
{
	int level = TALLY_ERROR + (int)program->config->stderr_level;
	stderr_clean(line, len);
	size_t skip = exec_stderr_level(line, &level);
	tally_log(program->ctx, level, "stderr: %s", line + skip);
}

void exec_stderr_log(struct exec_program *program, bool ended)
{
	struct exec_lines *lines = &program->errors;
	char *line;
	size_t len;
	enum exec_lines_got got;
	while ((got = exec_lines_next(lines, &line, &len)) != EXEC_LINES_NONE ||
	       (ended && (got = exec_lines_rest(lines, &line, &len)) != EXEC_LINES_NONE)) {
		tally_count(program->ctx, program->metric_stderr, 1);
		if (got == EXEC_LINES_TOO_LONG)
			tally_log(program->ctx, TALLY_WARNING,
				  "stderr: a line of more than %zu bytes is left out", lines->max);
		else if (len)
			stderr_log_line(program, line, len);
	}
}
