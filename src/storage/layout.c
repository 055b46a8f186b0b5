#include "storage/layout.h"

#include "base/checked.h"
#include "storage/ext.h"
#include "storage/table.h"
#include "storage/usedmaps.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scan {
	struct gmi_layout *layout;
	struct gmi_disk *const *disks;
	uint32_t disk_count;
	enum gmi_scan how;
	uint32_t capacity;
};

/* ---- names ---- */

static bool is_given(const struct scan *scan, const char *name)
{
	for (uint32_t i = 0; i < scan->layout->count; i++) {
		if (strcmp(scan->layout->volumes[i].name, name) == 0)
			return true;
	}
	return false;
}

/*
 * A name that we make ourselves: "<disk>", "<disk>-<rest>". Another disk may be called just so
 * ("emmc-head"); then a number is added.
 */
static void make_name(const struct scan *scan, char name[GMI_VOLUME_NAME_LENGTH], uint32_t disk,
		      const char *rest)
{
	const char *own = scan->disks[disk]->name;

	snprintf(name, GMI_VOLUME_NAME_LENGTH, "%s%s%s", own, *rest ? "-" : "", rest);
	for (unsigned int i = 2; is_given(scan, name); i++)
		snprintf(name, GMI_VOLUME_NAME_LENGTH, "%s%s%s-%u", own, *rest ? "-" : "", rest, i);
}

/* Whether a label cannot be a name any more. */
static bool is_taken(const struct scan *scan, const char *name)
{
	if (is_given(scan, name))
		return true;
	/* Names that we make ourselves begin with a disk's name. */
	for (uint32_t i = 0; i < scan->disk_count; i++) {
		size_t length = strlen(scan->disks[i]->name);

		if (strncmp(name, scan->disks[i]->name, length) == 0 &&
		    (name[length] == '\0' || name[length] == '-'))
			return true;
	}
	return false;
}

static bool can_be_a_name(const char *label)
{
	size_t length = strlen(label);

	return length > 0 && length < GMI_VOLUME_NAME_LENGTH && !strchr("._-", label[0]) &&
	       strspn(label, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

/* ---- volumes ---- */

static struct gmi_volume *add(struct scan *scan, uint32_t disk, uint64_t offset, uint64_t length,
			      struct gmi_error *err)
{
	struct gmi_layout *layout = scan->layout;
	struct gmi_volume *volume;

	if (layout->count == scan->capacity) {
		uint32_t capacity = scan->capacity ? scan->capacity * 2 : 16;
		struct gmi_volume *grown = realloc(layout->volumes, capacity * sizeof(*grown));

		if (!grown) {
			gmi_fail(err, GMI_E_SYSTEM, "out of memory for volumes");
			return NULL;
		}
		layout->volumes = grown;
		scan->capacity = capacity;
	}
	volume = &layout->volumes[layout->count++];
	memset(volume, 0, sizeof(*volume));
	volume->disk = disk;
	volume->offset = offset;
	volume->length = length;
	return volume;
}

/* What no partition covers is stored whole: boot loaders and tables live there. */
static int add_between(struct scan *scan, uint32_t disk, uint64_t from, uint64_t to,
		       const char *content, const char *suffix, uint32_t number,
		       struct gmi_error *err)
{
	char name[GMI_VOLUME_NAME_LENGTH];
	struct gmi_volume *volume;
	char rest[24];

	if (from == to)
		return 0;
	snprintf(rest, sizeof(rest), number > 0 ? "%s%u" : "%s", suffix, number);
	make_name(scan, name, disk, rest);
	volume = add(scan, disk, from, to - from, err);
	if (!volume)
		return -1;
	memcpy(volume->name, name, sizeof(volume->name));
	snprintf(volume->content, sizeof(volume->content), "%s", content);
	return gmi_extents_whole(&volume->used, volume->length, err);
}

/* Which function reads the used map of this content; ext2/3/4 is apart. */
static int (*map_reader(const char *content))(struct gmi_source *, struct gmi_extents *,
					      struct gmi_error *)
{
	if (strcmp(content, "vfat") == 0)
		return gmi_fat_used_map;
	if (strcmp(content, "squashfs") == 0)
		return gmi_squashfs_used_map;
	if (strcmp(content, "swap") == 0)
		return gmi_swap_used_map;
	return NULL;
}

static bool is_ext(const char *content)
{
	return strcmp(content, "ext2") == 0 || strcmp(content, "ext3") == 0 ||
	       strcmp(content, "ext4") == 0;
}

static void assert_map_is_sound(const struct gmi_volume *volume)
{
	const struct gmi_extents *used = &volume->used;
	const struct gmi_extent *last = used->count ? &used->list[used->count - 1] : NULL;

	assert(!last || gmi_range_within(last->offset, last->length, volume->length));
	(void)last;
}

/* Fills in what the volume uses. A filesystem that cannot be read is no failure: it is stored
 * whole. */
static int map_volume(struct scan *scan, struct gmi_volume *volume, struct gmi_error *err)
{
	struct gmi_disk *disk = scan->disks[volume->disk];
	int (*read_map)(struct gmi_source *, struct gmi_extents *, struct gmi_error *);
	struct gmi_region_source region;
	const char *why_whole = NULL;
	struct gmi_error problem;
	int result = 0;

	if (scan->how == GMI_SCAN_ALL)
		return gmi_extents_whole(&volume->used, volume->length, err);
	gmi_region_source_init(&region, disk, volume->offset, volume->length);
	read_map = map_reader(volume->content);
	if (is_ext(volume->content))
		result = gmi_ext_used_map(&region.source, scan->how == GMI_SCAN_GLANCE,
					  &volume->used, &why_whole, &problem);
	else if (read_map)
		result = read_map(&region.source, &volume->used, &problem);
	else
		return gmi_extents_whole(&volume->used, volume->length, err);

	if (result < 0) {
		snprintf(volume->note, sizeof(volume->note), "stored whole: %.100s",
			 problem.message);
		return gmi_extents_whole(&volume->used, volume->length, err);
	}
	if (why_whole)
		snprintf(volume->note, sizeof(volume->note), "stored whole: %s", why_whole);
	assert_map_is_sound(volume);
	gmi_extents_fit(&volume->used);
	return 0;
}

static int add_content(struct scan *scan, uint32_t disk, uint64_t offset, uint64_t length,
		       const char *name, const char *label, struct gmi_error *err)
{
	struct gmi_volume *volume = add(scan, disk, offset, length, err);
	char found_label[GMI_VOLUME_TEXT_LENGTH];

	if (!volume)
		return -1;
	snprintf(volume->name, sizeof(volume->name), "%s", name);
	if (gmi_probe_content(scan->disks[disk], offset, length, volume->content, found_label,
			      err) < 0)
		return -1;
	snprintf(volume->label, sizeof(volume->label), "%s", *label ? label : found_label);
	return map_volume(scan, volume, err);
}

static int add_partition(struct scan *scan, uint32_t disk, const struct gmi_partition *partition,
			 struct gmi_error *err)
{
	char name[GMI_VOLUME_NAME_LENGTH];
	char rest[24];

	snprintf(rest, sizeof(rest), "p%u", partition->number);
	if (can_be_a_name(partition->label) && !is_taken(scan, partition->label))
		snprintf(name, sizeof(name), "%s", partition->label);
	else
		make_name(scan, name, disk, rest);
	return add_content(scan, disk, partition->offset, partition->length, name, partition->label,
			   err);
}

/* A disk that has a table: head, partitions with the gaps between them, tail. */
static int scan_table(struct scan *scan, uint32_t disk, const struct gmi_table *table,
		      struct gmi_error *err)
{
	uint64_t length = scan->disks[disk]->length;
	uint64_t covered = 0;
	uint32_t gaps = 0;

	for (size_t i = 0; i < table->count; i++) {
		const struct gmi_partition *partition = &table->partitions[i];
		bool first = i == 0;

		if (partition->offset > covered && !first)
			gaps++;
		if (add_between(scan, disk, covered, partition->offset, first ? "table" : "gap",
				first ? "head" : "gap", first ? 0 : gaps, err) < 0 ||
		    add_partition(scan, disk, partition, err) < 0)
			return -1;
		covered = partition->offset + partition->length;
	}
	return add_between(scan, disk, covered, length, table->count ? "gap" : "table",
			   table->count ? "tail" : "head", 0, err);
}

static int scan_disk(struct scan *scan, uint32_t number, struct gmi_error *err)
{
	struct gmi_disk *disk = scan->disks[number];
	char name[GMI_VOLUME_NAME_LENGTH];
	struct gmi_table table;
	struct gmi_volume *volume;
	int result;

	make_name(scan, name, number, "");
	/* libblkid reads through the page cache, which on a device may be from before. */
	if (disk->device)
		gmi_disk_drop_cache(disk);
	if (gmi_table_read(&table, disk, err) < 0)
		return -1;
	snprintf(scan->layout->tables[number], sizeof(scan->layout->tables[number]), "%s",
		 table.type);
	if (table.problem) {
		/* A table that makes no sense to us may make sense to the device: keep every byte.
		 */
		volume = add(scan, number, 0, disk->length, err);
		result = volume ? gmi_extents_whole(&volume->used, volume->length, err) : -1;
		if (volume) {
			memcpy(volume->name, name, sizeof(volume->name));
			snprintf(volume->content, sizeof(volume->content), "raw");
			snprintf(volume->note, sizeof(volume->note), "stored whole: %s",
				 table.problem);
		}
	} else if (strcmp(table.type, "none") == 0) {
		result = add_content(scan, number, 0, disk->length, name, "", err);
	} else {
		result = scan_table(scan, number, &table, err);
	}
	gmi_table_release(&table);
	return result;
}

/* The promise of the header, checked in release builds too. */
static void assert_every_byte_is_in_one_volume(const struct scan *scan)
{
	uint32_t at = 0;

	for (uint32_t disk = 0; disk < scan->disk_count; disk++) {
		uint64_t covered = 0;

		for (; at < scan->layout->count && scan->layout->volumes[at].disk == disk; at++) {
			assert(scan->layout->volumes[at].offset == covered);
			covered += scan->layout->volumes[at].length;
		}
		assert(covered == scan->disks[disk]->length);
	}
	assert(at == scan->layout->count);
}

int gmi_layout_scan(struct gmi_layout *layout, struct gmi_disk *const *disks, uint32_t disk_count,
		    enum gmi_scan how, struct gmi_error *err)
{
	struct scan scan = {
		.layout = layout,
		.disks = disks,
		.disk_count = disk_count,
		.how = how,
	};

	memset(layout, 0, sizeof(*layout));
	layout->tables = calloc(disk_count, sizeof(*layout->tables));
	if (!layout->tables)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for volumes");
	for (uint32_t i = 0; i < disk_count; i++) {
		if (scan_disk(&scan, i, err) < 0) {
			gmi_layout_release(layout);
			return -1;
		}
	}
	assert_every_byte_is_in_one_volume(&scan);
	return 0;
}

void gmi_layout_release(struct gmi_layout *layout)
{
	for (uint32_t i = 0; i < layout->count; i++)
		gmi_extents_release(&layout->volumes[i].used);
	free(layout->volumes);
	free(layout->tables);
	memset(layout, 0, sizeof(*layout));
}
