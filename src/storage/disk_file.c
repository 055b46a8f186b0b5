/* Image files, of disks or of raw flash; and memory, which is a file without a name. */
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "storage/disk_open.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct file_disk {
	struct gmi_disk disk; /* its fd is ours */
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
	return punch(disk, offset, length) ? 0 : write_zeros(disk, offset, length, err);
}

/* Best effort: a filesystem that knows no holes keeps what nobody uses. */
static int file_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length,
			struct gmi_error *err)
{
	(void)err;
	(void)punch(disk, offset, length);
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
	/* Only clean pages can be dropped. */
	(void)fdatasync(disk->fd);
	(void)posix_fadvise(disk->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static void file_close(struct gmi_disk *disk)
{
	struct file_disk *file = (struct file_disk *)disk;

	if (file->mapped)
		munmap(file->mapped, (size_t)disk->length);
	gmi_fd_clear(&disk->fd);
	free(file);
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

static int measure(struct gmi_disk *disk, struct gmi_error *err)
{
	struct stat status;

	if (fstat(disk->fd, &status) < 0)
		return gmi_fail_errno(err, "disk %s (%s)", disk->name, disk->path);
	disk->length = (uint64_t)status.st_size;
	disk->sector_length = disk->flash ? 1 : 512;
	if (disk->length == 0)
		return gmi_fail(err, GMI_E_LAYOUT, "disk %s (%s) is empty", disk->name, disk->path);
	return 0;
}

int gmi_image_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
			struct gmi_error *err)
{
	struct file_disk *file = calloc(1, sizeof(*file));

	*out = NULL;
	if (!file)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for disk %s", config->name);
	gmi_disk_init(&file->disk, &file_ops, config);
	if (gmi_disk_lock_open(&file->disk, config->writable ? O_RDWR : O_RDONLY, config->alone,
			       err) < 0 ||
	    measure(&file->disk, err) < 0) {
		gmi_disk_close(&file->disk);
		return -1;
	}
	*out = &file->disk;
	return 0;
}

int gmi_memory_disk_new(struct gmi_disk **out, const char *name, uint64_t length, uint8_t **bytes,
			struct gmi_error *err)
{
	const struct gmi_disk_config config = { .name = name, .path = "memory", .writable = true };
	struct file_disk *file = calloc(1, sizeof(*file));
	void *mapped;

	*out = NULL;
	if (!file)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for disk %s", name);
	gmi_disk_init(&file->disk, &file_ops, &config);
	file->disk.length = length;
	file->disk.sector_length = 512;
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
