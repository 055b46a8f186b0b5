#include "support/device_memory.h"

#include "backup/backup.h"
#include "support/storage_fat.h"
#include "support/storage_scratch.h"
#include "unit.h"

#include <stdio.h>
#include <string.h>

#define SECTOR 512u
#define PARTITIONS 4

void device_memory_begin(struct device_memory *memory, uint64_t emmc, uint64_t flash)
{
	const char *const names[DEVICE_MEMORY_DISKS] = { "emmc", "flash" };
	const uint64_t lengths[DEVICE_MEMORY_DISKS] = { emmc, flash };
	struct gmi_error err;

	memset(memory, 0, sizeof(*memory));
	assert_gmi_ok(gmi_report_init(&memory->report, &err), &err);
	memory->device.profile = &memory->profile;
	snprintf(memory->device.identity.id, sizeof(memory->device.identity.id), "bb2241039");
	for (uint32_t i = 0; i < DEVICE_MEMORY_DISKS; i++) {
		struct gmi_disk *disk;

		assert_gmi_ok(
			gmi_memory_disk_new(&disk, names[i], lengths[i], &memory->bytes[i], &err),
			&err);
		memory->disks[i] = storage_counting_new(disk);
		memory->device.disks[i] = &memory->disks[i]->disk;
	}
	memory->disks[1]->disk.flash = true;
	memory->disks[1]->disk.sector_length = 1;
	memory->device.disk_count = DEVICE_MEMORY_DISKS;
}

void device_memory_end(struct device_memory *memory)
{
	gmi_device_close(&memory->device);
	gmi_report_release(&memory->report);
}

static void fill_partition(struct storage_random *random, uint8_t *bytes, size_t length)
{
	switch (storage_random_below(random, 4)) {
	case 0:
		storage_random_fill(random, bytes, length);
		break;
	case 1:
		memset(bytes, 0, length);
		break;
	default:
		storage_fat_make(random, bytes, length);
	}
}

void device_memory_fill(struct device_memory *memory, struct storage_random *random)
{
	uint32_t sectors = (uint32_t)(memory->device.disks[0]->length / SECTOR);
	uint32_t partitions[PARTITIONS][2];
	size_t count = 0;

	storage_random_fill(random, memory->bytes[1], memory->device.disks[1]->length);
	for (uint32_t at = 64; count < PARTITIONS; count++) {
		at += (uint32_t)storage_random_below(random, 300);
		if (at + 128 >= sectors)
			break;
		partitions[count][0] = at;
		partitions[count][1] =
			128 + (uint32_t)storage_random_below(random, sectors - at - 128);
		fill_partition(random, memory->bytes[0] + (size_t)at * SECTOR,
			       (size_t)partitions[count][1] * SECTOR);
		at += partitions[count][1];
	}
	storage_dos_table(memory->bytes[0], partitions, count);
	storage_random_fill(random, memory->bytes[0] + SECTOR, 63 * SECTOR);
}

void device_memory_backup(struct device_memory *memory, unsigned int workers, uint32_t chunk_length,
			  struct gmi_memory_sink *file)
{
	struct gmi_backup_options options = {
		.workers = workers,
		.chunk_length = chunk_length,
		.keep_going = memory->keep_going,
		.created = 1767965024,
	};
	struct gmi_backup *backup;
	const void *data;
	size_t length;
	struct gmi_error err;

	gmi_memory_sink_init(file);
	assert_gmi_ok(gmi_backup_start(&backup, &memory->device, &options, &memory->report, &err),
		      &err);
	do {
		assert_gmi_ok(gmi_backup_next(backup, &data, &length, &err), &err);
		assert_gmi_ok(gmi_sink_write(&file->sink, data, length, &err), &err);
	} while (length > 0);
	assert_true(gmi_backup_wait_read(backup));
	assert_gmi_ok(gmi_backup_finish(backup, &data, &length, &err), &err);
	assert_gmi_ok(gmi_sink_write(&file->sink, data, length, &err), &err);
	gmi_backup_free(backup);
}

unsigned int device_memory_changes(const struct device_memory *memory)
{
	unsigned int changes = 0;

	for (size_t i = 0; i < DEVICE_MEMORY_DISKS; i++)
		changes += atomic_load(&memory->disks[i]->changes);
	return changes;
}
