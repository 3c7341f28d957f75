/* The document, the table of endpoints and live answers say the same. */
#include <docker_images/image_tables.h>
#include "logs/logs_table.h"
#include <docker_status/events_table.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "alert/alert_table.h"
#include "changes/changes_table.h"
#include "containers/stats_table.h"
#include "containers/status_table.h"
#include "routes/endpoint.h"
#include "http_fixture.h"
#include "http_schema.h"
#include "test.h"

#define ID_WEB "1111111111111111111111111111111111111111111111111111111111111111"
#define ID_DB "2222222222222222222222222222222222222222222222222222222222222222"

static json_t *document;

/* ---- A store with a bit of everything ------------------------------------ */

static const char *text_for(const struct tally_column *column)
{
	static const char *const texts[][2] = {
		{"container_id", ID_WEB},
		{"name", "web"},
		{"host", "alpha"},
		{"labels", "{\"a\":\"b\"}"},
		{"ports", "[]"},
		{"attributes", "{\"a\":\"b\"}"},
		{"tags", "[\"web:1\"]"},
		{"digests", "[]"},
		{"registry", "[]"},
		{"image_id", "sha256:abcd"},
		{"reference", "web:1"},
		{"before", "{\"a\":\"b\"}"},
		{"after", "{\"a\":\"b\"}"},
		{"change", "moved"},
		{"stream", "stderr"},
		{"used_by", "[{\"container_id\":\"" ID_WEB "\",\"name\":\"web\",\"state\":null,"
			    "\"reference\":\"web:1\",\"outdated\":true,"
			    "\"outdated_since\":\"2026-01-01T00:00:00Z\"}]"}};
	/* Of a change: when it was, in microseconds. */
	static char id[32];
	snprintf(id, sizeof(id), "%llx-1", (long long)(HTTP_NOW - 20 * CLOCK_SECOND) / 1000);
	if (strcmp(column->name, "id") == 0)
		return id;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strcmp(texts[i][0], column->name) == 0)
			return texts[i][1];
	return "text";
}

/* bare: only what must not be NULL. */
static void add_row(struct http_fixture *fixture, const struct tally_table *table, bool bare)
{
	struct tally_cell *row = fake_store_row(fixture->store, table->name);
	for (uint32_t i = 0; i < table->n_columns; i++) {
		const struct tally_column *column = &table->columns[i];
		bool key = i == 0 || column->role == TALLY_TAG || column->role == TALLY_ORDER;
		if ((bare && !key) || column->role == TALLY_GONE)
			continue;
		if (column->type == TALLY_TIME)
			fake_store_int(fixture->store, row, column->name,
				       HTTP_NOW - (20 + bare) * CLOCK_SECOND);
		else if (column->type == TALLY_REAL)
			fake_store_real(fixture->store, row, column->name, 1.5);
		else if (column->type == TALLY_TEXT || column->type == TALLY_JSON)
			fake_store_text(fixture->store, row, column->name, text_for(column));
		else
			fake_store_int(fixture->store, row, column->name, 1);
	}
}

static const struct tally_table *const tables[] = {&logs_table,     &events_table,  &images_table,
						   &versions_table, &changes_table, &alerts_table};

static int set_up(void **state)
{
	struct http_fixture *fixture = calloc(1, sizeof(*fixture));
	http_prepare(fixture);
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		fake_store_table(fixture->store, tables[i]);
		add_row(fixture, tables[i], false);
		add_row(fixture, tables[i], true);
	}
	http_add_container(fixture, "alpha", ID_WEB, "web", "running");
	http_add_container(fixture, "alpha", ID_DB, "db", "exited");
	http_add_container(fixture, "beta", "333", "twin", "running");
	http_add_container(fixture, "gamma", "334", "twin", "running");
	for (int age = 60; age >= 0; age -= 10)
		http_add_stats(fixture, "alpha", ID_WEB, "web", age, 10 + age, 6000 - 100 * age);
	http_add_note(fixture, 5, "ann", 1, "x");
	fixture->config.container_metrics = true;
	http_start(fixture);
	*state = fixture;
	struct http_answer answer = http_get(fixture, "/openapi.json");
	document = json_incref(answer.json);
	assert_non_null(document);
	http_free(&answer);
	return 0;
}

static int tear_down(void **state)
{
	json_decref(document);
	http_finish(*state);
	free(*state);
	return 0;
}

/* ---- The document -------------------------------------------------------- */

static json_t *member(json_t *object, const char *name)
{
	return schema_resolve(document, json_object_get(object, name));
}

static json_t *operation(const char *path)
{
	return member(member(member(document, "paths"), path), "get");
}

static json_t *operation_of(const struct endpoint *endpoint)
{
	static const char *const methods[] = {
		[METHOD_GET] = "get", [METHOD_POST] = "post", [METHOD_DELETE] = "delete"};
	return member(member(member(document, "paths"), endpoint->path), methods[endpoint->method]);
}

static const struct endpoint *endpoint_of(const char *path)
{
	for (const struct endpoint *endpoint = endpoints; endpoint->path; endpoint++)
		if (strcmp(endpoint->path, path) == 0)
			return endpoint;
	return NULL;
}

static void every_endpoint_is_in_the_document_and_the_other_way(void **state)
{
	const char *path;
	json_t *item;
	size_t n = 0;
	(void)state;
	for (const struct endpoint *endpoint = endpoints; endpoint->path; endpoint++) {
		n += endpoint->method == METHOD_GET;
		assert_non_null(operation_of(endpoint));
	}
	json_object_foreach(member(document, "paths"), path, item)
	{
		if (!endpoint_of(path))
			fail_msg("%s is not in the table", path);
		assert_non_null(operation(path));
	}
	assert_int_equal(json_object_size(member(document, "paths")), n);
}

static json_t *parameter_of(const char *path, const char *name)
{
	size_t i;
	json_t *ref;
	json_array_foreach(json_object_get(operation(path), "parameters"), i, ref)
	{
		json_t *parameter = schema_resolve(document, ref);
		if (strcmp(json_string_value(json_object_get(parameter, "name")), name) == 0)
			return parameter;
	}
	return NULL;
}

static void check_parameters(const char *path, const struct endpoint *endpoint)
{
	size_t n = endpoint->params.others == OTHERS_ARE_TAGS;
	for (const struct param_spec *const *at = endpoint->params.list; at && *at; at++, n++) {
		const struct param_spec *spec = *at;
		json_t *schema = member(parameter_of(path, spec->name), "schema");
		bool repeats = spec->flags & PARAM_REPEATED || spec->type == PARAM_CHOICES;
		if (!schema)
			fail_msg("%s: the document lacks %s", path, spec->name);
		assert_string_equal(json_string_value(json_object_get(schema, "type")),
				    repeats                   ? "array"
				    : spec->type == PARAM_INT ? "integer"
							      : "string");
	}
	assert_int_equal(json_array_size(json_object_get(operation(path), "parameters")), n);
}

static void every_parameter_is_in_the_document_and_the_other_way(void **state)
{
	const char *path;
	json_t *item;
	(void)state;
	json_object_foreach(member(document, "paths"), path, item)
		check_parameters(path, endpoint_of(path));
}

/* How many scopes an alternative of its security wants, and whether it wants this one. */
static size_t scopes_of(const struct endpoint *endpoint, const char *scheme, const char *scope)
{
	size_t i;
	json_t *one, *name;
	json_t *security = json_object_get(operation_of(endpoint), "security");
	size_t n = 0;
	bool found = !scope;
	json_array_foreach(security, i, one)
	{
		json_t *names = json_object_get(one, scheme);
		size_t k;
		json_array_foreach(names, k, name)
		{
			n++;
			found |= scope && strcmp(json_string_value(name), scope) == 0;
		}
	}
	return found ? n : 0;
}

static void the_document_names_the_scopes_of_each_endpoint(void **state)
{
	(void)state;
	for (const struct endpoint *endpoint = endpoints; endpoint->path; endpoint++) {
		bool any = endpoint->class >= HTTP_OTHER;
		size_t n = any || endpoint->public ? 0 : 1;
		for (unsigned i = 0; i < HTTP_OTHER; i++)
			n += (endpoint->scopes & 1U << i) != 0;
		const char *scope = n ? http_class_names[endpoint->class] : NULL;
		assert_int_equal(scopes_of(endpoint, "bearer", scope), n);
		assert_int_equal(scopes_of(endpoint, "session", scope), n);
		json_t *security = json_object_get(operation_of(endpoint), "security");
		assert_int_equal(json_array_size(security) == 0, endpoint->public);
	}
}

static void check_example(const char *where, const char *media, json_t *content)
{
	json_t *example = json_object_get(content, "example");
	const char *said = schema_check(document, json_object_get(content, "schema"), example);
	if (!example || said)
		fail_msg("%s: the example of %s: %s", where, media, said ? said : "there is none");
}

static void every_example_fits_its_schema(void **state)
{
	const char *path, *status, *media;
	json_t *item, *response, *content;
	(void)state;
	json_object_foreach(member(document, "paths"), path, item)
	{
		json_object_foreach(member(operation(path), "responses"), status, response)
		{
			response = schema_resolve(document, response);
			assert_non_null(response);
			json_object_foreach(member(response, "content"), media, content)
				check_example(path, media, content);
		}
	}
}

/* Of a schema: the column is there, with its type. */
static void check_column(const char *schema, const struct tally_column *column)
{
	static const char *const types[] = {
		[TALLY_TIME] = "string",  [TALLY_INT] = "integer", [TALLY_REAL] = "number",
		[TALLY_BOOL] = "boolean", [TALLY_TEXT] = "string", [TALLY_JSON] = NULL};
	json_t *schemas = member(member(document, "components"), "schemas");
	json_t *found = member(member(member(schemas, schema), "properties"), column->name);
	if (!found)
		fail_msg("%s lacks %s", schema, column->name);
	json_t *type = json_object_get(found, "type");
	json_t *first = json_is_array(type) ? json_array_get(type, 0) : type;
	if (types[column->type] && strcmp(json_string_value(first), types[column->type]) != 0)
		fail_msg("%s of %s has the wrong type", column->name, schema);
}

static void every_column_of_the_tables_is_in_the_document(void **state)
{
	static const struct {
		const char *schema;
		const struct tally_table *table;
	} pairs[] = {{"Container", &status_table}, {"Readings", &stats_table},
		     {"LogLine", &logs_table},     {"Event", &events_table},
		     {"Image", &images_table},     {"Alert", &alerts_table}};
	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		for (uint32_t k = 0; k < pairs[i].table->n_columns; k++)
			check_column(pairs[i].schema, &pairs[i].table->columns[k]);
}

/* ---- Live answers -------------------------------------------------------- */

struct sight {
	const char *path, *target;
};

static const struct sight sights[] = {
	{"/api/v1/alerts", "/api/v1/alerts"},
	{"/api/v1/alerts", "/api/v1/alerts?state=firing&limit=1&total=yes&sort=rule"},
	{"/api/v1/alerts", "/api/v1/alerts?format=csv&severity=info"},
	{"/api/v1/alerts/history", "/api/v1/alerts/history"},
	{"/api/v1/alerts/history", "/api/v1/alerts/history?format=ndjson&name=u*&total=yes"},
	{"/api/v1/changes", "/api/v1/changes"},
	{"/api/v1/changes", "/api/v1/changes?format=csv"},
	{"/api/v1/changes", "/api/v1/changes?format=ndjson"},
	{"/api/v1/changes", "/api/v1/changes?total=yes&sort=-kind"},
	{"/api/v1/changes/{id}/effect", "/api/v1/changes/6475253dac300-1/effect"},
	{"/api/v1/containers", "/api/v1/containers"},
	{"/api/v1/containers", "/api/v1/containers?limit=1&name=*b"},
	{"/api/v1/containers/{id}", "/api/v1/containers/web"},
	{"/api/v1/containers/{id}", "/api/v1/containers/db"},
	{"/api/v1/containers/{id}/stats", "/api/v1/containers/web/stats?step=10s&from=now-2m"},
	{"/api/v1/containers/{id}/stats", "/api/v1/containers/web/stats?format=rows&times=ms"},
	{"/api/v1/containers/{id}/stats", "/api/v1/containers/web/stats?format=csv"},
	{"/api/v1/containers/{id}/stats", "/api/v1/containers/web/stats?format=ndjson"},
	{"/api/v1/containers/{id}/logs", "/api/v1/containers/web/logs"},
	{"/api/v1/containers/{id}/logs", "/api/v1/containers/web/logs?format=csv"},
	{"/api/v1/containers/{id}/events", "/api/v1/containers/web/events"},
	{"/api/v1/containers/{id}/events", "/api/v1/containers/web/events?format=ndjson"},
	{"/api/v1/logs", "/api/v1/logs?limit=1"},
	{"/api/v1/logs", "/api/v1/logs?q=nothing&sort=level&total=yes"},
	{"/api/v1/logs/histogram", "/api/v1/logs/histogram?step=10m"},
	{"/api/v1/logs/count", "/api/v1/logs/count?q=nothing"},
	{"/api/v1/logs/patterns", "/api/v1/logs/patterns?new_since=now-1h&total=yes"},
	{"/api/v1/events", "/api/v1/events"},
	{"/api/v1/stream", "/api/v1/stream?topics=logs,containers"},
	{"/api/v1/stream/stats", "/api/v1/stream/stats"},
	{"/api/v1/stream/logs", "/api/v1/stream/logs?container=web"},
	{"/api/v1/stream/events", "/api/v1/stream/events?action=die"},
	{"/api/v1/images", "/api/v1/images"},
	{"/api/v1/images", "/api/v1/images?format=csv"},
	{"/api/v1/images/versions", "/api/v1/images/versions?total=yes&sort=-time"},
	{"/api/v1/images/{id}", "/api/v1/images/abcd"},
	{"/api/v1/stats", "/api/v1/stats?ids=web,db"},
	{"/api/v1/stats", "/api/v1/stats?ids=web,db&format=rows"},
	{"/api/v1/stats/latest", "/api/v1/stats/latest?total=yes&sort=-time"},
	{"/api/v1/stats/latest", "/api/v1/stats/latest?format=csv"},
	{"/api/v1/stats/latest", "/api/v1/stats/latest?format=ndjson"},
	{"/api/v1/top", "/api/v1/top?by=net"},
	{"/api/v1/top", "/api/v1/top?format=csv"},
	{"/api/v1/top", "/api/v1/top?format=ndjson"},
	{"/api/v1/hosts", "/api/v1/hosts"},
	{"/api/v1/summary", "/api/v1/summary"},
	{"/api/v1/tables", "/api/v1/tables"},
	{"/api/v1/tables/{name}", "/api/v1/tables/notes?author=ann"},
	{"/api/v1/tables/{name}", "/api/v1/tables/container_info"},
	{"/api/v1/tables/{name}", "/api/v1/tables/container_logs?format=csv&limit=1"},
	{"/api/v1/tables/{name}", "/api/v1/tables/container_logs?format=ndjson"},
	{"/api/v1/pipeline", "/api/v1/pipeline"},
	{"/api/v1/plugins", "/api/v1/plugins"},
	{"/api/v1/version", "/api/v1/version"},
	{"/healthz", "/healthz"},
	{"/readyz", "/readyz"},
	{"/metrics", "/metrics"},
	{"/metrics/containers", "/metrics/containers?host=alpha"},
	{"/api/v1/session", "/api/v1/session"},
	{"/openapi.json", "/openapi.json"},
	{"/docs", "/docs"},
	{"/assets/dashboard.js", "/assets/dashboard.js"},
	{"/assets/dashboard.css", "/assets/dashboard.css"},
	{"/assets/icon.svg", "/assets/icon.svg"},
	{"/", "/"},
};

/* What the document says of an answer with this status and type. */
static json_t *content_of(const char *path, const struct http_answer *answer)
{
	char status[8], media[64];
	snprintf(status, sizeof(status), "%d", answer->status);
	snprintf(media, sizeof(media), "%s", http_header(answer, "Content-Type"));
	media[strcspn(media, ";")] = '\0';
	json_t *responses = member(operation(path), "responses");
	json_t *response = member(responses, status);
	if (!response && answer->status == 400)
		fail_msg("%s: the document has no 400", path);
	if (!response)
		response = member(responses, "default");
	json_t *content = member(member(response, "content"), media);
	if (!content)
		fail_msg("%s: the document has no %s of status %s", path, media, status);
	return content;
}

/* Headers that an answer has are in the document. */
static void check_headers(const char *path, const char *status, const struct http_answer *answer)
{
	static const char *const names[] = {"Link", "ETag", "X-Cache", "Age", "Cache-Control"};
	json_t *response = member(member(operation(path), "responses"), status);
	json_t *headers = member(response, "headers");
	bool tagged = http_header(answer, "ETag");
	assert_non_null(response);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && tagged; i++)
		if (http_header(answer, names[i]) && !member(headers, names[i]))
			fail_msg("%s: of a %s the document lacks %s", path, status, names[i]);
	if (tagged != (member(headers, "ETag") != NULL))
		fail_msg("%s: the document is wrong about ETag", path);
}

/* The same again comes as 304, where the document has that. */
static void check_not_modified(struct http_fixture *fixture, const struct sight *sight)
{
	char request[500];
	struct http_answer first = http_get(fixture, sight->target);
	const char *etag = http_header(&first, "ETag");
	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nIf-None-Match: "
		 "%s\r\n\r\n",
		 sight->target, etag ? etag : "*");
	if (!etag != !member(member(operation(sight->path), "responses"), "304"))
		fail_msg("%s: the document is wrong about 304", sight->path);
	struct http_answer again = etag ? http_raw(fixture, request) : (struct http_answer){0};
	if (etag) {
		assert_int_equal(again.status, 304);
		assert_int_equal(again.len, 0);
		check_headers(sight->path, "304", &again);
	}
	http_free(&again);
	http_free(&first);
}

/* Of what has no end only the head. */
static struct http_answer look_at(struct http_fixture *fixture, const char *target, int status)
{
	char request[400];
	if (status != 200 || strncmp(target, "/api/v1/stream", 14) != 0)
		return http_get(fixture, target);
	snprintf(request, sizeof(request),
		 "HEAD %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
	return http_raw(fixture, request);
}

static void check_answer(struct http_fixture *fixture, const char *path, const char *target,
			 int status)
{
	struct http_answer answer = look_at(fixture, target, status);
	if (answer.status != status)
		fail_msg("%s: %d %s", target, answer.status, answer.body);
	json_t *schema = json_object_get(content_of(path, &answer), "schema");
	json_t *value =
		answer.json ? json_incref(answer.json) : json_stringn(answer.body, answer.len);
	const char *said = schema_check(document, schema, value);
	if (said)
		fail_msg("%s: %s", target, said);
	if (status == 200)
		check_headers(path, "200", &answer);
	json_decref(value);
	http_free(&answer);
}

static void every_answer_fits_its_schema(void **state)
{
	const char *path;
	json_t *item;
	size_t n = sizeof(sights) / sizeof(*sights);
	for (size_t i = 0; i < n; i++)
		check_answer(*state, sights[i].path, sights[i].target, 200);
	json_object_foreach(member(document, "paths"), path, item)
	{
		bool seen = false;
		for (size_t i = 0; i < n && !seen; i++)
			seen = strcmp(sights[i].path, path) == 0;
		if (!seen)
			fail_msg("%s was not looked at", path);
	}
}

static void what_is_known_already_is_not_sent_again(void **state)
{
	for (size_t i = 0; i < sizeof(sights) / sizeof(*sights); i++)
		if (strncmp(sights[i].path, "/api/v1/stream", 14) != 0)
			check_not_modified(*state, &sights[i]);
}

/* What is written out as the default changes nothing. */
static void check_default(struct http_fixture *fixture, const struct sight *sight,
			  json_t *parameter)
{
	const char *name = json_string_value(json_object_get(parameter, "name"));
	json_t *value = member(member(parameter, "schema"), "default");
	char target[300];
	if (!value || strstr(sight->target, name) ||
	    (strcmp(name, "points") == 0 && strstr(sight->target, "step=")))
		return;
	size_t len = (size_t)snprintf(target, sizeof(target), "%s%c%s=", sight->target,
				      strchr(sight->target, '?') ? '&' : '?', name);
	if (json_is_integer(value))
		snprintf(target + len, sizeof(target) - len, "%d", (int)json_integer_value(value));
	else
		snprintf(target + len, sizeof(target) - len, "%s", json_string_value(value));
	struct http_answer bare = http_get(fixture, sight->target);
	struct http_answer said = http_get(fixture, target);
	if (said.status != 200 || strcmp(bare.body, said.body) != 0)
		fail_msg("%s is not the default: %d %s", target, said.status, said.body);
	http_free(&bare);
	http_free(&said);
}

/* limit and points: as many as the configuration allows. */
static void check_maximum(struct http_fixture *fixture, const struct sight *sight,
			  json_t *parameter)
{
	const char *name = json_string_value(json_object_get(parameter, "name"));
	json_t *value = member(member(parameter, "schema"), "maximum");
	char target[300];
	if (!value || strchr(sight->target, '?'))
		return;
	int maximum = (int)json_integer_value(value);
	snprintf(target, sizeof(target), "%s?%s=%d", sight->target, name, maximum);
	check_answer(fixture, sight->path, target, 200);
	snprintf(target, sizeof(target), "%s?%s=%d", sight->target, name, maximum + 1);
	check_answer(fixture, sight->path, target, 400);
}

static void defaults_and_limits_are_as_the_document_says(void **state)
{
	size_t k;
	json_t *ref;
	for (size_t i = 0; i < sizeof(sights) / sizeof(*sights); i++) {
		if (strncmp(sights[i].path, "/api/v1/stream", 14) == 0)
			continue;
		json_array_foreach(json_object_get(operation(sights[i].path), "parameters"), k, ref)
		{
			check_default(*state, &sights[i], schema_resolve(document, ref));
			check_maximum(*state, &sights[i], schema_resolve(document, ref));
		}
	}
}

static void another_method_is_told_which_there_are(void **state)
{
	struct http_answer answer = http_raw(*state, "DELETE /api/v1/logs HTTP/1.1\r\n"
						     "Host: localhost\r\n\r\n");
	json_t *responses = member(operation("/api/v1/logs"), "responses");
	assert_int_equal(answer.status, 405);
	assert_string_equal(http_header(&answer, "Allow"), "GET, HEAD");
	assert_non_null(member(member(member(responses, "default"), "headers"), "Allow"));
	http_free(&answer);
}

static void every_problem_fits_its_schema(void **state)
{
	struct http_fixture *fixture = *state;
	check_answer(fixture, "/api/v1/containers/{id}", "/api/v1/containers/nope", 404);
	check_answer(fixture, "/api/v1/containers/{id}/logs", "/api/v1/containers/twin/logs", 409);
	check_answer(fixture, "/api/v1/images/{id}", "/api/v1/images/nope", 404);
	check_answer(fixture, "/api/v1/tables/{name}", "/api/v1/tables/nope", 404);
	check_answer(fixture, "/metrics/containers", "/metrics/containers?nope=1", 400);
	for (const struct sight *at = sights; strcmp(at->path, "/healthz") != 0; at++) {
		char target[256];
		snprintf(target, sizeof(target), "%s%cnope=1", at->target,
			 strchr(at->target, '?') ? '&' : '?');
		check_answer(fixture, at->path, target, 400);
	}
	fake_store_fail(fixture->store, -EIO);
	check_answer(fixture, "/api/v1/logs", "/api/v1/logs", 503);
	check_answer(fixture, "/readyz", "/readyz", 503);
}

static void the_checker_finds_what_is_wrong(void **state)
{
	static const char schema_text[] =
		"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":"
		"[\"integer\",\"null\"]},\"t\":{\"type\":\"string\",\"format\":\"date-time\"},"
		"\"e\":{\"enum\":[\"x\"]},\"l\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}"
		"}}}";
	static const struct {
		const char *value, *said;
	} cases[] = {
		{"{\"a\":null,\"t\":\"2026-01-01T00:00:00.5Z\",\"e\":\"x\",\"l\":[1,1.5]}", NULL},
		{"{}", ": lacks a"},
		{"[]", ": has the wrong type"},
		{"{\"a\":1.5}", "/a: has the wrong type"},
		{"{\"a\":1,\"b\":1}", "/b: is not in the document"},
		{"{\"a\":1,\"t\":\"today\"}", "/t: is not a time: today"},
		{"{\"a\":1,\"e\":\"y\"}", "/e: is none of the values there are"},
		{"{\"a\":1,\"l\":[1,\"2\"]}", "/l/1: has the wrong type"},
	};
	json_t *schema = json_loads(schema_text, 0, NULL);
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *value = json_loads(cases[i].value, 0, NULL);
		const char *said = schema_check(schema, schema, value);
		if (cases[i].said)
			assert_string_equal(said, cases[i].said);
		else
			assert_null(said);
		json_decref(value);
	}
	json_decref(schema);
}

/* Nothing is loaded from anywhere but here. */
static void the_page_needs_nothing_from_outside(void **state)
{
	struct http_answer answer = http_get(*state, "/docs");
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.body, "fetch(\"/openapi.json\")"));
	assert_null(strstr(answer.body, "http://"));
	assert_null(strstr(answer.body, "https://"));
	assert_null(strstr(answer.body, "src="));
	assert_null(strstr(answer.body, "innerHTML"));
	http_free(&answer);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_checker_finds_what_is_wrong),
		TEST(every_endpoint_is_in_the_document_and_the_other_way),
		TEST(every_parameter_is_in_the_document_and_the_other_way),
		TEST(the_document_names_the_scopes_of_each_endpoint),
		TEST(every_example_fits_its_schema),
		TEST(every_column_of_the_tables_is_in_the_document),
		TEST(every_answer_fits_its_schema),
		TEST(every_problem_fits_its_schema),
		TEST(what_is_known_already_is_not_sent_again),
		TEST(defaults_and_limits_are_as_the_document_says),
		TEST(another_method_is_told_which_there_are),
		TEST(the_page_needs_nothing_from_outside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
