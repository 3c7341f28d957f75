/*
 * Parsers of the kernel's text formats, on spans that are not NUL-terminated.  cgroup_files.c calls
 * them for each file and poll, the fuzzer with anything; no state, any thread.
 *
 * The formats are those of the kernel's Documentation/admin-guide/cgroup-v1/ and cgroup-v2.rst, and
 * of proc(5).  Nothing fails: what is not understood leaves its slot unset, which becomes NULL.
 */
#include "cgroup/cgroup_text.h"

#include <string.h>

#include "base/json_map.h"

enum { TICK_NS = 10000000, MACHINE_FIELDS = 7, DEVICE_FIELDS = 8, MOST_CPUS = 1 << 16 };

/* ---- Spans ---- */

struct cgroup_span cgroup_span_until(struct cgroup_span *rest, char c)
{
	size_t left = (size_t)(rest->end - rest->at);
	const char *found = left ? memchr(rest->at, c, left) : NULL;
	struct cgroup_span span = {rest->at, found ? found : rest->end};
	rest->at = found ? found + 1 : rest->end;
	return span;
}

bool cgroup_span_line(struct cgroup_span *rest, struct cgroup_span *ret)
{
	if (rest->at == rest->end)
		return false;
	*ret = cgroup_span_until(rest, '\n');
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

bool cgroup_span_word(struct cgroup_span *rest, struct cgroup_span *ret)
{
	while (rest->at < rest->end && is_blank(*rest->at))
		rest->at++;
	ret->at = rest->at;
	while (rest->at < rest->end && !is_blank(*rest->at))
		rest->at++;
	ret->end = rest->at;
	return ret->at < ret->end;
}

bool cgroup_span_is(const struct cgroup_span *span, const char *text)
{
	size_t len = strlen(text);
	return (size_t)(span->end - span->at) == len && memcmp(span->at, text, len) == 0;
}

struct json_int cgroup_span_int(const struct cgroup_span *span)
{
	struct json_int number = {.set = span->at < span->end};
	for (const char *at = span->at; number.set && at < span->end; at++)
		number.set = *at >= '0' && *at <= '9' &&
			     !__builtin_mul_overflow(number.value, 10, &number.value) &&
			     !__builtin_add_overflow(number.value, *at - '0', &number.value);
	return number;
}

static struct json_int next_int(struct cgroup_span *rest)
{
	struct cgroup_span word;
	cgroup_span_word(rest, &word);
	return cgroup_span_int(&word);
}

static struct json_int times(struct json_int number, int32_t factor)
{
	if (number.set)
		number.set = !__builtin_mul_overflow(number.value, factor, &number.value);
	return number;
}

/* ---- A cgroup's files ---- */

static void read_keys(const struct cgroup_key *keys, struct cgroup_span text, struct stats *ret)
{
	struct cgroup_span line;
	while (cgroup_span_line(&text, &line)) {
		struct cgroup_span key = cgroup_span_until(&line, ' ');
		for (const struct cgroup_key *k = keys; k->key; k++) {
			if (!cgroup_span_is(&key, k->key))
				continue;
			ret->slots[k->slot] = times(next_int(&line), k->times);
			break;
		}
	}
}

/* The throttle files repeat the numbers of CFQ's where both exist: the first one read wins. */
static void read_devices(struct cgroup_span text, struct json_int *reads)
{
	struct cgroup_span line, device, operation;
	if (reads[0].set || reads[1].set)
		return;
	while (cgroup_span_line(&text, &line)) {
		cgroup_span_word(&line, &device);
		cgroup_span_word(&line, &operation);
		struct json_int value = next_int(&line);
		if (cgroup_span_is(&operation, "Read"))
			json_int_add(&reads[0], &value);
		else if (cgroup_span_is(&operation, "Write"))
			json_int_add(&reads[1], &value);
	}
}

/* A device without byte counts adds 0, as in the engine. */
static void read_io(struct cgroup_span text, struct json_int *reads)
{
	const struct json_int none = {.set = true};
	struct cgroup_span line, word;
	while (cgroup_span_line(&text, &line)) {
		bool is_device = true;
		cgroup_span_word(&line, &word);
		while (cgroup_span_word(&line, &word)) {
			struct cgroup_span key = cgroup_span_until(&word, '=');
			struct json_int value = cgroup_span_int(&word);
			if (is_device) {
				json_int_add(&reads[0], &none);
				json_int_add(&reads[1], &none);
			}
			is_device = false;
			if (cgroup_span_is(&key, "rbytes"))
				json_int_add(&reads[0], &value);
			else if (cgroup_span_is(&key, "wbytes"))
				json_int_add(&reads[1], &value);
		}
	}
}

/* Source: the kernel's Documentation/admin-guide/cgroup-v2.rst, and cpuset(7), Formats. */
struct json_int cgroup_text_cpus(struct cgroup_span list)
{
	struct json_int count = {0};
	struct cgroup_span word;
	if (!cgroup_span_word(&list, &word))
		return count;
	while (word.at < word.end) {
		struct cgroup_span range = cgroup_span_until(&word, ',');
		struct cgroup_span begin = cgroup_span_until(&range, '-');
		struct json_int first = cgroup_span_int(&begin), last = first;
		if (range.at < range.end)
			last = cgroup_span_int(&range);
		if (!first.set || !last.set || last.value < first.value ||
		    last.value - first.value >= MOST_CPUS)
			return (struct json_int){0};
		const struct json_int more = {last.value - first.value + 1, true};
		json_int_add(&count, &more);
	}
	return count;
}

void cgroup_text_read(const struct cgroup_file *file, struct cgroup_span text, struct stats *ret)
{
	struct json_int cpus;
	switch ((enum cgroup_form)file->form) {
	case CGROUP_NUMBER:
		ret->slots[file->slot] = next_int(&text);
		break;
	case CGROUP_KEYS:
		read_keys(file->keys, text, ret);
		break;
	case CGROUP_DEVICES:
		read_devices(text, &ret->slots[file->slot]);
		break;
	case CGROUP_CPUS:
		cpus = cgroup_text_cpus(text);
		if (cpus.set)
			ret->slots[file->slot] = cpus;
		break;
	case CGROUP_IO:
		read_io(text, &ret->slots[file->slot]);
		break;
	case CGROUP_NUMBERS:
		ret->slots[file->slot] = next_int(&text);
		ret->slots[file->slot + 1] = next_int(&text);
		break;
	}
}

/* ---- /proc ---- */

/* Each direction has eight fields: bytes, packets, errs, drop, and four that are not used. */
static const uint8_t received[DEVICE_FIELDS] = {STATS_NET_RX_BYTES, STATS_NET_RX_PACKETS,
						STATS_NET_RX_ERRORS, STATS_NET_RX_DROPPED};
static const uint8_t sent[DEVICE_FIELDS] = {STATS_NET_TX_BYTES, STATS_NET_TX_PACKETS,
					    STATS_NET_TX_ERRORS, STATS_NET_TX_DROPPED};

static void add_interface(struct cgroup_span *counters, const uint8_t slots[DEVICE_FIELDS],
			  struct stats *ret)
{
	for (int i = 0; i < DEVICE_FIELDS; i++) {
		struct json_int value = next_int(counters);
		if (slots[i])
			json_int_add(&ret->slots[slots[i]], &value);
	}
}

static bool add_interfaces(struct cgroup_span text, bool ethernet, struct stats *ret)
{
	struct cgroup_span line, name;
	bool any = false;
	while (cgroup_span_line(&text, &line)) {
		if (!memchr(line.at, ':', (size_t)(line.end - line.at)))
			continue;
		struct cgroup_span first = cgroup_span_until(&line, ':');
		if (!cgroup_span_word(&first, &name) || cgroup_span_is(&name, "lo"))
			continue;
		struct cgroup_span number = {name.at + 3, name.end};
		if (ethernet && (name.end - name.at <= 3 || memcmp(name.at, "eth", 3) != 0 ||
				 !cgroup_span_int(&number).set))
			continue;
		any = true;
		add_interface(&line, received, ret);
		add_interface(&line, sent, ret);
	}
	return any;
}

void cgroup_text_network(struct cgroup_span text, struct stats *ret)
{
	/* The engine counts the interfaces that it made itself, and these it names ethN. */
	if (!add_interfaces(text, true, ret))
		add_interfaces(text, false, ret);
}

void cgroup_text_machine(struct cgroup_span text, struct stats *ret)
{
	struct cgroup_span line, word;
	/* The line "cpu" is the sum, "cpu0" and so on are the cores that are on.  Guest time is
	 * part of user time already, so fields 9 and 10 must not be added. */
	struct json_int cores = {0}, ticks = {0};
	const struct json_int one = {.value = 1, .set = true};
	while (cgroup_span_line(&text, &line) && cgroup_span_word(&line, &word) &&
	       word.end - word.at >= 3 && memcmp(word.at, "cpu", 3) == 0) {
		if (word.end - word.at > 3) {
			json_int_add(&cores, &one);
			continue;
		}
		for (int i = 0; i < MACHINE_FIELDS; i++) {
			struct json_int value = next_int(&line);
			json_int_add(&ticks, &value);
		}
	}
	ret->slots[STATS_CPU_SYSTEM_NS] = times(ticks, TICK_NS);
	ret->slots[STATS_CPU_ONLINE] = cores;
}

struct json_int cgroup_text_memory(struct cgroup_span text)
{
	struct cgroup_span line, word;
	while (cgroup_span_line(&text, &line)) {
		cgroup_span_word(&line, &word);
		if (cgroup_span_is(&word, "MemTotal:"))
			return times(next_int(&line), 1024);
	}
	return (struct json_int){0};
}
