/*
 * Instructions of rows of container_stats on their way into a COPY: checked, given their series
 * from memory, encoded.  The server and libpq are left out: both do what they must.
 */
#include <string.h>

#include "counted.h"
#include "write/writer.h"

enum { ROWS = 1000, CHUNK = 64 << 10 };

struct copy {
	struct writer writer;
	struct writer_part part;
};

/* As writer_make_parts() and writer_copy_rows() do. */
static void encode(void *arg)
{
	struct copy *copy = arg;
	struct writer_part *part = &copy->part;
	batch_map_init(&part->map, part->table->stored, part->batch);
	counted_check(writer_find_series(&copy->writer, part) == 0 && part->n_good == ROWS,
		      "a series is not known");
	for (uint32_t row = 0; row < part->batch->n_rows; row++) {
		encode_copy(&copy->writer.bytes, part, row);
		if (copy->writer.bytes.len >= CHUNK)
			strbuf_clear(&copy->writer.bytes);
	}
}

static void know_series(struct writer_part *part)
{
	struct strbuf key = {0};
	for (uint32_t row = 0; row < COUNTED_CONTAINERS; row++) {
		strbuf_clear(&key);
		writer_part_key(part, row, &key);
		series_cache_add(part->table->cache, key.data, key.len, row + 1);
	}
	strbuf_done(&key);
}

int main(int argc, char **argv)
{
	static struct copy copy;
	static uint32_t series[ROWS];
	counted_init(argc, argv);
	struct fake_host *host = fake_host_create("output.timescale");
	struct tally_ctx *ctx = fake_host_ctx(host);
	struct stored_table *stored = catalog_copy(counted_load("docker_stats")->tables[0]);
	counted_check(stored != NULL, "no memory");
	copy.writer = (struct writer){
		.ctx = ctx, .age = {.raw = INT64_MAX / 2}, .where.now = COUNTED_BEGIN};
	copy.part.batch = counted_batch(ctx, &stored->table, ROWS, 0, 1000000000);
	copy.part.series = series;
	counted_check(writer_table_create(ctx, stored, &copy.part.table) == 0, "no memory");
	batch_map_init(&copy.part.map, stored, copy.part.batch);
	know_series(&copy.part);
	counted("PostgreSQL: a row of container_stats, encoded for COPY", ROWS, encode, &copy);
	tally_batch_drop(ctx, copy.part.batch);
	writer_table_destroy(copy.part.table);
	strbuf_done(&copy.writer.bytes);
	catalog_free(stored);
	fake_host_destroy(host);
	return 0;
}
