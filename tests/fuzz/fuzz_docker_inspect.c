/* The answer of GET /containers/ID/json. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
	if (!status_facts_read(text, size, &facts, &offset))
		check_texts(&facts, text, size);
	else if (offset > size)
		abort();
	free(text);
	return 0;
}
