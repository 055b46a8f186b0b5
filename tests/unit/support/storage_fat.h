/*
 * Filesystems with any used map one likes: a FAT12 in memory whose table says at random which
 * clusters are used. And the DOS table that puts several of them onto one disk.
 */
#ifndef GMI_TESTS_STORAGE_FAT_H
#define GMI_TESTS_STORAGE_FAT_H

#include "support/storage_random.h"

/* Fills `length` bytes, 64 KiB to 8 MiB: boot sector, table, and random bytes everywhere else. */
void storage_fat_make(struct storage_random *random, uint8_t *bytes, size_t length);

/* Partitions in sectors of 512 bytes: start and length; at most four. */
void storage_dos_table(uint8_t *sector, const uint32_t (*partitions)[2], size_t count);

#endif
