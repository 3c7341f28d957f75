/*
 * See pattern_tree.h.  The way to a pattern is its service and number of words, its first word, its
 * second word: each step a hash that takes up the one before.  Where too many ways begin at one
 * step, words that are new there share one.
 *
 *	pattern_tree_add()   find_ways() → find_similar() → blank_differences(), or make_pattern()
 */
#include "patterns/pattern_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"

enum {
	NODE_WAYS = 50,
	FIRST_SLOTS = 256,
	FEW = 4,
	PATTERNS_OF_WAY = 100,
	PATTERNS_OF_SERVICE = 500
};
/* Of the words that have a letter, so many must be the same. */
enum { SIMILAR = 3, SIMILAR_OF = 5 };

struct pattern_node {
	uint64_t way;         /* 0: free */
	uint32_t n_ways;      /* on from here */
	uint32_t n_patterns;  /* that end here */
	uint32_t first, last; /* of these: 1 + number; 0: none */
};

int pattern_tree_init(struct pattern_tree *tree, uint32_t max)
{
	*tree = (struct pattern_tree){.max = max, .n_slots = FIRST_SLOTS};
	tree->patterns = calloc(max, sizeof(struct pattern *));
	tree->nodes = calloc(FIRST_SLOTS, sizeof(*tree->nodes));
	return tree->patterns && tree->nodes ? 0 : -ENOMEM;
}

static void free_pattern(struct pattern *pattern)
{
	free(pattern->text);
	free(pattern->hashes);
	free(pattern->keys);
	free(pattern);
}

void pattern_tree_done(struct pattern_tree *tree, void (*free_data)(void *data))
{
	for (uint32_t i = 0; i < tree->n_patterns; i++) {
		if (free_data)
			free_data(tree->patterns[i]->data);
		free_pattern(tree->patterns[i]);
	}
	free(tree->patterns);
	free(tree->nodes);
	*tree = (struct pattern_tree){.max = 0};
}

/* ---- Ways ---------------------------------------------------------------- */

static struct pattern_node *place(struct pattern_node *nodes, uint32_t n_slots, uint64_t way)
{
	uint32_t at = (uint32_t)way & (n_slots - 1);
	while (nodes[at].way && nodes[at].way != way)
		at = (at + 1) & (n_slots - 1);
	return &nodes[at];
}

static bool grow(struct pattern_tree *tree)
{
	struct pattern_node *nodes = calloc(2 * (size_t)tree->n_slots, sizeof(*nodes));
	if (!nodes)
		return false;
	for (uint32_t i = 0; i < tree->n_slots; i++)
		if (tree->nodes[i].way)
			*place(nodes, 2 * tree->n_slots, tree->nodes[i].way) = tree->nodes[i];
	free(tree->nodes);
	tree->nodes = nodes;
	tree->n_slots *= 2;
	return true;
}

/* Ways are odd, so that none is 0. */
static uint64_t step(uint64_t way, uint64_t word)
{
	return hash_word(way, word) | 1;
}

static uint64_t step_of_any(uint64_t way)
{
	return step(way, 0);
}

/* Patterns of a service are counted in a node of its own. */
static uint64_t way_of_service(uint64_t service)
{
	return step(service, UINT64_MAX);
}

static bool has_blank(const struct pattern_words *words, uint32_t i)
{
	size_t len;
	const char *word = pattern_word(words, i, &len);
	return memmem(word, len, PATTERN_BLANK, sizeof(PATTERN_BLANK) - 1) != NULL;
}

static bool has_letter(const struct pattern_words *words, uint32_t i)
{
	size_t len;
	const char *word = pattern_word(words, i, &len);
	for (size_t k = 0; k < len; k++)
		if ((word[k] >= 'a' && word[k] <= 'z') || (word[k] >= 'A' && word[k] <= 'Z') ||
		    (unsigned char)word[k] >= 0x80)
			return true;
	return false;
}

static void find_ways(const struct pattern_tree *tree, uint64_t service,
		      const struct pattern_words *words, uint64_t ret[PATTERN_WAYS])
{
	ret[0] = step(service, words->n);
	for (uint32_t i = 0; i + 1 < PATTERN_WAYS; i++) {
		const struct pattern_node *from = place(tree->nodes, tree->n_slots, ret[i]);
		ret[i + 1] = step_of_any(ret[i]);
		if (i >= words->n || has_blank(words, i))
			continue;
		uint64_t way = step(ret[i], words->hash[i]);
		if (from->n_ways < NODE_WAYS || place(tree->nodes, tree->n_slots, way)->way)
			ret[i + 1] = way;
	}
}

static struct pattern_node *make_node(struct pattern_tree *tree, uint64_t way,
				      struct pattern_node *from)
{
	struct pattern_node *node = place(tree->nodes, tree->n_slots, way);
	if (node->way)
		return node;
	node->way = way;
	tree->n_nodes++;
	if (from)
		from->n_ways++;
	return node;
}

/* For one more pattern; its last step.  NULL: no memory. */
static struct pattern_node *make_ways(struct pattern_tree *tree, const struct pattern *pattern)
{
	if (2 * (tree->n_nodes + PATTERN_WAYS + 1) > tree->n_slots && !grow(tree))
		return NULL;
	struct pattern_node *from = make_node(tree, way_of_service(pattern->service), NULL), *node;
	for (uint32_t i = 0; i < PATTERN_WAYS; i++, from = node) {
		bool counts = i > 0 && pattern->ways[i] != step_of_any(pattern->ways[i - 1]);
		node = make_node(tree, pattern->ways[i], counts ? from : NULL);
	}
	return from;
}

/* ---- Patterns ------------------------------------------------------------ */

/* false: no memory, and it is as before. */
static bool set_words(struct pattern *pattern, const struct pattern_words *words)
{
	size_t n_bytes = words->at[words->n], n_hashes = words->n * sizeof(*words->hash);
	auto_free char *text = malloc(n_bytes + 1);
	auto_free uint64_t *hashes = malloc(n_hashes + 1), *keys = malloc(n_hashes + 1);
	if (!text || !hashes || !keys)
		return false;
	memcpy(text, words->text, n_bytes);
	memcpy(hashes, words->hash, n_hashes);
	memcpy(keys, words->key, n_hashes);
	free(pattern->text);
	free(pattern->hashes);
	free(pattern->keys);
	pattern->text = TAKE(text);
	pattern->hashes = TAKE(hashes);
	pattern->keys = TAKE(keys);
	pattern->n_words = words->n;
	pattern->n_bytes = (uint32_t)n_bytes;
	return true;
}

static bool has_room(const struct pattern_tree *tree, const struct pattern *pattern)
{
	uint64_t end = pattern->ways[PATTERN_WAYS - 1], service = way_of_service(pattern->service);
	return tree->n_patterns < tree->max &&
	       place(tree->nodes, tree->n_slots, end)->n_patterns < PATTERNS_OF_WAY &&
	       place(tree->nodes, tree->n_slots, service)->n_patterns < PATTERNS_OF_SERVICE;
}

static bool insert(struct pattern_tree *tree, struct pattern *pattern)
{
	struct pattern_node *node = make_ways(tree, pattern);
	if (!node)
		return false;
	tree->patterns[tree->n_patterns++] = pattern;
	if (node->last)
		tree->patterns[node->last - 1]->next = tree->n_patterns;
	else
		node->first = tree->n_patterns;
	node->last = tree->n_patterns;
	node->n_patterns++;
	place(tree->nodes, tree->n_slots, way_of_service(pattern->service))->n_patterns++;
	return true;
}

static struct pattern *make_pattern(struct pattern_tree *tree, const struct pattern *like,
				    const struct pattern_words *words)
{
	struct pattern *pattern = has_room(tree, like) ? malloc(sizeof(*pattern)) : NULL;
	if (!pattern)
		return NULL;
	*pattern = *like;
	pattern->text = NULL;
	pattern->hashes = pattern->keys = NULL;
	pattern->next = 0;
	if (set_words(pattern, words) && insert(tree, pattern))
		return pattern;
	free_pattern(pattern);
	return NULL;
}

/* How many of the words that count are the same, those with the same key= too. */
static uint32_t count_same(const struct pattern *pattern, const struct pattern_words *words,
			   const bool counts[PATTERN_WORDS], bool *ret_all)
{
	uint32_t same = 0, equal = 0;
	for (uint32_t i = 0; i < words->n; i++) {
		bool is = pattern->hashes[i] == words->hash[i];
		equal += is;
		if (counts[i])
			same += is || pattern_same_key(pattern->keys[i], words->key[i]);
	}
	*ret_all = equal == words->n;
	return same;
}

/* The first of those that are most like the line. */
static struct pattern *find_similar(const struct pattern_tree *tree, uint64_t way,
				    const struct pattern_words *words)
{
	struct pattern *best = NULL;
	bool counts[PATTERN_WORDS], all;
	uint32_t n_counts = 0, most = 0;
	for (uint32_t i = 0; i < words->n; i++)
		n_counts += counts[i] = has_letter(words, i);
	for (uint32_t at = place(tree->nodes, tree->n_slots, way)->first; at;
	     at = tree->patterns[at - 1]->next) {
		struct pattern *pattern = tree->patterns[at - 1];
		uint32_t same = count_same(pattern, words, counts, &all);
		if (n_counts == 0 ? !all : same * SIMILAR_OF < n_counts * SIMILAR)
			continue;
		if (!best || same > most) {
			best = pattern;
			most = same;
		}
	}
	return best;
}

/* ---- Words that say something -------------------------------------------------- */

static bool is_plain(const char *word, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!((word[i] >= 'a' && word[i] <= 'z') || (word[i] >= 'A' && word[i] <= 'Z') ||
		      (i + 1 == len && strchr(".,:;!?", word[i]))))
			return false;
	return len > 0;
}

/* The only word that differs; the number of words: none, or several do. */
static uint32_t only_difference(const struct pattern *pattern, const struct pattern_words *words)
{
	uint32_t found = words->n;
	for (uint32_t i = 0; i < words->n; i++) {
		if (pattern->hashes[i] == words->hash[i])
			continue;
		if (found < words->n)
			return words->n;
		found = i;
	}
	return found;
}

/* "started" and "stopped" are two things that happen, "eva" and "tom" are values: where only one
 * plain word differs, it is a value once there are FEW others in its place. */
static bool says_another(const struct pattern_tree *tree, const struct pattern *like,
			 const struct pattern_words *words)
{
	uint32_t odd = only_difference(like, words), others = 0;
	struct pattern_words was;
	size_t was_len, len;
	if (odd == words->n)
		return false;
	pattern_words_split(like->text, like->n_bytes, &was);
	const char *was_word = pattern_word(&was, odd, &was_len);
	const char *word = pattern_word(words, odd, &len);
	if (!is_plain(was_word, was_len) || !is_plain(word, len))
		return false;
	for (uint32_t at = place(tree->nodes, tree->n_slots, like->ways[PATTERN_WAYS - 1])->first;
	     at; at = tree->patterns[at - 1]->next)
		others += only_difference(tree->patterns[at - 1], words) == odd;
	return others < FEW;
}

/* ---- Blanks -------------------------------------------------------------------- */

/* Up to the last mark of a key that both begin with: "user=" of user=eva and user=tom. */
static size_t shared_key(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t key = 0;
	for (size_t i = 0; i < a_len && i < b_len && a[i] == b[i]; i++)
		if (a[i] == '=' || a[i] == ':')
			key = i + 1;
	return key;
}

/* The word in which both are, as far as they are the same. */
static void add_shared(struct pattern_words *now, const struct pattern_words *was,
		       const struct pattern_words *words, uint32_t i)
{
	char shared[PATTERN_BYTES + sizeof(PATTERN_BLANK)];
	size_t a_len, b_len;
	const char *a = pattern_word(was, i, &a_len), *b = pattern_word(words, i, &b_len);
	if (was->hash[i] == words->hash[i]) {
		pattern_words_add(now, a, a_len);
		return;
	}
	size_t len = shared_key(a, a_len, b, b_len);
	memcpy(shared, a, len);
	memcpy(shared + len, PATTERN_BLANK, sizeof(PATTERN_BLANK) - 1);
	pattern_words_add(now, shared, len + sizeof(PATTERN_BLANK) - 1);
}

/* Whether each word that differs is a blank there; one of key=<*> counts as such. */
static bool has_blanks_for(const struct pattern *pattern, const struct pattern_words *words)
{
	uint64_t blank = hash_bytes(0, PATTERN_BLANK, sizeof(PATTERN_BLANK) - 1);
	for (uint32_t i = 0; i < words->n; i++) {
		uint64_t hash = pattern->hashes[i];
		if (hash != words->hash[i] && hash != blank &&
		    !((pattern->keys[i] & 1) && pattern_same_key(pattern->keys[i], words->key[i])))
			return false;
	}
	return true;
}

/* true: the pattern has another text now. */
static bool blank_differences(struct pattern *pattern, const struct pattern_words *words)
{
	struct pattern_words was, now = {.n = 0};
	if (has_blanks_for(pattern, words))
		return false;
	pattern_words_split(pattern->text, pattern->n_bytes, &was);
	for (uint32_t i = 0; i < words->n; i++)
		add_shared(&now, &was, words, i);
	return now.n == words->n && memcmp(now.hash, was.hash, words->n * sizeof(*was.hash)) != 0 &&
	       set_words(pattern, &now);
}

struct pattern *pattern_tree_add(struct pattern_tree *tree, uint64_t service,
				 const struct pattern_words *words, bool *ret_changed)
{
	struct pattern made = {.service = service};
	*ret_changed = false;
	if (words->n == 0)
		return NULL;
	find_ways(tree, service, words, made.ways);
	struct pattern *found = find_similar(tree, made.ways[PATTERN_WAYS - 1], words);
	if (found && !says_another(tree, found, words)) {
		*ret_changed = blank_differences(found, words);
		return found;
	}
	made.id = hash_bytes(service, words->text, words->at[words->n]) >> 16;
	*ret_changed = true;
	return make_pattern(tree, &made, words);
}

int pattern_tree_forget(struct pattern_tree *tree,
			bool (*keep)(const struct pattern *pattern, const void *arg),
			const void *arg, void (*free_data)(void *data))
{
	struct pattern_tree fresh;
	int r = pattern_tree_init(&fresh, tree->max);
	for (uint32_t i = 0; i < tree->n_patterns && r == 0; i++)
		if (keep(tree->patterns[i], arg) &&
		    !pattern_tree_restore(&fresh, tree->patterns[i]))
			r = -ENOMEM;
	if (r < 0) {
		pattern_tree_done(&fresh, NULL);
		return r;
	}
	for (uint32_t i = 0; i < tree->n_patterns; i++)
		if (keep(tree->patterns[i], arg))
			tree->patterns[i]->data = NULL; /* it goes on there */
	pattern_tree_done(tree, free_data);
	*tree = fresh;
	return 0;
}

struct pattern *pattern_tree_restore(struct pattern_tree *tree, const struct pattern *was)
{
	struct pattern_words words;
	pattern_words_split(was->text, was->n_bytes, &words);
	return words.n ? make_pattern(tree, was, &words) : NULL;
}
