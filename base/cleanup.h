/*
 * Ownership in one idiom: a local that owns something is declared auto_…, and TAKE(x) hands
 * it over.  Nothing here may be used on something that is only borrowed.
 */
#ifndef TALLYD_BASE_CLEANUP_H
#define TALLYD_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free(void *pointer)
{
	void *memory = *(void **)pointer;
	free(memory);
}

static inline void cleanup_close(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose(FILE *const *file)
{
	if (*file)
		fclose(*file);
}

#define auto_free __attribute__((cleanup(cleanup_free)))
#define auto_close __attribute__((cleanup(cleanup_close)))
#define auto_fclose __attribute__((cleanup(cleanup_fclose)))

#define TAKE(x)                                                                                    \
	({                                                                                         \
		__typeof__(x) taken_ = (x);                                                        \
		(x) = NULL;                                                                        \
		taken_;                                                                            \
	})

#endif
