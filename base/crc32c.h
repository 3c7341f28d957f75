/* CRC-32C (Castagnoli), as in iSCSI (RFC 3720, appendix B.4) and ext4: tells damage, not malice. */
#ifndef TALLYD_BASE_CRC32C_H
#define TALLYD_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t len);

#endif
