/* Runs a fuzz target over files and folders, for compilers without libFuzzer and for ctest. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_MAX_INPUT = 1 << 20 };
static unsigned fuzz_inputs;

static void fuzz_run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data = malloc(FUZZ_MAX_INPUT);
	if (!file || !data) {
		perror(path);
		exit(1);
	}
	size_t size = fread(data, 1, FUZZ_MAX_INPUT, file);
	fclose(file);
	/* An exact allocation, so that AddressSanitizer sees a read past the end. */
	uint8_t *exact = malloc(size ? size : 1);
	if (!exact)
		exit(1);
	for (size_t i = 0; i < size; i++)
		exact[i] = data[i];
	free(data);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
	fuzz_inputs++;
}

static void fuzz_run_folder(const char *path)
{
	DIR *folder = opendir(path);
	if (!folder) {
		perror(path);
		exit(1);
	}
	struct dirent *entry;
	while ((entry = readdir(folder))) {
		char file[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		fuzz_run_file(file);
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) < 0) {
			perror(argv[i]);
			return 1;
		}
		if (S_ISDIR(st.st_mode))
			fuzz_run_folder(argv[i]);
		else
			fuzz_run_file(argv[i]);
	}
	printf("%u inputs\n", fuzz_inputs);
	return fuzz_inputs ? 0 : 1;
}
