#include "support/storage_fat.h"

#include "base/checked.h"

#include <string.h>

#define SECTOR 512u
#define ROOT_ENTRIES 16u

/* Runs of used and of free clusters, so that there are gaps of all lengths. */
static void fill_table(struct storage_random *random, uint8_t *table, uint32_t clusters)
{
	uint32_t longest = 1 + (uint32_t)storage_random_below(random, 200);
	uint32_t left = 0;
	uint16_t value = 0;

	for (uint32_t i = 0; i < clusters + 2; i++) {
		uint8_t *entry = table + (size_t)i * 3 / 2;

		if (left == 0) {
			left = 1 + (uint32_t)storage_random_below(random, longest);
			value = value ? 0u : 0xfffu;
		}
		left--;
		if (i & 1)
			gmi_put_le16(entry, (uint16_t)((entry[0] & 0x0f) | value << 4));
		else
			gmi_put_le16(entry, (uint16_t)((entry[1] & 0xf0) << 8 | value));
	}
}

void storage_fat_make(struct storage_random *random, uint8_t *bytes, size_t length)
{
	uint32_t per_cluster = length > 1 << 20 ? 8u : 1u;
	uint32_t sectors = (uint32_t)(length / SECTOR);
	uint32_t table_sectors = sectors / per_cluster * 3 / 2 / SECTOR + 2;
	uint32_t data = 1 + table_sectors + ROOT_ENTRIES * 32 / SECTOR;

	storage_random_fill(random, bytes, length);
	memset(bytes, 0, SECTOR * (size_t)data);
	memcpy(bytes, "\xeb\x3c\x90mkfs.fat", 11);
	gmi_put_le16(bytes + 11, SECTOR);
	bytes[13] = (uint8_t)per_cluster;
	gmi_put_le16(bytes + 14, 1); /* reserved sectors */
	bytes[16] = 1;               /* tables */
	gmi_put_le16(bytes + 17, ROOT_ENTRIES);
	gmi_put_le16(bytes + 19, (uint16_t)sectors);
	bytes[21] = 0xf8;
	gmi_put_le16(bytes + 22, (uint16_t)table_sectors);
	bytes[38] = 0x29;
	memcpy(bytes + 43, "NO NAME    FAT12   ", 19);
	gmi_put_le16(bytes + 510, 0xaa55);
	fill_table(random, bytes + SECTOR, (sectors - data) / per_cluster);
}

void storage_dos_table(uint8_t *sector, const uint32_t (*partitions)[2], size_t count)
{
	memset(sector, 0, SECTOR);
	for (size_t i = 0; i < count; i++) {
		uint8_t *entry = sector + 446 + 16 * i;

		entry[4] = 0x83;
		gmi_put_le32(entry + 8, partitions[i][0]);
		gmi_put_le32(entry + 12, partitions[i][1]);
	}
	gmi_put_le16(sector + 510, 0xaa55);
}
