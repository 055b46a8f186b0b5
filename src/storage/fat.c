/* Field names and offsets: Microsoft's "FAT: General Overview of On-Disk Format" 1.03, section 3.
 */
#include "base/checked.h"
#include "base/cleanup.h"
#include "storage/usedmaps.h"

#include <stdlib.h>

struct fat {
	uint64_t volume;      /* bytes of the source */
	uint64_t filesystem;  /* bytes that the filesystem says it has */
	uint64_t table;       /* byte of the first FAT */
	uint64_t table_bytes; /* of one FAT */
	uint64_t data;        /* byte of cluster 2 */
	uint64_t cluster;     /* bytes */
	uint64_t clusters;
	unsigned int bits; /* of a FAT entry: 12, 16 or 32 */
};

static int wrong(struct gmi_error *err, const char *what)
{
	return gmi_fail(err, GMI_E_DAMAGED, "not a FAT filesystem: %s", what);
}

static bool power_of_two(uint32_t value)
{
	return value != 0 && (value & (value - 1)) == 0;
}

static int parse(struct fat *fat, const uint8_t *boot, struct gmi_error *err)
{
	uint32_t sector = gmi_get_le16(boot + 11);
	uint32_t per_cluster = boot[13];
	uint64_t reserved = gmi_get_le16(boot + 14);
	uint64_t tables = boot[16];
	uint64_t root = gmi_get_le16(boot + 17);
	uint64_t sectors = gmi_get_le16(boot + 19);
	uint64_t table_sectors = gmi_get_le16(boot + 22);
	bool fat32 = table_sectors == 0;

	if (!power_of_two(sector) || sector < 512 || sector > 4096 || !power_of_two(per_cluster) ||
	    reserved == 0 || tables == 0)
		return wrong(err, "impossible sizes");
	if (sectors == 0)
		sectors = gmi_get_le32(boot + 32);
	if (fat32)
		table_sectors = gmi_get_le32(boot + 36);
	/* BPB_ExtFlags bit 7: only one FAT is kept up to date. Rare; not worth believing either. */
	if (fat32 && (gmi_get_le16(boot + 40) & 0x80))
		return wrong(err, "its FATs are not mirrored");
	fat->filesystem = sectors * sector;
	fat->table = reserved * sector;
	fat->table_bytes = table_sectors * sector;
	fat->data =
		fat->table + tables * fat->table_bytes + gmi_div_up_u64(root * 32, sector) * sector;
	fat->cluster = (uint64_t)per_cluster * sector;
	if (fat->filesystem > fat->volume || fat->data >= fat->filesystem)
		return wrong(err, "larger than its volume");
	fat->clusters = (fat->filesystem - fat->data) / fat->cluster;
	/* Section 3.5: the type follows from the count of clusters and nothing else. */
	fat->bits = fat->clusters < 4085 ? 12 : fat->clusters < 65525 ? 16 : 32;
	if (fat32 != (fat->bits == 32))
		return wrong(err, "its type and its size contradict each other");
	if (gmi_div_up_u64((fat->clusters + 2) * fat->bits, 8) > fat->table_bytes)
		return wrong(err, "its table is too short");
	return 0;
}

/* An even count, so that a piece of a FAT12, too, ends with a byte. */
#define ENTRIES_AT_ONCE 32768u

/* Entry number `index` of a piece of the table. */
static uint32_t entry_of(const struct fat *fat, const uint8_t *piece, uint32_t index)
{
	if (fat->bits == 32)
		return gmi_get_le32(piece + (size_t)index * 4) & 0x0fffffff;
	if (fat->bits == 16)
		return gmi_get_le16(piece + (size_t)index * 2);
	return gmi_get_le16(piece + (size_t)index * 3 / 2) >> (index & 1 ? 4 : 0) & 0xfff;
}

/* Entry 1 says so (section 4), and so does the boot sector: BS_Reserved1, which Linux keeps. */
static bool is_dirty(const struct fat *fat, const uint8_t *boot, const uint8_t *piece)
{
	uint32_t clean_bit = fat->bits == 32 ? 1u << 27 : fat->bits == 16 ? 1u << 15 : 0;

	if (boot[fat->bits == 32 ? 65 : 37] & 1)
		return true;
	return (entry_of(fat, piece, 1) & clean_bit) != clean_bit;
}

static int append_clusters(const struct fat *fat, const uint8_t *piece, uint64_t first,
			   uint32_t count, struct gmi_extents *used, struct gmi_error *err)
{
	/* Entries 0 and 1 stand for no cluster. */
	for (uint32_t i = first == 0 ? 2 : 0; i < count; i++) {
		if (entry_of(fat, piece, i) == 0)
			continue;
		if (gmi_extents_append(used, fat->data + (first + i - 2) * fat->cluster,
				       fat->cluster, err) < 0)
			return -1;
	}
	return 0;
}

/* Piece by piece: a table of some hundred MiB, real or claimed, must not be held in memory. */
static int read_table(const struct fat *fat, struct gmi_source *source, const uint8_t *boot,
		      struct gmi_extents *used, struct gmi_error *err)
{
	/* One byte more: a FAT12 entry is read as two bytes. */
	GMI_AUTO_FREE uint8_t *piece = calloc(ENTRIES_AT_ONCE * 4 + 1, 1);
	uint64_t entries = fat->clusters + 2;

	if (!piece)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a file allocation table");
	for (uint64_t first = 0; first < entries; first += ENTRIES_AT_ONCE) {
		uint32_t count = (uint32_t)gmi_min_u64(entries - first, ENTRIES_AT_ONCE);

		if (gmi_source_read(source, fat->table + first * fat->bits / 8, piece,
				    (size_t)gmi_div_up_u64((uint64_t)count * fat->bits, 8),
				    err) < 0)
			return -1;
		if (first == 0 && is_dirty(fat, boot, piece))
			return gmi_fail(err, GMI_E_DAMAGED,
					"the FAT filesystem was not unmounted cleanly");
		if (append_clusters(fat, piece, first, count, used, err) < 0)
			return -1;
	}
	return 0;
}

int gmi_fat_used_map(struct gmi_source *source, struct gmi_extents *used, struct gmi_error *err)
{
	struct fat fat = { .volume = source->length };
	uint64_t end;
	uint8_t boot[512];

	used->count = 0;
	if (source->length < sizeof(boot))
		return wrong(err, "too short");
	if (gmi_source_read(source, 0, boot, sizeof(boot), err) < 0 || parse(&fat, boot, err) < 0)
		return -1;
	if (gmi_extents_append(used, 0, fat.data, err) < 0 ||
	    read_table(&fat, source, boot, used, err) < 0)
		return -1;
	/* What is behind the last cluster belongs to nobody that we know. */
	end = fat.data + fat.clusters * fat.cluster;
	return gmi_extents_append(used, end, source->length - end, err);
}
