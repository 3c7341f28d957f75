/*
 * start() opens the file on the core's thread; afterwards auth.c calls the others on the HTTP
 * thread: tokens_generation() reads the file again when it has changed, at most once a second.  A
 * file that is wrong is an error at the start; later it is logged, and the tokens read before stay
 * valid.
 *
 * Tokens are compared in constant time, all of them for each request, so that timing reveals
 * nothing about their bytes or their order; buffers that held one are overwritten.
 */
#include "http/tokens.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "http/file_watch.h"
#include "routes/endpoint.h"

enum { TOKENS_LINE_SIZE = 512 };

static const int64_t tokens_poll_interval =
	CLOCK_SECOND; /* how often the file is checked, at most */

struct token {
	char text[TOKENS_MAX_LENGTH]; /* padded with zeros */
	unsigned scopes;              /* a bit per enum http_class */
};

struct token_list {
	uint32_t n;
	struct token token[TOKENS_MAX];
};

struct tokens {
	struct tally_ctx *ctx;
	const char *path;
	int64_t checked; /* monotonic */
	struct file_watch read;
	unsigned generation; /* of list */
	struct token_list list;
};

/* ---- Reading ------------------------------------------------------------- */

static unsigned token_scope(const char *word)
{
	if (strcmp(word, "read") == 0)
		return ~0U;
	/* From HTTP_OTHER on they are no scopes: those pages need any known token. */
	for (unsigned i = 0; i < HTTP_OTHER; i++)
		if (strcmp(http_class_names[i], word) == 0)
			return 1U << i;
	return 0;
}

/* What is wrong with a line; NULL: nothing.  The message never repeats the token. */
static const char *tokens_read_line(char *line, struct token_list *list)
{
	static const char blanks[] = " \t\r\n";
	char *rest;
	const char *text = strtok_r(line, blanks, &rest);
	if (!text || *text == '#')
		return NULL;
	size_t len = strlen(text);
	if (list->n == TOKENS_MAX)
		return "too many tokens";
	if (len < TOKENS_MIN_LENGTH || len >= TOKENS_MAX_LENGTH)
		return "a token has 20 to 127 bytes (openssl rand -hex 32 makes a good one)";
	struct token *token = &list->token[list->n++];
	*token = (struct token){.scopes = 0};
	memcpy(token->text, text, len);
	const char *word = strtok_r(NULL, blanks, &rest);
	if (!word)
		return "no scope stands after the token (try read)";
	for (; word; word = strtok_r(NULL, blanks, &rest)) {
		unsigned scope = token_scope(word);
		if (!scope)
			return "no such scope (read, or containers, stats, logs, events, images, "
			       "tables, daemon, health, metrics, stream)";
		token->scopes |= scope;
	}
	return NULL;
}

static int tokens_read(struct tokens *tokens, FILE *file, struct token_list *ret)
{
	char line[TOKENS_LINE_SIZE];
	ret->n = 0;
	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		const char *wrong = strlen(line) == sizeof(line) - 1 ? "the line is too long"
								     : tokens_read_line(line, ret);
		if (wrong)
			return tally_fail(tokens->ctx, EINVAL, "tokens_file: %s:%u: %s",
					  tokens->path, number, wrong);
	}
	explicit_bzero(line, sizeof(line));
	if (ret->n == 0)
		return tally_fail(tokens->ctx, EINVAL, "tokens_file: %s contains no token",
				  tokens->path);
	return 0;
}

static int tokens_load(struct tokens *tokens)
{
	struct token_list list;
	struct stat stat;
	auto_fclose FILE *file = fopen(tokens->path, "re");
	if (!file || fstat(fileno(file), &stat) < 0)
		return tally_fail(tokens->ctx, errno, "tokens_file: %s: %s", tokens->path,
				  strerror(errno));
	tokens->read = file_watch_of(&stat);
	if (stat.st_mode & (S_IRWXO | S_IWGRP))
		return tally_fail(tokens->ctx, EPERM,
				  "tokens_file: %s: others may read or change it (chmod 600)",
				  tokens->path);
	int r = tokens_read(tokens, file, &list);
	if (r == 0) {
		/* A file that was only touched ends no session. */
		bool same = list.n == tokens->list.n && memcmp(list.token, tokens->list.token,
							       list.n * sizeof(*list.token)) == 0;
		tokens->generation += !same;
		tokens->list = list;
	}
	explicit_bzero(&list, sizeof(list));
	return r;
}

/* A file that is wrong now changes nothing: what was good stays. */
static void tokens_refresh(struct tokens *tokens)
{
	int64_t now = tally_monotonic(tokens->ctx);
	if (now - tokens->checked < tokens_poll_interval)
		return;
	tokens->checked = now;
	if (!file_watch_is_old(&tokens->read, tokens->path))
		return;
	if (tokens_load(tokens) == 0)
		tally_log(tokens->ctx, TALLY_NOTICE, "tokens_file: reloaded, %u tokens",
			  tokens->list.n);
	else
		tally_log(tokens->ctx, TALLY_ERROR, "%s; the previous tokens stay valid",
			  tally_reason(tokens->ctx));
}

unsigned tokens_generation(struct tokens *tokens)
{
	tokens_refresh(tokens);
	return tokens->generation;
}

int tokens_open(struct tally_ctx *ctx, const char *path, struct tokens **ret)
{
	struct tokens *tokens = calloc(1, sizeof(*tokens));
	if (!tokens)
		return tally_fail(ctx, ENOMEM, "out of memory");
	tokens->ctx = ctx;
	tokens->path = path;
	tokens->checked = tally_monotonic(ctx);
	int r = tokens_load(tokens);
	if (r < 0) {
		tokens_close(tokens);
		return r;
	}
	*ret = tokens;
	return 0;
}

void tokens_close(struct tokens *tokens)
{
	if (!tokens)
		return;
	explicit_bzero(&tokens->list, sizeof(tokens->list));
	free(tokens);
}

/* ---- Comparing ----------------------------------------------------------- */

/* ~0 if equal, else 0, without a branch; both are padded with zeros. */
static unsigned token_equals(const char *a, const char *b)
{
	unsigned differ = 0;
	for (size_t i = 0; i < TOKENS_MAX_LENGTH; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return (differ - 1) & ~differ & 0x80000000U ? ~0U : 0;
}

bool tokens_find(const struct tokens *tokens, const char *text, size_t len, struct token_grant *ret)
{
	char given[TOKENS_MAX_LENGTH] = "";
	struct token_grant found = {.scopes = 0};
	if (len >= sizeof(given))
		return false;
	memcpy(given, text, len);
	/* A token on several lines has the scopes of all of them. */
	for (uint32_t i = 0; i < tokens->list.n; i++) {
		unsigned same = token_equals(given, tokens->list.token[i].text);
		found.scopes |= tokens->list.token[i].scopes & same;
		found.place = (found.place & ~same) | (i & same);
	}
	explicit_bzero(given, sizeof(given));
	if (!found.scopes)
		return false;
	*ret = found;
	return true;
}
