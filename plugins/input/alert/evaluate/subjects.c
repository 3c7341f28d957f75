/*
 * Arrays with an index each.  Subjects are allocated one by one, since series point to them; a
 * subject is dropped only after all of its series.
 */
#include "evaluate/subjects.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

static void subject_free(struct subject *subject)
{
	free(subject->host);
	free(subject->text);
	free(subject->ring);
	free(subject->tell);
	free(subject);
}

void subjects_done(struct subjects *subjects)
{
	for (size_t i = 0; i < subjects->n; i++)
		subject_free(subjects->items[i]);
	free(subjects->items);
	free(subjects->series);
	index_done(&subjects->index);
	index_done(&subjects->series_index);
}

/* Room for one more in an array that doubles when it is full.  NULL: none, and it is as it was. */
static void *room(void *array, size_t n, size_t *size, size_t item)
{
	if (n < *size)
		return array;
	size_t more = *size ? 2 * *size : 16;
	void *grown = reallocarray(array, more, item);
	if (grown)
		*size = more;
	return grown;
}

/* ---- Subjects ---------------------------------------------------------------- */

static struct subject *subject_make(struct subjects *subjects, uint64_t hash, const char *host,
				    size_t host_len, const char *text, size_t text_len)
{
	if (subjects->n >= subjects->max)
		return NULL;
	struct subject **items =
		room(subjects->items, subjects->n, &subjects->size, sizeof(struct subject *));
	if (!items)
		return NULL;
	subjects->items = items;
	struct subject *subject = calloc(1, sizeof(*subject));
	if (!subject)
		return NULL;
	subject->hash = hash;
	subject->host = strndup(host, host_len);
	subject->text = strndup(text, text_len);
	if (!subject->host || !subject->text ||
	    index_put(&subjects->index, hash, (uint32_t)subjects->n) < 0) {
		subject_free(subject);
		return NULL;
	}
	items[subjects->n++] = subject;
	return subject;
}

static uint64_t subject_hash(const char *host, size_t host_len, const char *text, size_t text_len)
{
	return hash_bytes(hash_bytes(0, host, host_len), text, text_len);
}

struct subject *subjects_find(const struct subjects *subjects, const char *host, size_t host_len,
			      const char *text, size_t text_len)
{
	uint32_t place = index_get(&subjects->index, subject_hash(host, host_len, text, text_len));
	return place == INDEX_NONE ? NULL : subjects->items[place];
}

struct subject *subjects_get(struct subjects *subjects, const char *host, size_t host_len,
			     const char *text, size_t text_len)
{
	struct subject *found = subjects_find(subjects, host, host_len, text, text_len);
	return found ? found
		     : subject_make(subjects, subject_hash(host, host_len, text, text_len), host,
				    host_len, text, text_len);
}

/* ---- Series ------------------------------------------------------------------ */

struct series *subjects_series(struct subjects *subjects, uint64_t hash, bool *ret_fresh)
{
	uint32_t place = index_get(&subjects->series_index, hash);
	*ret_fresh = place == INDEX_NONE;
	if (place != INDEX_NONE)
		return &subjects->series[place];
	if (subjects->n_series >= subjects->max_series)
		return NULL;
	struct series *series =
		room(subjects->series, subjects->n_series, &subjects->series_size, sizeof(*series));
	if (!series)
		return NULL;
	subjects->series = series;
	if (index_put(&subjects->series_index, hash, (uint32_t)subjects->n_series) < 0)
		return NULL;
	series = &series[subjects->n_series++];
	*series = (struct series){.hash = hash};
	return series;
}

/* Only a rule about sums uses n_sum, only one about the newest rows n_true. */
static void series_leave(const struct series *series)
{
	struct subject *subject = series->subject;
	if (!subject)
		return;
	subject->n_series--;
	if (series->matches)
		subject->n_true--;
	if (!series->has_value || !subject->n_sum)
		return;
	subject->n_sum--;
	subject->sum = subject->n_sum ? subject->sum - series->value : 0;
}

void subjects_move(struct series *series, struct subject *subject)
{
	if (series->subject == subject)
		return;
	series_leave(series);
	series->has_value = series->matches = false;
	series->subject = subject;
	subject->n_series++;
}

/* ---- What is to be looked at ------------------------------------------------- */

void subjects_mark(struct subjects *subjects, struct subject *subject)
{
	if (subject->dirty)
		return;
	subject->dirty = true;
	subject->next_dirty = subjects->dirty;
	subjects->dirty = subject;
}

struct subject *subjects_take_dirty(struct subjects *subjects)
{
	struct subject *subject = subjects->dirty;
	if (subject) {
		subjects->dirty = subject->next_dirty;
		subject->dirty = false;
	}
	return subject;
}

/* ---- Forgetting -------------------------------------------------------------- */

static bool is_idle(const struct series *series, int64_t before, bool keep)
{
	return series->time < before && (!keep || series->gone || !series->subject);
}

void subjects_expire_series(struct subjects *subjects, int64_t before, bool keep)
{
	size_t kept = 0;
	index_clear(&subjects->series_index);
	for (size_t i = 0; i < subjects->n_series; i++) {
		const struct series *series = &subjects->series[i];
		if (is_idle(series, before, keep)) {
			series_leave(series);
			continue;
		}
		subjects->series[kept] = *series;
		(void)index_put(&subjects->series_index, series->hash, (uint32_t)kept++);
	}
	subjects->n_series = kept;
}

void subjects_drop(struct subjects *subjects, bool (*drop)(void *arg, struct subject *subject),
		   void *arg)
{
	size_t kept = 0;
	index_clear(&subjects->index);
	for (size_t i = 0; i < subjects->n; i++) {
		struct subject *subject = subjects->items[i];
		if (drop(arg, subject)) {
			subject_free(subject);
			continue;
		}
		subjects->items[kept] = subject;
		(void)index_put(&subjects->index, subject->hash, (uint32_t)kept++);
	}
	subjects->n = kept;
}
