/* The answer of GET /containers/json, and whatever is read off its texts. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "docker/docker_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const include[] = {"web*", "label=a=*", "image=?*", "state=run*", NULL};
	const struct match match = {include, NULL};
	struct docker_list list;
	size_t offset = 0;
	char value[16], *body = malloc(size + 1);
	if (!body)
		return 0;
	/* As the client hands it over: with a NUL behind it. */
	memcpy(body, data, size);
	body[size] = '\0';
	if (docker_list_parse(body, size, &list, &offset)) {
		if (offset > size)
			abort();
		return 0;
	}
	for (uint32_t i = 0; i < list.n; i++) {
		const struct docker_container *container = &list.items[i];
		docker_container_passes(container, &match);
		docker_container_label(container, "a", value, sizeof(value));
		docker_status_age(container->status);
		if (strlen(container->id) > DOCKER_ID_MAX ||
		    !docker_list_find(&list, container->id))
			abort();
	}
	docker_list_done(&list);
	return 0;
}
