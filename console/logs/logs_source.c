/*
 * What a NAME means.  A pattern is one of names.  A container's whole name stays a name, so that
 * its successor is followed as well when it is made anew; a beginning of an id becomes that id.
 * What no container is called may be a compose project: its containers, by their ids.
 *
 * The API takes names or ids, not either, so as soon as there is an id, all become ids.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "logs/logs.h"
#include "api/row.h"
#include "terminal/text.h"

enum { SOURCE_MAX = 40 }; /* of a request's 64 parameters */

struct source_finder {
	struct client *client;
	const struct logs_options *options;
	struct error *error;
	struct strbuf names, ids; /* "&name=…&name=…", "&container=…" */
	unsigned n;
	bool only_names;    /* patterns, and names that several containers bear */
	struct strbuf path; /* of the request under way */
};

static int source_full(const struct source_finder *finder)
{
	return error_set(
		finder->error, E2BIG,
		"more than %d containers cannot be asked for at once; use a pattern, as in "
		"'shop-*', or no name at all",
		SOURCE_MAX);
}

static int source_failed(const struct source_finder *finder, const struct answer *answer)
{
	return error_set(finder->error, EIO, "%s",
			 answer->problem ? answer->problem : "the API's answer is damaged");
}

/* ---- Containers of a project -------------------------------------------------------- */

struct source_rows {
	struct source_finder *finder;
	unsigned n;
};

static void source_take(void *arg, char *json, size_t len)
{
	struct source_rows *rows = arg;
	struct row row;
	if (!row_read(json, len, &row) || !row.container_id.at)
		return;
	client_parameter(&rows->finder->ids, "container", row.container_id.at);
	rows->n++;
	rows->finder->n++;
}

/* *ret_n: how many containers it has. */
static int source_project(struct source_finder *finder, const char *project, unsigned *ret_n)
{
	struct answer answer;
	struct source_rows rows = {.finder = finder};
	struct strbuf cursor = {0};
	strbuf_clear(&finder->path);
	strbuf_add(&finder->path, "/api/v1/containers?limit=1000");
	client_parameter(&finder->path, "project", project);
	if (finder->options->host)
		client_parameter(&finder->path, "host", finder->options->host);
	client_fetch(finder->client, finder->path.data, &answer);
	if (answer.problem)
		return source_failed(finder, &answer);
	bool well = row_list(answer.body, answer.len, source_take, &rows, &cursor);
	strbuf_done(&cursor);
	if (!well)
		return error_set(finder->error, EBADMSG, "the API's list of containers is damaged");
	*ret_n = rows.n;
	return finder->n > SOURCE_MAX ? source_full(finder) : 0;
}

/* ---- A name ---------------------------------------------------------------------------- */

static int source_unknown(const struct source_finder *finder, const char *name)
{
	struct strbuf shown = {0};
	text_show(&shown, name, strlen(name), 80);
	error_set(finder->error, ENOENT, "there is no container and no compose project %s",
		  shown.len ? shown.data : "\"\"");
	strbuf_done(&shown);
	return -ENOENT;
}

static void source_drop_row(void *arg, char *json, size_t len)
{
	(void)json;
	(void)len;
	++*(unsigned *)arg;
}

/* Of several containers that fit: do they all bear that name, each on its host, or is it the
 * beginning of several ids? */
static bool source_is_name(struct source_finder *finder, const char *name)
{
	struct answer answer;
	struct strbuf cursor = {0};
	unsigned n = 0;
	strbuf_clear(&finder->path);
	strbuf_add(&finder->path, "/api/v1/containers?gone=yes&limit=1");
	client_parameter(&finder->path, "name", name);
	client_fetch(finder->client, finder->path.data, &answer);
	if (!answer.problem)
		row_list(answer.body, answer.len, source_drop_row, &n, &cursor);
	strbuf_done(&cursor);
	return n > 0;
}

static int source_of_answer(struct source_finder *finder, const char *name,
			    const struct answer *answer)
{
	struct row row;
	if (answer->problem || !row_read(answer->body, answer->len, &row) || !row.container_id.at)
		return source_failed(finder, answer);
	if (row.name.at && strcmp(row.name.at, name) == 0)
		client_parameter(&finder->names, "name", name);
	client_parameter(&finder->ids, "container", row.container_id.at);
	finder->n++;
	return 0;
}

static int source_add_name(struct source_finder *finder, const char *name)
{
	finder->only_names = true;
	finder->n++;
	client_parameter(&finder->names, "name", name);
	return 0;
}

static int source_name(struct source_finder *finder, const char *name, bool *ret_grows)
{
	struct answer answer;
	if (strpbrk(name, "*?"))
		return source_add_name(finder, name);
	if (!*name)
		return source_unknown(finder, name);
	strbuf_clear(&finder->path);
	strbuf_add(&finder->path, "/api/v1/containers/");
	client_escape(&finder->path, name);
	if (finder->options->host) {
		strbuf_add(&finder->path, "?host=");
		client_escape(&finder->path, finder->options->host);
	}
	client_fetch(finder->client, finder->path.data, &answer);
	if (answer.status == 409 && source_is_name(finder, name))
		return source_add_name(finder, name);
	if (answer.status != 404)
		return source_of_answer(finder, name, &answer);
	unsigned n = 0;
	int r = source_project(finder, name, &n);
	*ret_grows = true;
	return r < 0 || n > 0 ? r : source_unknown(finder, name);
}

static unsigned source_count(const struct strbuf *parameters)
{
	unsigned n = 0;
	for (const char *at = parameters->data; at && (at = strchr(at, '&')); at++)
		n++;
	return n;
}

static int source_all(struct source_finder *finder, struct logs_source *ret)
{
	unsigned n = 1;
	int r = 0;
	for (int i = 0; i < finder->options->n_names && r == 0; i++)
		r = source_name(finder, finder->options->names[i], &ret->grows);
	if (r == 0 && finder->options->project) {
		r = source_project(finder, finder->options->project, &n);
		ret->grows = true;
	}
	if (r == 0 && n == 0)
		return source_unknown(finder, finder->options->project);
	if (r < 0)
		return r;
	bool by_name = source_count(&finder->names) == finder->n;
	if (!by_name && finder->only_names)
		return error_set(finder->error, EINVAL,
				 "patterns, and names of several containers, do not go together "
				 "with ids or projects");
	if (finder->n > SOURCE_MAX)
		return source_full(finder);
	const struct strbuf *found = by_name ? &finder->names : &finder->ids;
	ret->several = finder->n != 1 || finder->only_names;
	strbuf_bytes(&ret->parameters, found->data ? found->data : "", found->len);
	return ret->parameters.failed ? error_set(finder->error, ENOMEM, "out of memory") : 0;
}

int logs_source_find(struct client *client, const struct logs_options *options,
		     struct logs_source *ret, struct error *error)
{
	struct source_finder finder = {.client = client, .options = options, .error = error};
	int r = source_all(&finder, ret);
	strbuf_done(&finder.names);
	strbuf_done(&finder.ids);
	strbuf_done(&finder.path);
	return r;
}

void logs_source_done(struct logs_source *source)
{
	strbuf_done(&source->parameters);
}

/* ---- Parameters ---------------------------------------------------------------------- */

void logs_filters(struct strbuf *path, const struct logs_options *options)
{
	if (options->host)
		client_parameter(path, "host", options->host);
	for (int i = 0; i < options->n_levels; i++)
		client_parameter(path, "level", options->levels[i]);
	for (int i = 0; i < options->n_searches; i++)
		client_parameter(path, "q", options->searches[i]);
}
