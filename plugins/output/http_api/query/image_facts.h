/*
 * What is known of references to images: what they point to, which containers were made from it,
 * and how they changed. Facts from docker_images and image_versions in the order of host and
 * reference; those of one host and reference follow each other.
 */
#ifndef TALLYD_HTTP_IMAGE_FACTS_H
#define TALLYD_HTTP_IMAGE_FACTS_H

#include "base/json_reader.h"

#include "query/query_builder.h"

enum fact_kind { FACT_TAG, FACT_USER, FACT_CHANGE };

struct user {
	struct json_text id, name, state, reference, since;
	bool outdated;
};

struct fact {
	char *reference; /* with its tag, without what everybody leaves out */
	const struct tally_cell *row;
	enum fact_kind kind;
	uint32_t order; /* as they came */
	struct user user;
};

/* Where the columns of a fact's row are: of FACT_TAG and FACT_USER, of FACT_CHANGE. */
enum { IMAGE_TIME, IMAGE_HOST, IMAGE_ID, IMAGE_TAGS, IMAGE_USED_BY };
enum {
	CHANGE_TIME,
	CHANGE_HOST,
	CHANGE_REFERENCE,
	CHANGE_CHANGE,
	CHANGE_ID,
	CHANGE_DIGEST,
	CHANGE_PREVIOUS_ID
};
enum { REFERENCE_MAX = 512 };

struct image_facts {
	struct context *context;
	char wanted[REFERENCE_MAX]; /* reference=; "": all */
	bool pattern;
	struct result_set images, changes; /* what the facts point to */
	struct fact *list;
	uint32_t n, size;
	bool no_memory;
};

void image_facts_done(struct image_facts *facts);
#define auto_image_facts __attribute__((cleanup(image_facts_done)))

/* As the call's parameters say.  Owes image_facts_done(), also on failure: a problem. */
int image_facts_read(struct context *context, struct image_facts *ret);

/* How many facts from here on are of one host and reference. */
uint32_t image_facts_entry(const struct image_facts *facts, uint32_t first);

#endif
