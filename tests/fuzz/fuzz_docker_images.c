/* The answer of GET /images/json, and what is looked up in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "image_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look_up(const struct image_list *list)
{
	for (uint32_t i = 0; i < list->tags.n; i++) {
		const struct image_name *tag = &list->tags.items[i];
		char normal[IMAGE_REFERENCE_MAX];
		if (tag->image >= list->n || !image_list_find(list, list->items[tag->image].id))
			abort();
		image_list_digest(list, tag->image, tag->name);
		image_reference_normal(tag->name, normal);
		if (!image_list_resolve(list, tag->name))
			abort();
	}
	image_list_resolve(list, "docker.io/library/box");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_list list;
	size_t offset = 0;
	char *body = malloc(size + 1);
	if (!body)
		return 0;
	/* As the client hands it over: with a NUL behind it. */
	memcpy(body, data, size);
	body[size] = '\0';
	if (image_list_parse(body, size, &list, &offset)) {
		if (offset > size)
			abort();
		return 0;
	}
	look_up(&list);
	image_list_done(&list);
	return 0;
}
