/* Disks behind a descriptor: image files and block devices; and memory, which is a file without a
 * name. */
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "storage/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct file_disk {
	struct gmi_disk disk; /* its fd is ours */
	bool block;           /* a block device, not a file */
	int claim;            /* keeps others out; -1: not claimed */
	uint8_t *mapped;      /* of a memory disk */
};

static int file_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		     struct gmi_error *err)
{
	return gmi_pread_full(disk->fd, disk->path, offset, data, length, err);
}

static int file_write(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
		      struct gmi_error *err)
{
	return gmi_pwrite_full(disk->fd, disk->path, offset, data, length, err);
}

static int write_zeros(struct gmi_disk *disk, uint64_t offset, uint64_t length,
		       struct gmi_error *err)
{
	static const uint8_t zeros[64 << 10];

	while (length > 0) {
		size_t part = (size_t)gmi_min_u64(length, sizeof(zeros));

		if (gmi_pwrite_full(disk->fd, disk->path, offset, zeros, part, err) < 0)
			return -1;
		offset += part;
		length -= part;
	}
	return 0;
}

/* The part of a range that consists of whole sectors: block ioctls take nothing else. */
static bool whole_sectors(const struct gmi_disk *disk, uint64_t offset, uint64_t length,
			  uint64_t range[2])
{
	uint64_t sector = disk->sector_length;
	uint64_t from = gmi_div_up_u64(offset, sector) * sector;
	uint64_t to = (offset + length) / sector * sector;

	range[0] = from;
	range[1] = to > from ? to - from : 0;
	return range[1] > 0;
}

static bool punch(struct gmi_disk *disk, uint64_t offset, uint64_t length)
{
	int result;

	do {
		result = fallocate(disk->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   (off_t)offset, (off_t)length);
	} while (result < 0 && errno == EINTR);
	return result == 0;
}

static int file_zero(struct gmi_disk *disk, uint64_t offset, uint64_t length, struct gmi_error *err)
{
	const struct file_disk *file = (const struct file_disk *)disk;
	uint64_t range[2];

	if (!file->block)
		return punch(disk, offset, length) ? 0 : write_zeros(disk, offset, length, err);
	if (!whole_sectors(disk, offset, length, range) || ioctl(disk->fd, BLKZEROOUT, range) < 0)
		return write_zeros(disk, offset, length, err);
	if (write_zeros(disk, offset, range[0] - offset, err) < 0)
		return -1;
	return write_zeros(disk, range[0] + range[1], offset + length - range[0] - range[1], err);
}

/* Best effort: a disk that cannot discard keeps what nobody uses. */
static int file_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length,
			struct gmi_error *err)
{
	const struct file_disk *file = (const struct file_disk *)disk;
	uint64_t range[2];

	(void)err;
	if (!file->block)
		(void)punch(disk, offset, length);
	else if (whole_sectors(disk, offset, length, range))
		(void)ioctl(disk->fd, BLKDISCARD, range);
	return 0;
}

static int file_flush(struct gmi_disk *disk, struct gmi_error *err)
{
	if (fsync(disk->fd) < 0)
		return gmi_fail_errno(err, "%s: cannot bring what was written to the medium",
				      disk->path);
	return 0;
}

static void file_drop_cache(struct gmi_disk *disk)
{
	const struct file_disk *file = (const struct file_disk *)disk;

	/* Only clean pages can be dropped. */
	(void)fdatasync(disk->fd);
	(void)posix_fadvise(disk->fd, 0, 0, POSIX_FADV_DONTNEED);
	if (file->block)
		(void)ioctl(disk->fd, BLKFLSBUF, 0);
}

static void file_close(struct gmi_disk *disk)
{
	struct file_disk *file = (struct file_disk *)disk;

	if (file->mapped)
		munmap(file->mapped, (size_t)disk->length);
	gmi_fd_clear(&file->claim);
	gmi_fd_clear(&disk->fd);
	free(file);
}

int gmi_disk_claim(struct gmi_disk *disk, struct gmi_error *err)
{
	struct file_disk *file = (struct file_disk *)disk;

	if (!file->block)
		return 0;
	file->claim = open(disk->path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (file->claim < 0)
		return gmi_fail_errno(err, "disk %s (%s) is in use", disk->name, disk->path);
	return 0;
}

static const struct gmi_disk_ops file_ops = {
	.read = file_read,
	.write = file_write,
	.zero = file_zero,
	.discard = file_discard,
	.flush = file_flush,
	.drop_cache = file_drop_cache,
	.close = file_close,
};

static int measure_block_device(struct file_disk *file, struct gmi_error *err)
{
	struct gmi_disk *disk = &file->disk;
	uint64_t length;
	int sector;

	if (ioctl(disk->fd, BLKGETSIZE64, &length) < 0 || ioctl(disk->fd, BLKSSZGET, &sector) < 0)
		return gmi_fail_errno(err, "disk %s (%s): cannot ask for its size", disk->name,
				      disk->path);
	file->block = true;
	disk->length = length;
	disk->sector_length = (uint32_t)sector;
	return 0;
}

static int measure(struct file_disk *file, struct gmi_error *err)
{
	struct gmi_disk *disk = &file->disk;
	struct stat status;

	if (fstat(disk->fd, &status) < 0)
		return gmi_fail_errno(err, "disk %s (%s)", disk->name, disk->path);
	if (S_ISBLK(status.st_mode)) {
		if (measure_block_device(file, err) < 0)
			return -1;
	} else {
		disk->length = (uint64_t)status.st_size;
		disk->sector_length = 512;
	}
	if (disk->flash)
		disk->sector_length = 1;
	if (disk->length == 0)
		return gmi_fail(err, GMI_E_LAYOUT, "disk %s (%s) is empty", disk->name, disk->path);
	return 0;
}

/* Waits a little: an estimate, or udev looking at a block device, is over in a moment. */
static bool lock_descriptor(const struct gmi_disk *disk, bool alone)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	for (int tries = 0; tries < 30; tries++) {
		if (flock(disk->fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Looked at by its path, because opening a pipe waits for its other end. */
static int check_type(const struct gmi_disk *disk, struct gmi_error *err)
{
	struct stat status;

	if (stat(disk->path, &status) < 0 || S_ISBLK(status.st_mode) || S_ISREG(status.st_mode))
		return 0; /* what cannot be looked at cannot be opened either */
	return gmi_fail(err, GMI_E_LAYOUT,
			"disk %s (%s) is neither a block device nor an image file", disk->name,
			disk->path);
}

static int open_descriptor(struct gmi_disk *disk, bool alone, struct gmi_error *err)
{
	if (check_type(disk, err) < 0)
		return -1;
	disk->fd = open(disk->path, (disk->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (disk->fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV)) {
		gmi_fail_errno(err, "disk %s is missing: %s", disk->name, disk->path);
		err->code = GMI_E_LAYOUT;
		return -1;
	}
	if (disk->fd < 0)
		return gmi_fail_errno(err, "disk %s (%s): cannot open", disk->name, disk->path);
	if (!lock_descriptor(disk, alone || disk->writable))
		return gmi_fail(err, GMI_E_JOB_RUNS,
				"disk %s (%s) is in use by another gmi or by the system",
				disk->name, disk->path);
	return 0;
}

int gmi_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
		  struct gmi_error *err)
{
	struct file_disk *file = calloc(1, sizeof(*file));

	*out = NULL;
	if (!file)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for disk %s", config->name);
	file->disk.ops = &file_ops;
	file->claim = -1;
	file->disk.fd = -1;
	file->disk.flash = config->flash;
	file->disk.writable = config->writable;
	snprintf(file->disk.name, sizeof(file->disk.name), "%s", config->name);
	snprintf(file->disk.path, sizeof(file->disk.path), "%s", config->path);
	if (open_descriptor(&file->disk, config->alone, err) < 0 || measure(file, err) < 0) {
		gmi_disk_close(&file->disk);
		return -1;
	}
	*out = &file->disk;
	return 0;
}

int gmi_memory_disk_new(struct gmi_disk **out, const char *name, uint64_t length, uint8_t **bytes,
			struct gmi_error *err)
{
	struct file_disk *file = calloc(1, sizeof(*file));
	void *mapped;

	*out = NULL;
	if (!file)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for disk %s", name);
	file->disk.ops = &file_ops;
	file->claim = -1;
	file->disk.length = length;
	file->disk.sector_length = 512;
	file->disk.writable = true;
	snprintf(file->disk.name, sizeof(file->disk.name), "%s", name);
	snprintf(file->disk.path, sizeof(file->disk.path), "memory");
	file->disk.fd = memfd_create(name, MFD_CLOEXEC);
	if (file->disk.fd < 0 || ftruncate(file->disk.fd, (off_t)length) < 0) {
		gmi_fail_errno(err, "no memory for disk %s", name);
		gmi_disk_close(&file->disk);
		return -1;
	}
	if (bytes) {
		mapped = mmap(NULL, (size_t)length, PROT_READ | PROT_WRITE, MAP_SHARED,
			      file->disk.fd, 0);
		if (mapped == MAP_FAILED) {
			gmi_fail_errno(err, "no memory for disk %s", name);
			gmi_disk_close(&file->disk);
			return -1;
		}
		file->mapped = mapped;
		*bytes = mapped;
	}
	*out = &file->disk;
	return 0;
}
