#include "storage/table.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"

#include <blkid/blkid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* blkid counts in these whatever the disk's own sectors are. */
#define BLKID_SECTOR 512u

static void probe_clear(blkid_probe *probe)
{
	blkid_free_probe(*probe);
	*probe = NULL;
}

static void copy_label(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
	gmi_text_clean(to);
}

static int by_offset(const void *a, const void *b)
{
	const struct gmi_partition *left = a;
	const struct gmi_partition *right = b;

	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static int collect(struct gmi_table *table, blkid_partlist list, struct gmi_error *err)
{
	int count = blkid_partlist_numof_partitions(list);

	table->partitions = calloc((size_t)(count > 0 ? count : 1), sizeof(*table->partitions));
	if (!table->partitions)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a partition table");
	for (int i = 0; i < count; i++) {
		blkid_partition from = blkid_partlist_get_partition(list, i);
		struct gmi_partition *to = &table->partitions[table->count];

		if (blkid_partition_get_size(from) <= 0)
			continue;
		/* An extended partition only holds others. */
		if (blkid_partition_is_extended(from))
			to = &table->extended;
		if (blkid_partition_get_start(from) < 0 ||
		    !gmi_mul_u64((uint64_t)blkid_partition_get_start(from), BLKID_SECTOR,
				 &to->offset) ||
		    !gmi_mul_u64((uint64_t)blkid_partition_get_size(from), BLKID_SECTOR,
				 &to->length)) {
			table->problem = "partition table with impossible numbers";
			return 0;
		}
		to->number = (uint32_t)blkid_partition_get_partno(from);
		copy_label(to->label, sizeof(to->label), blkid_partition_get_name(from));
		if (to != &table->extended)
			table->count++;
	}
	return 0;
}

static void check(struct gmi_table *table, uint64_t disk_length)
{
	uint64_t free_from = 0;

	qsort(table->partitions, table->count, sizeof(*table->partitions), by_offset);
	for (size_t i = 0; i < table->count && !table->problem; i++) {
		const struct gmi_partition *partition = &table->partitions[i];

		if (partition->offset < free_from)
			table->problem = "overlapping partitions";
		else if (!gmi_range_within(partition->offset, partition->length, disk_length))
			table->problem = "partitions beyond the end of the disk";
		free_from = partition->offset + partition->length;
	}
	if (table->problem)
		table->count = 0;
}

static int set_up(blkid_probe probe, struct gmi_disk *disk, uint64_t offset, uint64_t length,
		  struct gmi_error *err)
{
	if (!probe ||
	    blkid_probe_set_device(probe, disk->fd, (blkid_loff_t)offset, (blkid_loff_t)length) < 0)
		return gmi_fail(err, GMI_E_SYSTEM, "disk %s (%s): cannot be probed", disk->name,
				disk->path);
	/* For an image file blkid cannot ask anybody. */
	(void)blkid_probe_set_sectorsize(probe, disk->sector_length);
	return 0;
}

int gmi_table_read(struct gmi_table *table, struct gmi_disk *disk, struct gmi_error *err)
{
	GMI_CLEANUP(probe_clear) blkid_probe probe = NULL;
	blkid_partlist list;
	blkid_parttable found;

	memset(table, 0, sizeof(*table));
	snprintf(table->type, sizeof(table->type), "none");
	if (disk->flash || disk->fd < 0)
		return 0;
	probe = blkid_new_probe();
	if (set_up(probe, disk, 0, disk->length, err) < 0)
		return -1;
	blkid_probe_enable_superblocks(probe, 0);
	blkid_probe_enable_partitions(probe, 1);
	list = blkid_probe_get_partitions(probe);
	found = list ? blkid_partlist_get_table(list) : NULL;
	if (!found)
		return 0;
	snprintf(table->type, sizeof(table->type), "%s", blkid_parttable_get_type(found));
	if (collect(table, list, err) < 0) {
		gmi_table_release(table);
		return -1;
	}
	check(table, disk->length);
	return 0;
}

void gmi_table_release(struct gmi_table *table)
{
	free(table->partitions);
	memset(table, 0, sizeof(*table));
}

/*
 * Whether blkid found something. It looks at a volume's end, too, where others keep their
 * superblocks; a bad block there must not make a raw volume of a filesystem that we know.
 */
static bool find_content(blkid_probe probe)
{
	static char *known[] = { "ext2", "ext3", "ext4", "vfat", "squashfs", "swap", NULL };
	const int ambiguous = -2;
	int result = blkid_do_safeprobe(probe);

	if (result < 0 && result != ambiguous) {
		blkid_reset_probe(probe);
		blkid_probe_filter_superblocks_type(probe, BLKID_FLTR_ONLYIN, known);
		result = blkid_do_safeprobe(probe);
	}
	/* Two filesystems' signatures in one place: not for us to decide which is alive. */
	return result == 0;
}

int gmi_probe_content(struct gmi_disk *disk, uint64_t offset, uint64_t length, char content[16],
		      char label[128], struct gmi_error *err)
{
	GMI_CLEANUP(probe_clear) blkid_probe probe = NULL;
	const char *value;

	snprintf(content, 16, "raw");
	label[0] = '\0';
	if (disk->flash || disk->fd < 0)
		return 0;
	probe = blkid_new_probe();
	if (set_up(probe, disk, offset, length, err) < 0)
		return -1;
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
	if (!find_content(probe))
		return 0;
	if (blkid_probe_lookup_value(probe, "TYPE", &value, NULL) == 0 && strlen(value) < 16)
		snprintf(content, 16, "%s", value);
	if (blkid_probe_lookup_value(probe, "LABEL", &value, NULL) == 0)
		copy_label(label, 128, value);
	return 0;
}
