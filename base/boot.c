/* The kernel's own name for its boot, a UUID that containers see as well. */
#include "base/boot.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

void boot_id(char ret[BOOT_ID_SIZE])
{
	auto_fclose FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (!file || !fgets(ret, BOOT_ID_SIZE, file))
		ret[0] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
}
