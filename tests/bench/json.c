/*
 * 10,000 points of five fields as JSON, in columns: by the writer that the API uses, straight from
 * typed cells, beside jansson, which makes a tree first.  `scripts/bench json`.
 */
#include <jansson.h>
#include "base/json_writer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tallyd/plugin.h>

#include "base/clock.h"

enum { POINTS = 10000, FIELDS = 5, ROUNDS = 15 };
static const char *const names[FIELDS] = {"time", "cpu_percent", "mem_used_bytes", "net_rx_bytes",
					  "net_tx_bytes"};
static struct tally_cell cells[FIELDS][POINTS];

static void fill(void)
{
	for (int i = 0; i < POINTS; i++) {
		cells[0][i] = (struct tally_cell){.i = 1767268800 + 10 * i, .set = 1};
		cells[1][i] = (struct tally_cell){.f = 12.5 + i % 977 / 7.0, .set = i % 50 != 0};
		for (int f = 2; f < FIELDS; f++)
			cells[f][i] =
				(struct tally_cell){.i = 104857600 + 4096LL * i * f, .set = 1};
	}
}

static size_t by_writer(void)
{
	struct json_writer json;
	json_writer_init(&json, 16 << 20);
	json_begin_object(&json);
	for (int f = 0; f < FIELDS; f++) {
		json_write_key(&json, names[f]);
		json_begin_array(&json);
		for (int i = 0; i < POINTS; i++) {
			if (!cells[f][i].set)
				json_write_null(&json);
			else if (f == 1)
				json_write_real(&json, cells[f][i].f);
			else
				json_write_int(&json, cells[f][i].i);
		}
		json_end_array(&json);
	}
	json_end_object(&json);
	size_t len = json.error ? 0 : json.len;
	json_writer_done(&json);
	return len;
}

static size_t by_jansson(void)
{
	json_t *root = json_object();
	for (int f = 0; f < FIELDS; f++) {
		json_t *list = json_array();
		for (int i = 0; i < POINTS; i++) {
			const struct tally_cell *cell = &cells[f][i];
			json_array_append_new(list, !cell->set ? json_null()
						    : f == 1   ? json_real(cell->f)
							       : json_integer(cell->i));
		}
		json_object_set_new(root, names[f], list);
	}
	char *text = json_dumps(root, JSON_COMPACT);
	size_t len = text ? strlen(text) : 0;
	free(text);
	json_decref(root);
	return len;
}

/* The fastest of some rounds, in ms: the others were disturbed. */
static double best(size_t (*write)(void), size_t *ret_len)
{
	int64_t least = INT64_MAX;
	for (int i = 0; i < ROUNDS; i++) {
		int64_t began = clock_monotonic();
		*ret_len = write();
		int64_t took = clock_monotonic() - began;
		least = took < least ? took : least;
	}
	return (double)least / 1e6;
}

int main(void)
{
	size_t len, floor_len;
	fill();
	double floor = best(by_jansson, &floor_len), ours = best(by_writer, &len);
	if (!len || !floor_len)
		return 1;
	printf("10,000 points of %d fields: %.2f ms, %zu bytes; jansson %.2f ms, %zu bytes; %.1f "
	       "times as fast\n",
	       FIELDS, ours, len, floor, floor_len, floor / ours);
	return 0;
}
