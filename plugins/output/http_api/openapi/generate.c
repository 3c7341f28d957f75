/*
 * Writes openapi.json when tallyd is built: `generate OUT FRAGMENT…`; and for docs/api.md, by
 * tests/config/endpoints.sh, the overview of all endpoints.  Not part of the plugin.
 *
 * Paths, parameters and errors come from the table of routes.  Schemas and examples are JSON by
 * nature, so they are files beside the resource that they belong to (routes/NAME.json), with two
 * members: "schemas" by name, "examples" by operation and media type.  What belongs to no resource
 * is in routes/openapi_common.json.  This program only puts them in their places, and ends with an
 * error, and with it the build, if a route lacks a schema or an example, or an example its route.
 *
 * It stands on base/ and on the table alone, so that it builds for the machine that builds whatever
 * the plugin is built for.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "routes/endpoint.h"

enum { FRAGMENTS_MAX = 64, COMPONENTS_MAX = 64, FILE_MAX = 1 << 20 };

/* One file of schemas and examples, as text: each look-up parses it again, which takes the build a
 * few milliseconds and spares this program a tree. */
static struct {
	const char *name;
	char *text;
} fragments[FRAGMENTS_MAX];
static int n_fragments;

static struct json_writer out;
static struct arena memory; /* freed by the end of the process */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("openapi.json: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static char *copy(const char *text, size_t len)
{
	char *copied = arena_copy(&memory, text, len);
	if (!copied)
		die("out of memory");
	return copied;
}

/* ---- Fragments ----------------------------------------------------------- */

static void read_fragment(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = arena_alloc(&memory, FILE_MAX);
	if (!file || !text)
		die("%s: %s", path, strerror(errno));
	if (fread(text, 1, FILE_MAX - 1, file) == FILE_MAX - 1)
		die("%s: too large", path);
	fclose(file);
	if (n_fragments == FRAGMENTS_MAX)
		die("too many fragments");
	fragments[n_fragments].name = path;
	fragments[n_fragments++].text = text;
}

typedef void member_fn(const char *name, const char *value);

/* The reader ends strings in place, so it gets a copy. */
static void each_member(const char *where, const char *object, member_fn *call)
{
	struct json_reader json;
	struct json_text name, value;
	json_reader_init(&json, copy(object, strlen(object)), strlen(object));
	json_enter_object(&json);
	while (json_next_key(&json, &name) && json_read_raw(&json, &value))
		call(copy(name.at, name.len), copy(value.at, value.len));
	if (!json_finish(&json))
		die("%s: %s", where, json.problem);
}

static const char *wanted;
static char *found;

static void keep_wanted(const char *name, const char *value)
{
	if (strcmp(name, wanted) == 0)
		found = copy(value, strlen(value));
}

/* NULL: it has no such member. */
static char *member_of(const char *where, const char *object, const char *name)
{
	wanted = name;
	found = NULL;
	each_member(where, object, keep_wanted);
	return found;
}

/* ROOT.NAME of the first fragment that has it; NULL: none has. */
static char *lookup(const char *root, const char *name)
{
	for (int i = 0; i < n_fragments; i++) {
		char *object = member_of(fragments[i].name, fragments[i].text, root);
		char *value = object ? member_of(fragments[i].name, object, name) : NULL;
		if (value)
			return value;
	}
	return NULL;
}

static void write_member(const char *name, const char *value)
{
	json_write_key(&out, name);
	json_write_json(&out, value, strlen(value));
}

/* A member that only one fragment has. */
static void write_common(const char *name)
{
	for (int i = 0; i < n_fragments; i++) {
		char *value = member_of(fragments[i].name, fragments[i].text, name);
		if (value) {
			write_member(name, value);
			return;
		}
	}
	die("no fragment has \"%s\"", name);
}

/* ---- Parameters ---------------------------------------------------------- */

static void write_pair(const char *name, const char *value)
{
	json_write_key(&out, name);
	json_write_string(&out, value);
}

static void write_ref(const char *kind, const char *name, size_t len)
{
	char path[128];
	snprintf(path, sizeof(path), "#/components/%s/%.*s", kind, (int)len, name);
	json_begin_object(&out);
	write_pair("$ref", path);
	json_end_object(&out);
}

static void write_choices(const char *choices)
{
	json_write_key(&out, "enum");
	json_begin_array(&out);
	for (const char *at = choices; *at;) {
		size_t len = strcspn(at, "|");
		json_write_text(&out, at, len);
		at += len + (at[len] == '|');
	}
	json_end_array(&out);
}

/* Durations and times are strings, since JSON Schema has no type for them; what they may look like
 * is in the description.  max_results_per_query is a setting, so its default stands for it. */
static void write_value_schema(const struct param_spec *spec)
{
	bool number = spec->type == PARAM_INT;
	json_begin_object(&out);
	write_pair("type", number ? "integer" : "string");
	if (spec->type == PARAM_CHOICE || spec->type == PARAM_CHOICES || spec->type == PARAM_FLAG)
		write_choices(spec->type == PARAM_FLAG ? "no|yes" : spec->choices);
	if (number) {
		json_write_key(&out, "minimum");
		json_write_int(&out, spec->min);
		json_write_key(&out, "maximum");
		json_write_int(&out, spec->max);
	}
	if (number && spec->fallback)
		write_member("default", spec->fallback);
	else if (spec->fallback)
		write_pair("default", spec->fallback);
	json_end_object(&out);
}

static void write_param(const struct param_spec *spec)
{
	/* style is form by default: repeated with explode, else with commas between. */
	bool repeated = spec->flags & PARAM_REPEATED;
	bool many = repeated || spec->type == PARAM_CHOICES;
	json_begin_object(&out);
	write_pair("name", spec->name);
	write_pair("in", spec->flags & PARAM_IN_PATH     ? "path"
			 : spec->flags & PARAM_IN_HEADER ? "header"
							 : "query");
	if (spec->flags & PARAM_REQUIRED)
		write_member("required", "true");
	write_pair("description", spec->help);
	json_write_key(&out, "schema");
	if (many) {
		json_begin_object(&out);
		write_pair("type", "array");
		json_write_key(&out, "items");
	}
	write_value_schema(spec);
	if (many) {
		json_end_object(&out);
		write_member("explode", repeated ? "true" : "false");
	}
	if (spec->example)
		write_member("example", spec->example);
	json_end_object(&out);
}

/* Tags of a table are parameters by names that only the store knows.  OpenAPI says that with an
 * object that is spread over the query (style form, explode). */
static void write_params(const struct route_params *params)
{
	static const char tags[] =
		"{\"name\":\"tags\",\"in\":\"query\",\"description\":\"Any text tag of the table "
		"by "
		"its name, exactly; may be repeated, then any of the values fits.\",\"schema\":{"
		"\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}},\"style\":"
		"\"form\",\"explode\":true,\"example\":{\"host\":\"alpha\"}}";
	if (!params->list)
		return;
	json_write_key(&out, "parameters");
	json_begin_array(&out);
	for (const struct param_spec *const *spec = params->list; *spec; spec++) {
		if ((*spec)->component)
			write_ref("parameters", (*spec)->component, strlen((*spec)->component));
		else
			write_param(*spec);
	}
	if (params->others == OTHERS_ARE_TAGS)
		json_write_json(&out, tags, strlen(tags));
	json_end_array(&out);
}

/* Parameters that several routes share, in the order of their first use. */
static void write_param_components(void)
{
	const struct param_spec *written[COMPONENTS_MAX];
	size_t n = 0;
	json_begin_object(&out);
	for (const struct endpoint *route = endpoints; route->path; route++)
		for (const struct param_spec *const *spec = route->params.list; spec && *spec;
		     spec++) {
			size_t i = 0;
			while (i < n && written[i] != *spec)
				i++;
			if (i < n || !(*spec)->component)
				continue;
			if (n == COMPONENTS_MAX)
				die("too many shared parameters");
			written[n++] = *spec;
			json_write_key(&out, (*spec)->component);
			write_param(*spec);
		}
	json_end_object(&out);
}

static bool has_param(const struct endpoint *route, const char *name)
{
	for (const struct param_spec *const *spec = route->params.list; spec && *spec; spec++)
		if (strcmp((*spec)->name, name) == 0)
			return true;
	return false;
}

/* ---- Answers ------------------------------------------------------------- */

/* A reference to one schema, or oneOf several. */
static void write_json_schema(const struct endpoint *route)
{
	const char *names = route->schema;
	bool several = strchr(names, '|') != NULL;
	if (several) {
		json_begin_object(&out);
		json_write_key(&out, "oneOf");
		json_begin_array(&out);
	}
	while (*names) {
		size_t len = strcspn(names, "|");
		if (!lookup("schemas", copy(names, len)))
			die("%s: there is no schema \"%.*s\"", route->path, (int)len, names);
		write_ref("schemas", names, len);
		names += len + (names[len] == '|');
	}
	if (several) {
		json_end_array(&out);
		json_end_object(&out);
	}
}

/* Other media types than JSON have no schema beyond being text; the example shows their form. */
static void write_content(const struct endpoint *route, const char *media)
{
	char *examples = lookup("examples", route->id);
	char *example = examples ? member_of(route->id, examples, media) : NULL;
	if (!example)
		die("%s: there is no example of %s", route->id, media);
	json_write_key(&out, media);
	json_begin_object(&out);
	json_write_key(&out, "schema");
	if (strcmp(media, "application/json") == 0)
		write_json_schema(route);
	else
		json_write_json(&out, "{\"type\":\"string\"}", strlen("{\"type\":\"string\"}"));
	write_member("example", example);
	json_end_object(&out);
}

/* As http/response_send.c sets them: Link wherever there are pages. */
static void write_headers(const struct endpoint *route)
{
	static const char *const names[] = {"ETag", "X-Cache", "Age", "Cache-Control"};
	json_write_key(&out, "headers");
	json_begin_object(&out);
	if (has_param(route, "cursor")) {
		json_write_key(&out, "Link");
		write_ref("headers", "Link", 4);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		json_write_key(&out, names[i]);
		write_ref("headers", names[i], strlen(names[i]));
	}
	json_end_object(&out);
}

/* What is not GET answers with nothing but a status. */
static void write_empty(void)
{
	json_write_key(&out, "204");
	json_begin_object(&out);
	write_pair("description", "Done.");
	write_member("headers", "{\"Set-Cookie\":{\"$ref\":\"#/components/headers/Set-Cookie\"}}");
	json_end_object(&out);
}

static void write_success(const struct endpoint *route)
{
	if (route->method != METHOD_GET) {
		write_empty();
		return;
	}
	json_write_key(&out, "200");
	json_begin_object(&out);
	write_pair("description", "OK");
	json_write_key(&out, "content");
	json_begin_object(&out);
	write_content(route, route->media ? route->media : "application/json");
	if (has_param(route, "format")) {
		write_content(route, "application/x-ndjson");
		write_content(route, "text/csv");
	}
	json_end_object(&out);
	if (endpoint_is_validated(route))
		write_headers(route);
	json_end_object(&out);
}

/* Errors that follow from what a route is.  Whatever a server may also send (405, 414, 431 …) is
 * the default.  Streams have no 503: what would be one is a 200 that ends at once (docs/api.md,
 * Streams). */
static void write_responses(const struct endpoint *route)
{
	const struct {
		bool has;
		const char *status, *name;
	} errors[] = {
		{endpoint_is_validated(route), "304", "NotModified"},
		{route->params.others != OTHERS_IGNORED, "400", "BadRequest"},
		{!route->public || route->upload, "401", "Unauthorized"},
		{!route->public || route->method != METHOD_GET, "403", "Forbidden"},
		{route->errors & ERROR_NOT_FOUND, "404", "NotFound"},
		{route->errors & ERROR_AMBIGUOUS, "409", "Ambiguous"},
		{route->errors & ERROR_TOO_LARGE, "413", "TooLarge"},
		{!route->public || route->upload, "429", "Throttled"},
		{!route->direct && route->class != HTTP_STREAM, "503", "Unavailable"},
		{true, "default", "Problem"},
	};
	json_write_key(&out, "responses");
	json_begin_object(&out);
	write_success(route);
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		if (!errors[i].has)
			continue;
		json_write_key(&out, errors[i].status);
		write_ref("responses", errors[i].name, strlen(errors[i].name));
	}
	json_end_object(&out);
}

/* ---- The document -------------------------------------------------------- */

static bool has_scope(const struct endpoint *route, unsigned scope)
{
	return scope < HTTP_OTHER && (route->class == scope || route->scopes & 1U << scope);
}

/* The scopes that a token needs stand where OpenAPI 3.1 has roles: behind the scheme.  The first
 * alternative, nothing, is for where no token is required. */
static void write_security(const struct endpoint *route)
{
	static const char *const schemes[] = {"bearer", "session"};
	json_write_key(&out, "security");
	json_begin_array(&out);
	for (size_t i = 0; !route->public && i < sizeof(schemes) / sizeof(*schemes); i++) {
		if (i == 0)
			json_write_json(&out, "{}", 2);
		json_begin_object(&out);
		json_write_key(&out, schemes[i]);
		json_begin_array(&out);
		for (unsigned scope = 0; scope < HTTP_OTHER; scope++)
			if (has_scope(route, scope))
				json_write_string(&out, http_class_names[scope]);
		json_end_array(&out);
		json_end_object(&out);
	}
	json_end_array(&out);
}

static void write_upload(const struct endpoint *route)
{
	char *examples = lookup("examples", route->id);
	char *example = examples ? member_of(route->id, examples, "application/json") : NULL;
	if (!example || !lookup("schemas", route->upload))
		die("%s: there is no schema or example of what is sent", route->id);
	json_write_key(&out, "requestBody");
	json_begin_object(&out);
	write_member("required", "true");
	json_write_key(&out, "content");
	json_begin_object(&out);
	json_write_key(&out, "application/json");
	json_begin_object(&out);
	json_write_key(&out, "schema");
	write_ref("schemas", route->upload, strlen(route->upload));
	write_member("example", example);
	json_end_object(&out);
	json_end_object(&out);
	json_end_object(&out);
}

static void write_operation(const struct endpoint *route)
{
	static const char *const methods[] = {
		[METHOD_GET] = "get", [METHOD_POST] = "post", [METHOD_DELETE] = "delete"};
	json_write_key(&out, methods[route->method]);
	json_begin_object(&out);
	write_pair("operationId", route->id);
	json_write_key(&out, "tags");
	json_begin_array(&out);
	json_write_string(&out, route->tag);
	json_end_array(&out);
	write_pair("summary", route->summary);
	if (route->description)
		write_pair("description", route->description);
	write_params(&route->params);
	if (route->upload)
		write_upload(route);
	write_responses(route);
	write_security(route);
	json_end_object(&out);
}

/* Routes of one path stand together.  Returns the last. */
static const struct endpoint *write_path(const struct endpoint *route)
{
	const char *path = route->path;
	json_write_key(&out, path);
	json_begin_object(&out);
	write_operation(route);
	while (route[1].path && strcmp(route[1].path, path) == 0)
		write_operation(++route);
	json_end_object(&out);
	return route;
}

/* An example whose route is gone would stay for ever. */
static void check_example(const char *id, const char *value)
{
	(void)value;
	for (const struct endpoint *route = endpoints; route->path; route++)
		if (strcmp(route->id, id) == 0)
			return;
	die("examples of %s, which no route is called", id);
}

static void write_document(void)
{
	json_begin_object(&out);
	write_pair("openapi", "3.1.0");
	write_common("info");
	write_common("servers");
	write_member("security", "[{},{\"bearer\":[]},{\"session\":[]}]");
	write_common("tags");
	json_write_key(&out, "paths");
	json_begin_object(&out);
	for (const struct endpoint *route = endpoints; route->path; route++)
		route = write_path(route);
	json_end_object(&out);
	json_write_key(&out, "components");
	json_begin_object(&out);
	write_common("securitySchemes");
	write_common("headers");
	json_write_key(&out, "parameters");
	write_param_components();
	write_common("responses");
	json_write_key(&out, "schemas");
	json_begin_object(&out);
	for (int i = 0; i < n_fragments; i++) {
		char *schemas = member_of(fragments[i].name, fragments[i].text, "schemas");
		char *examples = member_of(fragments[i].name, fragments[i].text, "examples");
		if (schemas)
			each_member(fragments[i].name, schemas, write_member);
		if (examples)
			each_member(fragments[i].name, examples, check_example);
	}
	json_end_object(&out);
	json_end_object(&out);
	json_end_object(&out);
	json_write_raw(&out, "\n", 1);
}

/* ---- The overview -------------------------------------------------------- */

static void print_params(const struct route_params *params)
{
	for (const struct param_spec *const *at = params->list; at && *at; at++) {
		unsigned flags = (*at)->flags;
		if (!(flags & (PARAM_IN_PATH | PARAM_IN_HEADER)))
			printf(" `%s`%s", (*at)->name, flags & PARAM_REPEATED ? "…" : "");
	}
	if (params->others == OTHERS_ARE_TAGS)
		printf(" the table's tags…");
}

/* The table of all endpoints in docs/api.md. */
static void print_overview(void)
{
	printf("| endpoint | parameters | scope | cache class |\n|---|---|---|---|\n");
	for (const struct endpoint *route = endpoints; route->path; route++) {
		static const char *const methods[] = {
			[METHOD_GET] = "", [METHOD_POST] = "POST ", [METHOD_DELETE] = "DELETE "};
		printf("| `%s%s` |", methods[route->method], route->path);
		print_params(&route->params);
		printf(" | %s", route->public                ? "none"
				: route->class == HTTP_OTHER ? "any"
							     : http_class_names[route->class]);
		for (unsigned i = 0; i < HTTP_CLASSES; i++)
			if (route->scopes & 1U << i)
				printf(" %s", http_class_names[i]);
		printf(" | %s |\n", route->cached == CACHE_CLASS_NONE
					    ? "not cached"
					    : cache_class_names[route->cached]);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--overview") == 0) {
		print_overview();
		return 0;
	}
	if (argc < 3)
		die("usage: generate OUT FRAGMENT…, or generate --overview");
	for (int i = 2; i < argc; i++)
		read_fragment(argv[i]);
	json_writer_init(&out, FILE_MAX);
	write_document();
	if (out.error)
		die("%s", strerror(-out.error));
	FILE *file = fopen(argv[1], "w");
	if (!file || fwrite(out.data, 1, out.len, file) != out.len || fclose(file) != 0)
		die("%s: %s", argv[1], strerror(errno));
	return 0;
}
