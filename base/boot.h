/* Which boot of the kernel this is.  From any thread. */
#ifndef TALLYD_BASE_BOOT_H
#define TALLYD_BASE_BOOT_H

enum { BOOT_ID_SIZE = 40 };

/* Another text after each boot, whatever the clocks say; "": not known. */
void boot_id(char ret[BOOT_ID_SIZE]);

#endif
