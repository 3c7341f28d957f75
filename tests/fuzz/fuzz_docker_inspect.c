/* The answer of GET /containers/ID/json. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "changes_spec.h"
#include "status_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(const struct status_facts *facts, const char *text, size_t size)
{
	for (int i = 0; i < FACT_TEXTS; i++) {
		const struct json_text *fact = &facts->texts[i];
		if (fact->at && (fact->at < text || fact->at + fact->len >= text + size))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct status_facts facts;
	size_t offset = 0;
	char *text = malloc(size ? size : 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	static const unsigned char key[CHANGES_KEY_SIZE] = {1};
	json_t *spec = changes_spec_read(text, size, key), *before, *after;
	for (int i = 0; spec && i < CHANGES_SPEC_KINDS; i++)
		if (changes_spec_compare(spec, spec, changes_spec_kinds[i], &before, &after))
			abort(); /* nothing differs from itself */
	json_decref(spec);
	if (!status_facts_read(text, size, &facts, &offset))
		check_texts(&facts, text, size);
	else if (offset > size)
		abort();
	free(text);
	return 0;
}
