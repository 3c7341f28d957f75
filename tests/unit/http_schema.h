/*
 * Whether a JSON value is as an OpenAPI 3.1 document says: type, enum, format date-time, items,
 * required, properties, additionalProperties, oneOf and $ref, which is what ours is made of; any
 * other word in a schema is an error.  Stricter than JSON Schema in one thing: where a schema has
 * no additionalProperties, members that it does not name are wrong.
 */
#ifndef TALLYD_TESTS_HTTP_SCHEMA_H
#define TALLYD_TESTS_HTTP_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

/* What a {"$ref": …} stands for; anything else stands for itself.  NULL: for nothing. */
json_t *schema_resolve(json_t *document, json_t *thing);

/* NULL: it is; else what is wrong and where, in a buffer of the thread. */
const char *schema_check(json_t *document, json_t *schema, json_t *value);

#endif
