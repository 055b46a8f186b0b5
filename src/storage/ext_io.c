#include "storage/ext_io.h"

#include "base/checked.h"

#include <et/com_err.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * A bit for each block is small and always as small; a tree is smaller for huge filesystems, but
 * some 64 bytes a stretch where they are fragmented. Up to here (8 MiB) the bits are taken: 256 GiB
 * in blocks of 4 KiB.
 */
#define BITS_MAX (8u * (8u << 20))

/*
 * libext2fs hands its I/O manager a name, not a pointer. The source goes past it in here: set right
 * before ext2fs_open2() and taken by io_open() in the same thread.
 */
static _Thread_local struct gmi_source *source_to_open;

static errcode_t io_open(const char *name, int flags, io_channel *channel);

static errcode_t io_close(io_channel channel)
{
	if (--channel->refcount > 0)
		return 0;
	free(channel->name);
	free(channel);
	return 0;
}

static errcode_t io_set_blksize(io_channel channel, int size)
{
	channel->block_size = size;
	return 0;
}

/* A negative count is a count of bytes (ext2_io.h). What lies beyond the source's end is an error.
 */
static errcode_t io_read_blk64(io_channel channel, unsigned long long block, int count, void *data)
{
	struct gmi_source *source = channel->private_data;
	uint64_t length = count < 0 ? (uint64_t) - (int64_t)count
				    : (uint64_t)count * (uint64_t)channel->block_size;
	uint64_t offset;
	struct gmi_error err;

	if (!gmi_mul_u64(block, (uint64_t)channel->block_size, &offset) ||
	    !gmi_range_within(offset, length, source->length))
		return EXT2_ET_SHORT_READ;
	if (gmi_source_read(source, offset, data, (size_t)length, &err) < 0)
		return err.sys ? err.sys : EXT2_ET_SHORT_READ;
	return 0;
}

static errcode_t io_read_blk(io_channel channel, unsigned long block, int count, void *data)
{
	return io_read_blk64(channel, block, count, data);
}

static errcode_t io_write_blk64(io_channel channel, unsigned long long block, int count,
				const void *data)
{
	(void)channel, (void)block, (void)count, (void)data;
	return EXT2_ET_RO_FILSYS;
}

static errcode_t io_write_blk(io_channel channel, unsigned long block, int count, const void *data)
{
	return io_write_blk64(channel, block, count, data);
}

static errcode_t io_flush(io_channel channel)
{
	(void)channel;
	return 0;
}

static struct struct_io_manager manager = {
	.magic = EXT2_ET_MAGIC_IO_MANAGER,
	.name = "gmi source",
	.open = io_open,
	.close = io_close,
	.set_blksize = io_set_blksize,
	.read_blk = io_read_blk,
	.write_blk = io_write_blk,
	.flush = io_flush,
	.read_blk64 = io_read_blk64,
	.write_blk64 = io_write_blk64,
};

static errcode_t io_open(const char *name, int flags, io_channel *channel)
{
	io_channel opened = calloc(1, sizeof(*opened));

	(void)flags;
	if (!opened)
		return EXT2_ET_NO_MEMORY;
	opened->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	opened->manager = &manager;
	opened->name = strdup(name);
	opened->block_size = 1024;
	opened->refcount = 1;
	opened->private_data = source_to_open;
	if (!opened->name) {
		free(opened);
		return EXT2_ET_NO_MEMORY;
	}
	*channel = opened;
	return 0;
}

int gmi_ext_io_fail(struct gmi_error *err, errcode_t code, const char *what)
{
	/* Codes below 256 are errno values. */
	return gmi_fail(err, code < 256 ? GMI_E_SYSTEM : GMI_E_DAMAGED, "%s: %s", what,
			code < 256 ? strerror((int)code) : error_message(code));
}

/* A damaged filesystem makes libext2fs print; what matters it returns as well. */
static void say_nothing(const char *who, errcode_t code, const char *format, va_list args)
{
	(void)who, (void)code, (void)format, (void)args;
}

/* libext2fs keeps its messages in a list of the process that no lock protects. */
static void initialize(void)
{
	initialize_ext2_error_table();
	set_com_err_hook(say_nothing);
}

int gmi_ext_io_open(struct gmi_source *source, ext2_filsys *fs, struct gmi_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	errcode_t code;

	pthread_once(&once, initialize);
	source_to_open = source;
	code = ext2fs_open2("volume", NULL, EXT2_FLAG_64BITS, 0, 0, &manager, fs);
	if (code)
		return gmi_ext_io_fail(err, code, "ext filesystem cannot be read");
	(*fs)->default_bitmap_type = ext2fs_blocks_count((*fs)->super) <= BITS_MAX
					     ? EXT2FS_BMAP64_BITARRAY
					     : EXT2FS_BMAP64_RBTREE;
	return 0;
}
