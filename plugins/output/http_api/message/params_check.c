/*
 * The checks that every endpoint has in common.  Called on the thread that answers: a worker, or
 * libmicrohttpd's for endpoints that ask no store; cache_policy.c calls params_check() before it
 * trusts a window for its key.  Names first, by endpoint_answer(); values when the endpoint reads
 * them.
 *
 * An unknown parameter is refused rather than ignored: "hosts=a" for "host=a" would otherwise give
 * the rows of all hosts, and look right.
 */
#include "message/params_check.h"

#include <stdio.h>
#include <string.h>

#include "message/suggest.h"

/* ---- The names of parameters --------------------------------------------- */

struct allowed {
	const char *words; /* "from to label+" */
	const char *const *more;
	size_t n;
};

/* The next word of words; NULL: no more. */
static const char *next_word(const char **words, char *ret, size_t size)
{
	*words += strspn(*words, " ");
	size_t len = strcspn(*words, " ");
	if (len == 0 || len >= size)
		return NULL;
	memcpy(ret, *words, len);
	ret[len] = '\0';
	*words += len;
	return ret;
}

static bool is_allowed(const struct allowed *allowed, const char *name, bool *ret_repeats)
{
	char word[64];
	const char *words = allowed->words;
	while (next_word(&words, word, sizeof(word))) {
		size_t len = strcspn(word, "+");
		*ret_repeats = word[len] == '+';
		word[len] = '\0';
		if (strcmp(word, name) == 0)
			return true;
	}
	*ret_repeats = true;
	for (size_t i = 0; i < allowed->n; i++)
		if (strcmp(allowed->more[i], name) == 0)
			return true;
	return false;
}

static void nearer(const char *name, const char *candidate, unsigned *best, char *ret, size_t size)
{
	if (suggest_nearer(name, candidate, best))
		snprintf(ret, size, "; did you mean %s?", candidate);
}

static int refuse_param(struct context *context, const struct allowed *allowed, const char *name)
{
	char word[64], hint[96] = "";
	const char *words = allowed->words;
	unsigned best = SUGGEST_NEAR;
	while (next_word(&words, word, sizeof(word))) {
		word[strcspn(word, "+")] = '\0';
		nearer(name, word, &best, hint, sizeof(hint));
	}
	for (size_t i = 0; i < allowed->n; i++)
		nearer(name, allowed->more[i], &best, hint, sizeof(hint));
	return response_problem(context->builder, 400, name, "there is no such parameter here%s",
				hint);
}

int params_check(struct context *context, const char *words, const char *const *more, size_t n)
{
	const struct allowed allowed = {words, more, n};
	for (uint32_t i = 0; i < context->target->n_params; i++) {
		const char *name = context->target->params[i].name;
		bool repeats;
		if (!is_allowed(&allowed, name, &repeats))
			return refuse_param(context, &allowed, name);
		if (!repeats &&
		    target_param(context->target, name) != context->target->params[i].value)
			return response_problem(context->builder, 400, name,
						"given more than once");
	}
	return 0;
}

/* ---- Values -------------------------------------------------------------- */

/* Where text is among "a|b|c"; -1: nowhere. */
static int choice_of(const char *choices, const char *text)
{
	size_t wanted = strlen(text);
	for (int i = 0;; i++) {
		size_t len = strcspn(choices, "|");
		if (len == wanted && memcmp(choices, text, len) == 0)
			return i;
		if (choices[len] == '\0')
			return -1;
		choices += len + 1;
	}
}

static int refuse_choice(struct context *context, const char *param, const char *choices,
			 const char *text)
{
	char word[64], hint[96] = "";
	unsigned best = SUGGEST_NEAR;
	for (const char *at = choices; *at;) {
		size_t len = strcspn(at, "|");
		snprintf(word, sizeof(word), "%.*s", (int)len, at);
		if (suggest_nearer(text, word, &best))
			snprintf(hint, sizeof(hint), "; did you mean %s?", word);
		at += len + (at[len] == '|');
	}
	return response_problem(context->builder, 400, param, "\"%s\" is none of %s%s", text,
				choices, hint);
}

int param_read_choice(struct context *context, const char *param, const char *choices, int *ret)
{
	const char *text = target_param(context->target, param);
	int choice = text ? choice_of(choices, text) : *ret;
	if (choice < 0)
		return refuse_choice(context, param, choices, text);
	*ret = choice;
	return 0;
}

int param_read_flag(struct context *context, const char *param, bool *ret)
{
	int flag = *ret;
	int r = param_read_choice(context, param, "no|yes", &flag);
	*ret = flag == 1;
	return r;
}

int param_check_choice(struct context *context, const char *param, const char *choices,
		       const char *value)
{
	if (!choices || choice_of(choices, value) >= 0)
		return 0;
	return refuse_choice(context, param, choices, value);
}
