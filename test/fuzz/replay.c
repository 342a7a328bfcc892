/* Stands in for libFuzzer where there is none: feeds a target each file of its corpus once, so
 * that every build replays what fuzzing has found. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The target, in fuzz_NAME.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 /* a seed is small; more is a mistake */ };

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes;
	size_t size;

	if (file == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	bytes = malloc(INPUT_MAX);
	if (bytes == NULL) {
		fclose(file);
		return -1;
	}
	size = fread(bytes, 1, INPUT_MAX, file);
	fclose(file);
	/* Exactly as large as the input, so that the sanitizer sees a read past its end. */
	if (size > 0) {
		uint8_t *exact = realloc(bytes, size);
		bytes = exact != NULL ? exact : bytes;
	}
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
	return 0;
}

static int replay_directory(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int seeds = 0;

	if (dir == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		char file[4096];
		int n = snprintf(file, sizeof file, "%s/%s", path, entry->d_name);

		if (entry->d_name[0] == '.' || n < 0 || (size_t)n >= sizeof file)
			continue;
		if (replay_file(file) != 0) {
			closedir(dir);
			return -1;
		}
		seeds++;
	}
	closedir(dir);
	return seeds;
}

int main(int argc, char **argv)
{
	int seeds = argc == 2 ? replay_directory(argv[1]) : -1;

	if (seeds <= 0) {
		fprintf(stderr, "usage: %s CORPUS_DIRECTORY (with at least one seed)\n", argv[0]);
		return 1;
	}
	printf("%d seeds\n", seeds);
	return 0;
}
