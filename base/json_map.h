/*
 * Reads a JSON document of known shape into numbered slots, by a table that says which member goes
 * where.  What the table does not name is skipped; what the document does not have stays unset.
 */
#ifndef TALLYD_BASE_JSON_MAP_H
#define TALLYD_BASE_JSON_MAP_H

#include "base/json_reader.h"

enum json_rule {
	JSON_MAP_INT = 1, /* a number into the int slot */
	JSON_MAP_WEAK,    /* the same, unless the slot is set already */
	JSON_MAP_ADD,     /* a number onto the int slot */
	JSON_MAP_BOOL,    /* 0 or 1 into the int slot */
	JSON_MAP_TIME,    /* RFC 3339 into the int slot, ns since 1970; before 1678: unset */
	JSON_MAP_TEXT,    /* into the text slot */
	JSON_MAP_INSIDE,  /* an object, by the table `inside` */
	JSON_MAP_EACH,    /* an object of such objects */
	JSON_MAP_ITEMS,   /* an array of such objects; the last one stays */
	JSON_MAP_CALL,    /* whatever `call` reads, into the int slot and those behind it */
};

struct json_member {
	const char *key; /* NULL: the last */
	uint8_t rule, slot;
	const struct json_member *inside;
	void (*call)(struct json_reader *json, struct json_int *slot);
};

struct json_slots {
	struct json_int *ints;
	struct json_text *texts;
};

/* One object; null counts as an empty one.  Problems stay in json. */
void json_map_read(struct json_reader *json, const struct json_member *members,
		   const struct json_slots *slots);

/* A whole document, which must be an object.  NULL, or what is wrong and at which byte. */
const char *json_map_document(char *text, size_t len, const struct json_member *members,
			      const struct json_slots *slots, size_t *ret_offset);

/* Adds what is set; a sum beyond an int64 unsets the slot. */
void json_int_add(struct json_int *slot, const struct json_int *number);

#endif
