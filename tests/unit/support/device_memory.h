/*
 * A device whose disks lie in memory and are counted, for the engines' tests: no file, no hook.
 * Disk 0 is "emmc" with a DOS table and random filesystems, disk 1 is "flash".
 */
#ifndef GMI_TESTS_DEVICE_MEMORY_H
#define GMI_TESTS_DEVICE_MEMORY_H

#include "base/report.h"
#include "base/source.h"
#include "device/device.h"
#include "storage/layout.h"
#include "support/storage_counting.h"
#include "support/storage_random.h"

#define DEVICE_MEMORY_DISKS 2

struct device_memory {
	struct gmi_device device;
	struct gmi_profile profile;
	struct gmi_report report;
	bool keep_going; /* of its backups */
	struct storage_counting *disks[DEVICE_MEMORY_DISKS];
	uint8_t *bytes[DEVICE_MEMORY_DISKS];
};

/* Blank disks of these lengths. */
void device_memory_begin(struct device_memory *memory, uint64_t emmc, uint64_t flash);
void device_memory_end(struct device_memory *memory);

/* A table and up to four partitions: FATs with random used maps, random bytes, zeros. */
void device_memory_fill(struct device_memory *memory, struct storage_random *random);

/* A whole backup into memory; release the sink. chunk_length 0: the default. */
void device_memory_backup(struct device_memory *memory, unsigned int workers, uint32_t chunk_length,
			  struct gmi_memory_sink *file);

/* Writes, zeros and discards of all disks so far. */
unsigned int device_memory_changes(const struct device_memory *memory);

#endif
