/* Any bytes as a configuration file, and whatever keys its sections have as options of every type.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_values {
	bool a_bool;
	int64_t an_int, a_size, a_duration, a_choice;
	const char *a_string, *a_secret;
	const char *const *a_list;
	struct tally_store *a_store;
};
#define AT(field) offsetof(struct fuzz_values, field)

static const struct tally_option fuzz_options[] = {
	{"bool", "yes", NULL, "-", TALLY_OPT_BOOL, 0, AT(a_bool), NULL},
	{"int", "1", "-9..65535", "-", TALLY_OPT_INT, 0, AT(an_int), NULL},
	{"size", "1Mi", "..1Gi", "-", TALLY_OPT_SIZE, 0, AT(a_size), NULL},
	{"duration", "1s", "1ms..", "-", TALLY_OPT_DURATION, 0, AT(a_duration), NULL},
	{"choice", "a", "a|b|long-one", "-", TALLY_OPT_CHOICE, 0, AT(a_choice), NULL},
	{"string", NULL, NULL, "-", TALLY_OPT_STRING, 0, AT(a_string), NULL},
	{"secret", NULL, NULL, "-", TALLY_OPT_INT, TALLY_OPT_SECRET, AT(an_int), NULL},
	{"list", "a, b", NULL, "-", TALLY_OPT_LIST, 0, AT(a_list), NULL},
	{"store", NULL, NULL, "-", TALLY_OPT_STORE, 0, AT(a_store), NULL},
	{.name = NULL},
};

/* Reading a secret's file would make the outcome depend on the machine. */
static bool fuzz_names_a_file(const struct config_section *section)
{
	for (size_t i = 0; i < section->n_entries; i++) {
		if (strcmp(section->entries[i].key, "secret_file") == 0)
			return true;
	}
	return false;
}

static void fuzz_section(const struct config_section *section, struct problems *problems)
{
	struct fuzz_values values = {0};
	struct options_target target = {fuzz_options, &values};
	struct options *options = NULL;
	size_t before = problems->n;
	if (fuzz_names_a_file(section))
		return;
	int r = options_parse(section, &target, 1, NULL, NULL, &options, problems);
	if ((r < 0) != (problems->n > before) || (r == 0) != (options != NULL))
		abort();
	for (size_t i = 0; options && i < options->n; i++)
		(void)options_shown(&options->values[i]);
	options_destroy(options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct problems problems;
	struct config *config = NULL;
	problems_init(&problems);
	int r = config_parse("fuzz.conf", (const char *)data, size, &config, &problems);
	if ((r < 0) != (problems.n > 0) || (r == 0) != (config != NULL))
		abort();
	for (size_t i = 0; config && i < config->n_sections; i++)
		fuzz_section(&config->sections[i], &problems);
	config_destroy(config);
	problems_done(&problems);
	return 0;
}
