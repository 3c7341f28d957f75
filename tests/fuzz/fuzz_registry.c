/* What a registry says in headers, and what a reference says of a registry. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "registry_http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char realm[REGISTRY_CHALLENGE_MAX], service[REGISTRY_CHALLENGE_MAX];
	struct registry_name name;
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (registry_challenge_read(text, realm, service) && !realm[0])
		abort();
	/* What goes into a URL cannot leave its place in it. */
	if (registry_name_parse(text, &name) &&
	    (strpbrk(name.host, "/?#@ \r\n") || strpbrk(name.repository, "?#@ \r\n:") ||
	     strpbrk(name.tag, "/?#@ \r\n:")))
		abort();
	registry_is_digest(text);
	registry_is_plain(text, NULL);
	free(text);
	return 0;
}
