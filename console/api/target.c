/*
 * --url, TALLYD_URL, then the [output.http_api] of the configuration: its listen, a token of its
 * tokens_file, its certificate.  The configuration is parsed without loading plugins, so options
 * have their text only; a default that is needed stands here, too.
 *
 * With a certificate of our own configuration, the server must have exactly that one (or be signed
 * by one in that file), whatever name it is for: we ask for 127.0.0.1, it is for the world.
 */
#include "api/target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "config/config.h"

enum { TARGET_LINE = 512 };

/* ---- A token --------------------------------------------------------------- */

/* Of the tokens of a file, the first with the scope read, or else the first.  A file with one
 * token and no scope after it is good as well: a secret as others hand it over. */
static int target_token_of(const char *path, char **ret, struct error *error)
{
	char line[TARGET_LINE];
	auto_free char *first = NULL;
	auto_fclose FILE *file = fopen(path, "re");
	if (!file)
		return error_set(error, errno,
				 "%s: %s; set TALLYD_TOKEN, or TALLYD_TOKEN_FILE to a file with a "
				 "token that you may read",
				 path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		char *rest;
		const char *token = strtok_r(line, " \t\r\n", &rest);
		if (!token || *token == '#')
			continue;
		bool all = false;
		const char *scope;
		while ((scope = strtok_r(NULL, " \t\r\n", &rest)))
			all |= strcmp(scope, "read") == 0;
		if (all || !first) {
			free(first);
			first = strdup(token);
		}
		if (all)
			break;
	}
	explicit_bzero(line, sizeof(line));
	if (!first)
		return error_set(error, ENOENT, "%s: there is no token in it", path);
	*ret = TAKE(first);
	return 0;
}

static int target_find_token(const struct target_options *options, const char *configured,
			     char **ret, struct error *error)
{
	const char *given = getenv("TALLYD_TOKEN");
	const char *file = options->token_file;
	if (!file && given && *given) {
		*ret = strdup(given);
		return *ret ? 0 : error_set(error, ENOMEM, "out of memory");
	}
	if (!file)
		file = getenv("TALLYD_TOKEN_FILE");
	if (!file || !*file)
		file = configured;
	return file ? target_token_of(file, ret, error) : 0;
}

/* ---- The configuration ------------------------------------------------------- */

static const char *target_value(const struct config_section *section, const char *key)
{
	for (size_t i = 0; i < section->n_entries; i++)
		if (strcmp(section->entries[i].key, key) == 0)
			return section->entries[i].value;
	return NULL;
}

static bool target_is_api(const struct config_section *section)
{
	bool enabled = true;
	const char *text = target_value(section, "enabled");
	if (text && text_parse_bool(text, &enabled) < 0)
		return false;
	return enabled && section->plugin && strcmp(section->kind, "output") == 0 &&
	       strcmp(section->plugin, "http_api") == 0;
}

/* An address for listening as one to connect to: that of every interface is this machine. */
static int target_set_url(struct target *target, const struct config_section *section,
			  struct error *error)
{
	const char *listen = target_value(section, "listen");
	if (!listen || !*listen)
		listen = "127.0.0.1:7420";
	const char *colon = strrchr(listen, ':');
	if (!colon || strcmp(colon, ":0") == 0)
		return error_set(error, EINVAL,
				 "%s:%u: [%s] listen = %s is no address to connect to; give --url",
				 section->file, section->line, section->name, listen);
	int len = (int)(colon - listen);
	bool any = len == 0 || strncmp(listen, "0.0.0.0:", 8) == 0 || *listen == '*';
	bool any6 = strncmp(listen, "[::]:", 5) == 0;
	target->own = true;
	if (asprintf(&target->url, "http%s://%.*s%s", target->ca_file ? "s" : "",
		     any || any6 ? 0 : len, listen, any || any6 ? "" : colon) < 0)
		return error_set(error, ENOMEM, "out of memory");
	if (!any && !any6)
		return 0;
	free(target->url);
	target->url = NULL;
	if (asprintf(&target->url, "http%s://%s%s", target->ca_file ? "s" : "",
		     any ? "127.0.0.1" : "[::1]", colon) < 0)
		return error_set(error, ENOMEM, "out of memory");
	return 0;
}

static int target_of_section(const struct target_options *options,
			     const struct config_section *section, struct target *target,
			     struct error *error)
{
	const char *certificate = target_value(section, "tls_cert");
	if (certificate && *certificate && !target->ca_file) {
		target->ca_file = strdup(certificate);
		if (!target->ca_file)
			return error_set(error, ENOMEM, "out of memory");
	}
	int r = target_set_url(target, section, error);
	const char *tokens = target_value(section, "tokens_file");
	return r < 0 ? r
		     : target_find_token(options, tokens && *tokens ? tokens : NULL, &target->token,
					 error);
}

static int target_of_config(const struct target_options *options, struct target *target,
			    struct error *error)
{
	struct config *config = NULL;
	struct problems problems;
	problems_init(&problems);
	int r = config_read(options->config_path, &config, &problems);
	if (r < 0 || !config) {
		error_set(error, EINVAL, "%s; or give --url",
			  problems.n ? problems.texts[0] : options->config_path);
		problems_done(&problems);
		return -EINVAL;
	}
	problems_done(&problems);
	const struct config_section *found = NULL;
	for (size_t i = 0; i < config->n_sections && !found; i++)
		if (target_is_api(&config->sections[i]))
			found = &config->sections[i];
	if (found)
		r = target_of_section(options, found, target, error);
	else
		r = error_set(error, EINVAL,
			      "%s: there is no [output.http_api] that is enabled; give --url or "
			      "set TALLYD_URL",
			      options->config_path);
	config_destroy(config);
	return r;
}

/* ---- Either ------------------------------------------------------------------ */

static int target_of_url(const struct target_options *options, const char *url,
			 struct target *target, struct error *error)
{
	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return error_set(error, EINVAL,
				 "%s: an address begins with http:// or https://, as in "
				 "http://127.0.0.1:7420",
				 url);
	target->url = strdup(url);
	if (!target->url)
		return error_set(error, ENOMEM, "out of memory");
	for (size_t len = strlen(url); len > 0 && target->url[len - 1] == '/'; len--)
		target->url[len - 1] = '\0';
	return target_find_token(options, NULL, &target->token, error);
}

int target_find(const struct target_options *options, struct target *ret, struct error *error)
{
	struct target target = {0};
	const char *url = options->url ? options->url : getenv("TALLYD_URL");
	const char *ca_file = options->ca_file ? options->ca_file : getenv("TALLYD_CACERT");
	if (ca_file && *ca_file && !(target.ca_file = strdup(ca_file)))
		return error_set(error, ENOMEM, "out of memory");
	int r = url && *url ? target_of_url(options, url, &target, error)
			    : target_of_config(options, &target, error);
	if (r < 0) {
		target_done(&target);
		return r;
	}
	*ret = target;
	return 0;
}

void target_done(struct target *target)
{
	if (target->token)
		explicit_bzero(target->token, strlen(target->token));
	free(target->url);
	free(target->token);
	free(target->ca_file);
	*target = (struct target){0};
}
