/*
 * Eight tables of 256, so that eight bytes go through per step ("slicing by 8", Kounavis and
 * Berry, 2005); made once, at the first use.
 */
#include "base/crc32c.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>

#define CRC32C_POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */

static uint32_t crc32c_tables[8][256];
static pthread_once_t crc32c_once = PTHREAD_ONCE_INIT;

static void crc32c_make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? CRC32C_POLYNOMIAL : 0);
		crc32c_tables[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++) {
			uint32_t before = crc32c_tables[t - 1][i];
			crc32c_tables[t][i] = before >> 8 ^ crc32c_tables[0][before & 255];
		}
}

static uint32_t crc32c_eight(uint32_t crc, const uint8_t *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof(word));
	word = le64toh(word) ^ crc;
	crc = 0;
	for (int t = 0; t < 8; t++)
		crc ^= crc32c_tables[7 - t][word >> (8 * t) & 255];
	return crc;
}

uint32_t crc32c(const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint32_t crc = ~UINT32_C(0);
	pthread_once(&crc32c_once, crc32c_make_tables);
	for (; len >= 8; at += 8, len -= 8)
		crc = crc32c_eight(crc, at);
	for (; len > 0; at++, len--)
		crc = crc >> 8 ^ crc32c_tables[0][(crc ^ *at) & 255];
	return ~crc;
}
