/*
 * Raw flash: an MTD character device, /dev/mtd0, by libmtd, which is seen here alone.
 *
 * Flash is written in two steps: erasing sets every bit of an erase block, writing clears bits. So
 * a write here reads the erase block, changes it in memory, and brings to the flash what that
 * takes: nothing where the block is equal already (a restore of what is there wears nothing), no
 * erasing where only bits of NOR or RAM are cleared, else one erasing. Units that are all ones
 * after erasing stay unwritten: filesystems of flash count on being able to write there later.
 *
 * NAND with bad blocks is refused when it is opened: a copy would have to move around them.
 */
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "storage/disk_open.h"

#include <fcntl.h>
#include <libmtd.h>
#include <mtd/mtd-user.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ERASED 0xff

struct flash_disk {
	struct gmi_disk disk; /* its fd is ours */
	libmtd_t library;
	struct mtd_dev_info info;
	size_t erased;         /* at once: an erase block */
	size_t unit;           /* written at once: a page of NAND; 1: any byte */
	bool bits;             /* a bit may be cleared without erasing its block */
	pthread_mutex_t block; /* held while an erase block is changed; guards the two buffers */
	uint8_t *before;       /* what the erase block holds; NULL if not writable */
	uint8_t *after;        /* what it is to hold */
};

static int flash_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		      struct gmi_error *err)
{
	return gmi_pread_full(disk->fd, disk->path, offset, data, length, err);
}

/* Whether a unit of the block in `before` is what it is to be. */
static bool unit_is_done(const struct flash_disk *flash, size_t at)
{
	return memcmp(flash->before + at, flash->after + at, flash->unit) == 0;
}

/* A bit of NOR can be cleared at any time; a page of NAND is written once after each erasing. */
static bool needs_erasing(const struct flash_disk *flash)
{
	for (size_t at = 0; at < flash->erased; at += flash->unit) {
		if (unit_is_done(flash, at))
			continue;
		for (size_t i = at; i < at + flash->unit; i++) {
			uint8_t kept = flash->bits ? flash->after[i] : ERASED;

			if ((kept & ~flash->before[i]) != 0)
				return true;
		}
	}
	return false;
}

static int write_units(struct flash_disk *flash, uint64_t start, struct gmi_error *err)
{
	size_t length = flash->erased;

	for (size_t at = 0; at < length;) {
		size_t end = at;

		while (end < length && !unit_is_done(flash, end))
			end += flash->unit;
		if (end > at && gmi_pwrite_full(flash->disk.fd, flash->disk.path, start + at,
						flash->after + at, end - at, err) < 0)
			return -1;
		at = end > at ? end : at + flash->unit;
	}
	return 0;
}

/* One erase block; the lock is held. `data` NULL stands for zeros. */
static int change_block(struct flash_disk *flash, uint64_t start, size_t from, const uint8_t *data,
			size_t length, struct gmi_error *err)
{
	struct gmi_disk *disk = &flash->disk;

	if (flash_read(disk, start, flash->before, flash->erased, err) < 0)
		return -1;
	memcpy(flash->after, flash->before, flash->erased);
	if (data)
		memcpy(flash->after + from, data, length);
	else
		memset(flash->after + from, 0, length);
	if (needs_erasing(flash)) {
		int number = (int)(start / flash->erased);

		if (mtd_erase(flash->library, &flash->info, disk->fd, number) < 0)
			return gmi_fail_errno(err, "%s: cannot erase block %d at offset %llu",
					      disk->path, number, (unsigned long long)start);
		memset(flash->before, ERASED, flash->erased);
	}
	return write_units(flash, start, err);
}

static int change(struct flash_disk *flash, uint64_t offset, const uint8_t *data, uint64_t length,
		  struct gmi_error *err)
{
	size_t block = flash->erased;
	int result = 0;

	while (length > 0 && result == 0) {
		size_t from = (size_t)(offset % block);
		size_t part = (size_t)gmi_min_u64(length, block - from);

		pthread_mutex_lock(&flash->block);
		result = change_block(flash, offset - from, from, data, part, err);
		pthread_mutex_unlock(&flash->block);
		offset += part;
		length -= part;
		if (data)
			data += part;
	}
	return result;
}

static int flash_write(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
		       struct gmi_error *err)
{
	return change((struct flash_disk *)disk, offset, data, length, err);
}

static int flash_zero(struct gmi_disk *disk, uint64_t offset, uint64_t length,
		      struct gmi_error *err)
{
	return change((struct flash_disk *)disk, offset, NULL, length, err);
}

/* Flash is stored whole; nothing on it is unused. */
static int flash_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length,
			 struct gmi_error *err)
{
	(void)disk, (void)offset, (void)length, (void)err;
	return 0;
}

/* The kernel writes to flash at once, and reads from it each time. */
static int flash_flush(struct gmi_disk *disk, struct gmi_error *err)
{
	(void)disk, (void)err;
	return 0;
}

static void flash_drop_cache(struct gmi_disk *disk)
{
	(void)disk;
}

static void flash_close(struct gmi_disk *disk)
{
	struct flash_disk *flash = (struct flash_disk *)disk;

	if (flash->library)
		libmtd_close(flash->library);
	pthread_mutex_destroy(&flash->block);
	free(flash->before);
	free(flash->after);
	gmi_fd_clear(&disk->fd);
	free(flash);
}

static const struct gmi_disk_ops flash_ops = {
	.read = flash_read,
	.write = flash_write,
	.zero = flash_zero,
	.discard = flash_discard,
	.flush = flash_flush,
	.drop_cache = flash_drop_cache,
	.close = flash_close,
};

static int refuse_bad_blocks(const struct flash_disk *flash, struct gmi_error *err)
{
	const struct gmi_disk *disk = &flash->disk;

	for (int number = 0; flash->info.bb_allowed && number < flash->info.eb_cnt; number++) {
		int bad = mtd_is_bad(&flash->info, disk->fd, number);

		if (bad < 0)
			return gmi_fail_errno(err,
					      "disk %s (%s): cannot ask whether block %d is bad",
					      disk->name, disk->path, number);
		if (bad > 0)
			return gmi_fail(
				err, GMI_E_LAYOUT,
				"disk %s (%s): block %d at offset %llu is bad; NAND with "
				"bad blocks is not supported at this version, because a copy "
				"would have to move around them",
				disk->name, disk->path, number,
				(unsigned long long)number * flash->erased);
	}
	return 0;
}

static int measure(struct flash_disk *flash, struct gmi_error *err)
{
	struct gmi_disk *disk = &flash->disk;
	struct mtd_dev_info *info = &flash->info;

	flash->library = libmtd_open();
	if (!flash->library || mtd_get_dev_info(flash->library, disk->path, info) < 0)
		return gmi_fail_errno(err, "disk %s (%s): cannot ask what flash it is", disk->name,
				      disk->path);
	if (info->size <= 0 || info->eb_size <= 0 || info->min_io_size <= 0 ||
	    info->size % info->eb_size != 0 || info->eb_size % info->min_io_size != 0)
		return gmi_fail(err, GMI_E_LAYOUT,
				"disk %s (%s) is flash that cannot be written in erase blocks",
				disk->name, disk->path);
	disk->length = (uint64_t)info->size;
	flash->erased = (size_t)info->eb_size;
	if ((info->eb_size & (info->eb_size - 1)) == 0)
		disk->write_unit = (uint32_t)info->eb_size;
	disk->sector_length = 1;
	disk->device = true;
	flash->unit = (size_t)info->min_io_size;
	flash->bits = flash->unit == 1 && (info->type == MTD_NORFLASH || info->type == MTD_RAM);
	return refuse_bad_blocks(flash, err);
}

int gmi_flash_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
			struct gmi_error *err)
{
	struct flash_disk *flash;

	*out = NULL;
	if (!config->flash)
		return gmi_fail(err, GMI_E_LAYOUT,
				"disk %s (%s) is raw flash; give it `type = flash` in the profile",
				config->name, config->path);
	flash = calloc(1, sizeof(*flash));
	if (!flash)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for disk %s", config->name);
	gmi_disk_init(&flash->disk, &flash_ops, config);
	pthread_mutex_init(&flash->block, NULL);
	if (gmi_disk_lock_open(&flash->disk, config->writable ? O_RDWR : O_RDONLY, config->alone,
			       err) < 0 ||
	    measure(flash, err) < 0) {
		gmi_disk_close(&flash->disk);
		return -1;
	}
	if (config->writable) {
		flash->before = malloc(flash->erased);
		flash->after = malloc(flash->erased);
		if (!flash->before || !flash->after) {
			gmi_disk_close(&flash->disk);
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for disk %s",
					config->name);
		}
	}
	*out = &flash->disk;
	return 0;
}
