/*
 * Used by the commands that have --json, on the main thread.  Nothing is printed of an object that
 * could not be made whole: half of one helps no program.
 */
#include "commands/output.h"

#include <stdio.h>
#include <string.h>

enum { OUTPUT_JSON_MAX = 16 << 20 };

void output_json_begin(struct json_writer *json)
{
	json_writer_init(json, OUTPUT_JSON_MAX);
}

int output_json_end(struct json_writer *json)
{
	int r = json->error;
	if (r == 0)
		printf("%.*s\n", (int)json->len, json->data);
	else
		fprintf(stderr, "tallyd: the JSON cannot be made: %s\n", strerror(-r));
	json_writer_done(json);
	return r;
}
