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

static uint32_t entry_of(const struct fat *fat, const uint8_t *table, uint64_t cluster)
{
	if (fat->bits == 32)
		return gmi_get_le32(table + cluster * 4) & 0x0fffffff;
	if (fat->bits == 16)
		return gmi_get_le16(table + cluster * 2);
	return gmi_get_le16(table + cluster * 3 / 2) >> (cluster & 1 ? 4 : 0) & 0xfff;
}

static int append_clusters(const struct fat *fat, const uint8_t *table, struct gmi_extents *used,
			   struct gmi_error *err)
{
	for (uint64_t i = 0; i < fat->clusters; i++) {
		if (entry_of(fat, table, i + 2) == 0)
			continue;
		if (gmi_extents_append(used, fat->data + i * fat->cluster, fat->cluster, err) < 0)
			return -1;
	}
	return 0;
}

int gmi_fat_used_map(struct gmi_source *source, struct gmi_extents *used, struct gmi_error *err)
{
	struct fat fat = { .volume = source->length };
	GMI_AUTO_FREE uint8_t *table = NULL;
	uint64_t end;
	uint8_t boot[512];

	used->count = 0;
	if (source->length < sizeof(boot))
		return wrong(err, "too short");
	if (gmi_source_read(source, 0, boot, sizeof(boot), err) < 0 || parse(&fat, boot, err) < 0)
		return -1;
	/* One byte more: a FAT12 entry is read as two bytes. At most 1 GiB by the type's own
	 * limits. */
	table = calloc((size_t)fat.table_bytes + 1, 1);
	if (!table)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a file allocation table");
	if (gmi_source_read(source, fat.table, table, (size_t)fat.table_bytes, err) < 0)
		return -1;
	if (gmi_extents_append(used, 0, fat.data, err) < 0 ||
	    append_clusters(&fat, table, used, err) < 0)
		return -1;
	/* What is behind the last cluster belongs to nobody that we know. */
	end = fat.data + fat.clusters * fat.cluster;
	return gmi_extents_append(used, end, source->length - end, err);
}
