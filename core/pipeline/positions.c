/*
 * A source has a queue of marks, oldest first.  A mark is held by whoever pushes its rows and by
 * each entry that carries them, and counts when nobody holds it any more and it is the first.
 * Each journal has a queue of what it holds, in the order of its sequences.
 *
 * What goes wrong ends a source (`broken`): a mark that could not be held everywhere stays away
 * from the file, and so does everything after it, until the input asks where it may resume.
 */
#include "pipeline/positions.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/positions_file.h"
#include "pipeline/positions_table.h"
#include "base/cleanup.h"
#include "base/file_place.h"

struct position_mark {
	struct position_mark *next; /* of its source */
	struct positions_source *source;
	unsigned holds;
	bool lost;   /* not all of its rows were taken */
	bool passed; /* lost, and its input has begun before it again */
	char text[];
};

struct positions_hold {
	struct positions_hold *next;
	struct position_mark *mark;
	uint64_t sequence;
};

struct positions_journal {
	struct positions_journal *next;
	const void *journal;
	struct positions_hold *first, **last;
};

struct positions {
	pthread_mutex_t lock; /* everything here; a leaf */
	char *path;
	struct positions_table table;
	struct positions_journal *journals;
	uint64_t calls;
	struct file_place place; /* of the file; used by the thread that saves */
};

/* ---- Marks -------------------------------------------------------------------- */

/* Takes the marks that nobody holds off the front; the last of them is where to resume. */
static void positions_advance(struct positions *positions, struct positions_source *source)
{
	while (source->first && source->first->holds == 0) {
		struct position_mark *mark = source->first;
		if (!mark->lost && positions_source_set(source, mark->text) == 0)
			positions->table.changed = true;
		source->first = mark->next;
		if (!source->first)
			source->last = &source->first;
		free(mark);
	}
}

/* Everything behind a lost mark is lost with it: a position that counted after it would claim
 * rows before it that nobody has. */
static void positions_lose(struct position_mark *mark)
{
	mark->source->broken = true;
	mark->source->incomplete = true;
	for (; mark; mark = mark->next)
		mark->lost = true;
}

/* With one hold, that of its router, so that it cannot count before every journal was asked. */
static struct position_mark *positions_mark_create(struct positions_source *source,
						   const char *text)
{
	size_t size = strlen(text) + 1;
	struct position_mark *mark = malloc(sizeof(*mark) + size);
	if (!mark)
		return NULL;
	*mark = (struct position_mark){.source = source, .holds = 1};
	memcpy(mark->text, text, size);
	*source->last = mark;
	source->last = &mark->next;
	return mark;
}

/* A position that is too long breaks the source as well: if later ones counted, a restart would
 * skip the rows of this one. */
struct position_mark *positions_open(struct positions *positions, const char *source,
				     const char *position)
{
	struct position_mark *mark = NULL;
	if (strlen(source) > POSITIONS_MAX_NAME)
		return NULL;
	pthread_mutex_lock(&positions->lock);
	struct positions_source *of = positions_table_add(&positions->table, source);
	if (of) {
		of->used = ++positions->calls;
		if (!of->broken && strlen(position) <= POSITIONS_MAX_TEXT)
			mark = positions_mark_create(of, position);
		if (!mark)
			of->broken = true;
	}
	pthread_mutex_unlock(&positions->lock);
	return mark;
}

/* The router's own hold goes last, when all journals have taken the rows or refused them. */
void positions_close(struct positions *positions, struct position_mark *mark, bool complete)
{
	if (!mark)
		return;
	pthread_mutex_lock(&positions->lock);
	if (!complete)
		positions_lose(mark);
	mark->holds--;
	positions_advance(positions, mark->source);
	pthread_mutex_unlock(&positions->lock);
}

/* ---- What journals hold ------------------------------------------------------- */

/* A handful of journals, so a list will do. */
static struct positions_journal *positions_journal(struct positions *positions, const void *journal,
						   bool create)
{
	struct positions_journal *queue = positions->journals;
	while (queue && queue->journal != journal)
		queue = queue->next;
	if (queue || !create)
		return queue;
	queue = calloc(1, sizeof(*queue));
	if (!queue)
		return NULL;
	queue->journal = journal;
	queue->last = &queue->first;
	queue->next = positions->journals;
	positions->journals = queue;
	return queue;
}

/* Without memory the position is given up rather than counted: the rows come twice after a
 * crash, and none is missing. */
void positions_hold(struct positions *positions, struct position_mark *mark, const void *journal,
		    uint64_t sequence)
{
	pthread_mutex_lock(&positions->lock);
	struct positions_journal *queue = positions_journal(positions, journal, true);
	struct positions_hold *hold = queue ? malloc(sizeof(*hold)) : NULL;
	if (hold) {
		*hold = (struct positions_hold){.mark = mark, .sequence = sequence};
		*queue->last = hold;
		queue->last = &hold->next;
		mark->holds++;
	} else {
		positions_lose(mark);
	}
	pthread_mutex_unlock(&positions->lock);
}

/* From the front only: sequences of a journal are acknowledged in order. */
static void positions_release(struct positions *positions, struct positions_journal *queue,
			      bool acked)
{
	struct positions_hold *hold = queue->first;
	queue->first = hold->next;
	if (!queue->first)
		queue->last = &queue->first;
	if (!acked)
		positions_lose(hold->mark);
	hold->mark->holds--;
	positions_advance(positions, hold->mark->source);
	free(hold);
}

void positions_acknowledge(struct positions *positions, const void *journal,
			   uint64_t up_to_sequence)
{
	pthread_mutex_lock(&positions->lock);
	struct positions_journal *queue = positions_journal(positions, journal, false);
	while (queue && queue->first && queue->first->sequence <= up_to_sequence)
		positions_release(positions, queue, true);
	pthread_mutex_unlock(&positions->lock);
}

/* What the journal still held was not acknowledged and is lost with it; positions before that
 * count. */
void positions_forget(struct positions *positions, const void *journal)
{
	pthread_mutex_lock(&positions->lock);
	struct positions_journal **at = &positions->journals;
	while (*at && (*at)->journal != journal)
		at = &(*at)->next;
	struct positions_journal *queue = *at;
	if (queue) {
		*at = queue->next;
		while (queue->first)
			positions_release(positions, queue, false);
		free(queue);
	}
	pthread_mutex_unlock(&positions->lock);
}

/* ---- Asking and keeping ------------------------------------------------------- */

static int positions_copy(const char *text, char *ret, size_t size)
{
	if (!text)
		return -ENOENT;
	size_t needed = strlen(text) + 1;
	if (needed > size)
		return -ERANGE;
	memcpy(ret, text, needed);
	return 0;
}

/* Its input begins anew: what was lost comes again, behind what is there. */
static struct positions_source *positions_begin(struct positions *positions, const char *source)
{
	struct positions_source *found = positions_table_find(&positions->table, source);
	if (!found)
		return NULL;
	found->broken = false;
	found->used = ++positions->calls;
	return found;
}

bool positions_incomplete(struct positions *positions, const char *source)
{
	pthread_mutex_lock(&positions->lock);
	const struct positions_source *found = positions_table_find(&positions->table, source);
	bool incomplete = found && found->incomplete;
	pthread_mutex_unlock(&positions->lock);
	return incomplete;
}

int positions_get(struct positions *positions, const char *source, char *ret, size_t size)
{
	pthread_mutex_lock(&positions->lock);
	struct positions_source *found = positions_table_find(&positions->table, source);
	if (found)
		found->used = ++positions->calls;
	int r = positions_copy(found ? found->safe : NULL, ret, size);
	pthread_mutex_unlock(&positions->lock);
	return r;
}

/* Stops at the first mark that was lost and not read again since.  Asking means that the input
 * begins anew there, so lost marks count as passed from now on. */
int positions_get_pending(struct positions *positions, const char *source, char *ret, size_t size)
{
	const char *newest = NULL;
	bool unbroken = true;
	pthread_mutex_lock(&positions->lock);
	struct positions_source *found = positions_begin(positions, source);
	for (struct position_mark *mark = found ? found->first : NULL; mark; mark = mark->next) {
		unbroken = unbroken && (!mark->lost || mark->passed);
		mark->passed = mark->lost;
		if (unbroken && !mark->lost)
			newest = mark->text;
	}
	int r = positions_copy(newest, ret, size);
	pthread_mutex_unlock(&positions->lock);
	return r;
}

/* Formatted in memory, under the lock; written without it, since a disk may take seconds. */
static int positions_text(struct positions *positions, char **ret, size_t *ret_len)
{
	FILE *file = open_memstream(ret, ret_len);
	if (!file)
		return -ENOMEM;
	positions_file_begin(file);
	for (size_t i = 0; i < positions->table.n; i++) {
		const struct positions_source *source = positions->table.sources[i];
		if (source->safe)
			positions_file_line(file, source->name, source->safe);
	}
	bool failed = ferror(file);
	return fclose(file) != 0 || failed ? -ENOMEM : 0;
}

bool positions_taken_away(struct positions *positions)
{
	if (file_place_is_kept(&positions->place, positions->path))
		return false;
	positions->place = (struct file_place){0};
	pthread_mutex_lock(&positions->lock);
	positions->table.changed = true;
	pthread_mutex_unlock(&positions->lock);
	return true;
}

/* `changed` is cleared before the file is written, so that a position which comes meanwhile is
 * not forgotten, and set again if writing failed. */
int positions_save(struct positions *positions, struct error *error)
{
	auto_free char *text = NULL;
	size_t len = 0;
	pthread_mutex_lock(&positions->lock);
	bool changed = positions->table.changed;
	int r = changed ? positions_text(positions, &text, &len) : 0;
	positions->table.changed = false;
	pthread_mutex_unlock(&positions->lock);
	if (r < 0)
		error_set(error, -r, "out of memory");
	else if (changed)
		r = positions_file_write(positions->path, text, len, &positions->place, error);
	if (r == 0)
		return 0;
	pthread_mutex_lock(&positions->lock);
	positions->table.changed = true;
	pthread_mutex_unlock(&positions->lock);
	return r;
}

static int positions_load_line(void *arg, const char *source, const char *position)
{
	if (strlen(source) > POSITIONS_MAX_NAME || strlen(position) > POSITIONS_MAX_TEXT)
		return -EBADMSG;
	struct positions *positions = arg;
	struct positions_source *of = positions_table_add(&positions->table, source);
	return of ? positions_source_set(of, position) : -ENOMEM;
}

/* The file stays there to be looked at, out of the way of the next. */
static int positions_set_aside(struct positions *positions, struct error *error)
{
	auto_free char *aside = NULL;
	positions_table_clear(&positions->table);
	if (asprintf(&aside, "%s.damaged", positions->path) < 0)
		aside = NULL;
	if (!aside || rename(positions->path, aside) < 0)
		return error_set(error, EBADMSG, "%s is damaged: no input can resume from it",
				 positions->path);
	return error_set(error, EBADMSG,
			 "%s is damaged and was renamed to %s: no input can resume from it",
			 positions->path, aside);
}

/* A damaged file must not keep the daemon from starting: it collects again from where its inputs
 * begin without a position, and the file is kept for whoever wants to look at it. */
int positions_create(const char *path, struct positions **ret, struct error *error)
{
	struct positions *positions = calloc(1, sizeof(*positions));
	if (!positions)
		return error_set(error, ENOMEM, "out of memory");
	pthread_mutex_init(&positions->lock, NULL);
	positions->path = strdup(path);
	int r = positions->path ? positions_file_read(path, positions_load_line, positions, error)
				: error_set(error, ENOMEM, "out of memory");
	if (r == -EBADMSG)
		r = positions_set_aside(positions, error);
	if (r == -ENOENT)
		r = 0;
	if (r < 0 && r != -EBADMSG) {
		positions_destroy(positions);
		return r;
	}
	file_place_note(&positions->place, path, false);
	*ret = positions;
	return r;
}

/* Journals first, since their holds point to the marks of the table. */
void positions_destroy(struct positions *positions)
{
	if (!positions)
		return;
	while (positions->journals)
		positions_forget(positions, positions->journals->journal);
	for (size_t i = 0; i < positions->table.n; i++) {
		struct positions_source *source = positions->table.sources[i];
		while (source->first) {
			struct position_mark *mark = source->first;
			source->first = mark->next;
			free(mark);
		}
	}
	positions_table_done(&positions->table);
	free(positions->path);
	pthread_mutex_destroy(&positions->lock);
	free(positions);
}
