/*
 * Block devices, read and written with O_DIRECT. Two descriptors: `disk.fd` is buffered, holds the
 * lock and is read by libblkid alone; everything else goes through `io`.
 *
 * O_DIRECT takes whole sectors from aligned memory. What the caller gives is cut into stretches
 * that are so (they go straight through) and the rest, which goes through a bounce buffer. Writing
 * a part of a sector means reading it, changing it, writing it back: that is done under one lock
 * per disk, so two writers whose ranges meet within a sector do not undo each other. A sector that
 * lies wholly within one write is nobody else's, and needs no lock.
 *
 * Where O_DIRECT is refused, `io` is buffered as well and `disk.direct` false: still right once the
 * cache has been dropped (gmi_layout_scan and gmi_restore_compare do so when the device has come to
 * rest), but it costs the device's memory.
 */
#include "base/checked.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "storage/disk_open.h"
#include "storage/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOUNCE_LENGTH (64u << 10) /* at least two sectors */
#define SECTOR_LENGTH_MAX (16u << 10)

struct block_disk {
	struct gmi_disk disk;  /* its fd is ours */
	int io;                /* read and written */
	int claim;             /* open exclusively, or -1 */
	uint32_t logical;      /* the device's sectors */
	uint32_t sector;       /* offsets and lengths of transfers; 1 if not direct */
	uint32_t memory;       /* addresses; 1 if not direct */
	pthread_mutex_t edges; /* held while a part of a sector is changed */
};

/* ---- reading and writing ---- */

/*
 * How much of a transfer comes next: *straight if it needs no copy. What begins within a sector
 * goes alone if that lets the rest go straight.
 */
static size_t next_part(const struct block_disk *block, uint64_t offset, const void *data,
			size_t length, bool *straight)
{
	size_t within = (size_t)(offset % block->sector);
	size_t to_sector = within ? block->sector - within : 0;
	bool aligned = ((uintptr_t)data + to_sector) % block->memory == 0;

	*straight = aligned && within == 0 && length >= block->sector;
	if (*straight)
		return length - length % block->sector;
	if (aligned && within > 0)
		return length < to_sector ? length : to_sector;
	return length < BOUNCE_LENGTH - within ? length : BOUNCE_LENGTH - within;
}

static int no_bounce(struct gmi_error *err)
{
	return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a part of a sector");
}

static int block_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		      struct gmi_error *err)
{
	const struct block_disk *block = (const struct block_disk *)disk;
	GMI_AUTO_FREE uint8_t *bounce = NULL;
	uint8_t *to = data;

	while (length > 0) {
		bool straight;
		size_t part = next_part(block, offset, to, length, &straight);
		size_t within = (size_t)(offset % block->sector);
		size_t whole = (within + part + block->sector - 1) / block->sector * block->sector;

		if (!straight && !bounce && !(bounce = gmi_disk_buffer(BOUNCE_LENGTH)))
			return no_bounce(err);
		if (gmi_pread_full(block->io, disk->path, offset - within, straight ? to : bounce,
				   whole, err) < 0)
			return -1;
		if (!straight)
			memcpy(to, bounce + within, part);
		to += part;
		offset += part;
		length -= part;
	}
	return 0;
}

/* Fills those sectors of the bounce buffer that the write covers only in part. Call with the lock.
 */
static int read_edges(const struct block_disk *block, uint64_t first, size_t within, size_t part,
		      uint8_t *bounce, struct gmi_error *err)
{
	size_t sector = block->sector;
	size_t last = (within + part - 1) / sector * sector;

	if (within > 0 &&
	    gmi_pread_full(block->io, block->disk.path, first, bounce, sector, err) < 0)
		return -1;
	if ((within + part) % sector == 0 || (last == 0 && within > 0))
		return 0;
	return gmi_pread_full(block->io, block->disk.path, first + last, bounce + last, sector,
			      err);
}

/* At most BOUNCE_LENGTH bytes with what they lack to whole sectors. */
static int write_by_bounce(struct block_disk *block, uint64_t offset, const uint8_t *data,
			   size_t part, uint8_t *bounce, struct gmi_error *err)
{
	size_t within = (size_t)(offset % block->sector);
	size_t whole = (within + part + block->sector - 1) / block->sector * block->sector;
	bool edges = whole != part;
	int result = 0;

	if (edges) {
		pthread_mutex_lock(&block->edges);
		result = read_edges(block, offset - within, within, part, bounce, err);
	}
	memcpy(bounce + within, data, part);
	if (result == 0)
		result = gmi_pwrite_full(block->io, block->disk.path, offset - within, bounce,
					 whole, err);
	if (edges)
		pthread_mutex_unlock(&block->edges);
	return result;
}

static int block_write(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
		       struct gmi_error *err)
{
	struct block_disk *block = (struct block_disk *)disk;
	GMI_AUTO_FREE uint8_t *bounce = NULL;
	const uint8_t *from = data;

	while (length > 0) {
		bool straight;
		size_t part = next_part(block, offset, from, length, &straight);
		int result;

		if (!straight && !bounce && !(bounce = gmi_disk_buffer(BOUNCE_LENGTH)))
			return no_bounce(err);
		if (straight)
			result = gmi_pwrite_full(block->io, disk->path, offset, from, part, err);
		else
			result = write_by_bounce(block, offset, from, part, bounce, err);
		if (result < 0)
			return -1;
		from += part;
		offset += part;
		length -= part;
	}
	return 0;
}

/* ---- zeros, discard, flush ---- */

static int write_zeros(struct gmi_disk *disk, uint64_t offset, uint64_t length,
		       struct gmi_error *err)
{
	static const uint8_t zeros[BOUNCE_LENGTH]
		__attribute__((aligned(GMI_DISK_BUFFER_ALIGNMENT)));

	while (length > 0) {
		/* Up to a multiple, so that what follows goes straight. */
		uint64_t room = BOUNCE_LENGTH - offset % BOUNCE_LENGTH;
		size_t part = (size_t)gmi_min_u64(length, room);

		if (block_write(disk, offset, zeros, part, err) < 0)
			return -1;
		offset += part;
		length -= part;
	}
	return 0;
}

/* The part of a range that consists of whole sectors: the ioctls take nothing else. */
static bool whole_sectors(const struct gmi_disk *disk, uint64_t offset, uint64_t length,
			  uint64_t range[2])
{
	uint64_t sector = ((const struct block_disk *)disk)->logical;
	uint64_t from = gmi_div_up_u64(offset, sector) * sector;
	uint64_t to = (offset + length) / sector * sector;

	range[0] = from;
	range[1] = to > from ? to - from : 0;
	return range[1] > 0;
}

/* Where the kernel cannot zero by a command, it says so or writes; then we write ourselves. */
static int block_zero(struct gmi_disk *disk, uint64_t offset, uint64_t length,
		      struct gmi_error *err)
{
	const struct block_disk *block = (const struct block_disk *)disk;
	uint64_t range[2];

	if (!whole_sectors(disk, offset, length, range) || ioctl(block->io, BLKZEROOUT, range) < 0)
		return write_zeros(disk, offset, length, err);
	if (write_zeros(disk, offset, range[0] - offset, err) < 0)
		return -1;
	return write_zeros(disk, range[0] + range[1], offset + length - range[0] - range[1], err);
}

/* Best effort: a disk that cannot discard keeps what nobody uses. */
static int block_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length,
			 struct gmi_error *err)
{
	const struct block_disk *block = (const struct block_disk *)disk;
	uint64_t range[2];

	(void)err;
	if (whole_sectors(disk, offset, length, range))
		(void)ioctl(block->io, BLKDISCARD, range);
	return 0;
}

static int block_flush(struct gmi_disk *disk, struct gmi_error *err)
{
	const struct block_disk *block = (const struct block_disk *)disk;

	if (fdatasync(block->io) < 0)
		return gmi_fail_errno(err, "%s: cannot bring what was written to the medium",
				      disk->path);
	return 0;
}

static void block_drop_cache(struct gmi_disk *disk)
{
	const struct block_disk *block = (const struct block_disk *)disk;

	/* Only clean pages can be dropped. */
	(void)fdatasync(block->io);
	(void)posix_fadvise(disk->fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)ioctl(disk->fd, BLKFLSBUF, 0);
}

/* ---- opening ---- */

static int block_claim(struct gmi_disk *disk, struct gmi_error *err)
{
	struct block_disk *block = (struct block_disk *)disk;

	if (block->claim >= 0)
		return 0;
	block->claim = open(disk->path, O_RDONLY | O_EXCL | O_CLOEXEC);
	if (block->claim < 0 && errno == EBUSY)
		return gmi_fail_errno(err, "%s is mounted or held by something else", disk->path);
	if (block->claim < 0)
		return gmi_fail_errno(err, "%s: cannot be opened exclusively", disk->path);
	return 0;
}

static void block_close(struct gmi_disk *disk)
{
	struct block_disk *block = (struct block_disk *)disk;

	gmi_fd_clear(&block->claim);
	gmi_fd_clear(&block->io);
	gmi_fd_clear(&disk->fd);
	pthread_mutex_destroy(&block->edges);
	free(block);
}

static const struct gmi_disk_ops block_ops = {
	.read = block_read,
	.write = block_write,
	.zero = block_zero,
	.discard = block_discard,
	.flush = block_flush,
	.drop_cache = block_drop_cache,
	.claim = block_claim,
	.close = block_close,
};

static int measure(struct block_disk *block, struct gmi_error *err)
{
	struct gmi_disk *disk = &block->disk;
	struct stat status;
	uint64_t length;
	int sector;

	if (fstat(disk->fd, &status) < 0 || ioctl(disk->fd, BLKGETSIZE64, &length) < 0 ||
	    ioctl(disk->fd, BLKSSZGET, &sector) < 0)
		return gmi_fail_errno(err, "disk %s (%s): cannot ask for its size", disk->name,
				      disk->path);
	if (sector < 1 || (uint32_t)sector > SECTOR_LENGTH_MAX)
		return gmi_fail(err, GMI_E_LAYOUT, "disk %s (%s): sectors of %d bytes", disk->name,
				disk->path, sector);
	disk->device = true;
	disk->rdev = status.st_rdev;
	/* A rest that is no whole sector cannot be addressed. */
	disk->length = length - length % (uint32_t)sector;
	disk->sector_length = disk->flash ? 1 : (uint32_t)sector;
	block->logical = (uint32_t)sector;
	block->sector = (uint32_t)sector;
	block->memory = (uint32_t)sector;
	if (disk->length == 0)
		return gmi_fail(err, GMI_E_LAYOUT, "disk %s (%s) is empty", disk->name, disk->path);
	return 0;
}

/* Kernels before 6.1 do not tell; for them memory that begins like a sector is always right. */
static void measure_alignment(struct block_disk *block)
{
#ifdef STATX_DIOALIGN
	struct statx told;

	if (statx(block->io, "", AT_EMPTY_PATH, STATX_DIOALIGN, &told) == 0 &&
	    (told.stx_mask & STATX_DIOALIGN) && told.stx_dio_mem_align > 0 &&
	    told.stx_dio_offset_align > 0 && told.stx_dio_offset_align <= SECTOR_LENGTH_MAX &&
	    told.stx_dio_mem_align <= GMI_DISK_BUFFER_ALIGNMENT) {
		block->memory = told.stx_dio_mem_align;
		block->sector = told.stx_dio_offset_align;
		block->logical = (uint32_t)gmi_max_u64(block->logical, block->sector);
	}
#else
	(void)block;
#endif
}

/* Some drivers take the flag when opening and refuse the first transfer. */
static bool first_sector_is_refused(const struct block_disk *block)
{
	GMI_AUTO_FREE uint8_t *buffer = gmi_disk_buffer(SECTOR_LENGTH_MAX);

	return buffer && pread(block->io, buffer, block->sector, 0) < 0 && errno == EINVAL;
}

static int open_io(struct block_disk *block, struct gmi_error *err)
{
	struct gmi_disk *disk = &block->disk;
	int flags = (disk->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC;
	struct stat status;

	block->io = open(disk->path, flags | O_DIRECT);
	disk->direct = block->io >= 0;
	if (disk->direct) {
		measure_alignment(block);
		if (first_sector_is_refused(block)) {
			gmi_fd_clear(&block->io);
			disk->direct = false;
			errno = EINVAL;
		}
	}
	if (!disk->direct && errno == EINVAL)
		block->io = open(disk->path, flags);
	if (block->io < 0 || fstat(block->io, &status) < 0)
		return gmi_fail_errno(err, "disk %s (%s): cannot open", disk->name, disk->path);
	if (status.st_rdev != disk->rdev)
		return gmi_fail(err, GMI_E_SYSTEM, "disk %s (%s) changed while it was opened",
				disk->name, disk->path);
	if (!disk->direct) {
		block->sector = block->memory = 1;
		block_drop_cache(disk);
	}
	return 0;
}

int gmi_block_disk_open(struct gmi_disk **out, const struct gmi_disk_config *config,
			struct gmi_error *err)
{
	struct block_disk *block = calloc(1, sizeof(*block));

	*out = NULL;
	if (!block)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for disk %s", config->name);
	gmi_disk_init(&block->disk, &block_ops, config);
	block->io = block->claim = -1;
	pthread_mutex_init(&block->edges, NULL);
	if (gmi_disk_lock_open(&block->disk, O_RDONLY, config->alone, err) < 0 ||
	    measure(block, err) < 0 || open_io(block, err) < 0) {
		gmi_disk_close(&block->disk);
		return -1;
	}
	block->disk.write_unit = gmi_sysfs_write_unit(block->disk.rdev);
	*out = &block->disk;
	return 0;
}
