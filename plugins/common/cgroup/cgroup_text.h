/*
 * What the kernel writes into a cgroup's files and into /proc, read into the slots of a sample.
 * Pure: no descriptor, no allocation, and no text that could make it read past its end.  What is
 * not there, or not a number of 63 bits ("max"), leaves its slot unset.
 */
#ifndef TALLYD_CGROUP_TEXT_H
#define TALLYD_CGROUP_TEXT_H

#include "containers/stats_table.h"

struct cgroup_span {
	const char *at, *end;
};

/* Takes the next line off, without its end. */
bool cgroup_span_line(struct cgroup_span *rest, struct cgroup_span *ret);
/* Takes the next word off, up to a blank. */
bool cgroup_span_word(struct cgroup_span *rest, struct cgroup_span *ret);
/* Takes what stands before the character off, and the character; all if there is none. */
struct cgroup_span cgroup_span_until(struct cgroup_span *rest, char c);
bool cgroup_span_is(const struct cgroup_span *span, const char *text);
/* Unset unless it is all digits and fits. */
struct json_int cgroup_span_int(const struct cgroup_span *span);

enum cgroup_form {
	CGROUP_NUMBER = 1, /* one number into the slot */
	CGROUP_KEYS,       /* lines of a key and a number, by the table */
	CGROUP_DEVICES, /* v1 blkio: `8:0 Read 4096`; reads into the slot, writes into the next */
	CGROUP_CPUS,    /* how many are in a list: `0-2,5` is 4; an empty one leaves the slot */
	CGROUP_IO,      /* v2 io.stat: `8:0 rbytes=4096 …`; likewise, bytes only */
	CGROUP_NUMBERS, /* v2 cpu.max: `max 100000`; two numbers, into the slot and the next */
};

struct cgroup_key {
	const char *key; /* NULL: the last */
	int32_t times;   /* from the file's unit to the slot's */
	uint8_t slot;
};

struct cgroup_file {
	const char *name;
	const struct cgroup_key *keys;
	uint8_t hierarchy; /* enum cgroup_hierarchy */
	uint8_t form, slot;
	bool by_path; /* opened only where no engine tells what it says */
};

/* Leaves a slot of CGROUP_DEVICES alone that is set already. */
void cgroup_text_read(const struct cgroup_file *file, struct cgroup_span text, struct stats *ret);

/*
 * /proc/PID/net/dev, all interfaces together.  Those that the container made itself (a tunnel, the
 * bridge of an engine within) are not the engine's, so where there is an ethN only such count;
 * else all but lo.
 */
void cgroup_text_network(struct cgroup_span text, struct stats *ret);

/* /proc/stat: processor time of the whole machine and its cores, as the engine reckons them: the
 * first seven fields in ticks of 10 ms.  Source: moby's daemon/stats/collector_unix.go. */
void cgroup_text_machine(struct cgroup_span text, struct stats *ret);

/* How many a list of CPUs has, as `0-2,5` → 4.  Unset: none, or it is no such list. */
struct json_int cgroup_text_cpus(struct cgroup_span list);

/* /proc/meminfo's MemTotal, in bytes. */
struct json_int cgroup_text_memory(struct cgroup_span text);

#endif
