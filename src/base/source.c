#include "base/source.h"

#include "base/checked.h"
#include "base/io.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int file_read_at(struct gmi_source *self, uint64_t offset, void *data, size_t length,
			struct gmi_error *err)
{
	struct gmi_file_source *file = (struct gmi_file_source *)self;

	return gmi_pread_full(file->fd, file->name, offset, data, length, err);
}

int gmi_file_source_open(struct gmi_file_source *file, const char *path, struct gmi_error *err)
{
	struct stat status;
	off_t end;

	file->source.read_at = file_read_at;
	snprintf(file->name, sizeof(file->name), "%s", path);
	file->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (file->fd < 0)
		return gmi_fail_errno(err, "%s: cannot open", path);
	if (fstat(file->fd, &status) == 0 && S_ISDIR(status.st_mode)) {
		gmi_file_source_close(file);
		return gmi_fail(err, GMI_E_USAGE, "%s: is a directory, not a file", path);
	}
	end = lseek(file->fd, 0, SEEK_END);
	if (end < 0) {
		gmi_fail_errno(err, "%s: a file that can be read at any place is needed", path);
		gmi_file_source_close(file);
		return -1;
	}
	file->source.length = (uint64_t)end;
	return 0;
}

void gmi_file_source_close(struct gmi_file_source *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static int memory_read_at(struct gmi_source *self, uint64_t offset, void *data, size_t length,
			  struct gmi_error *err)
{
	struct gmi_memory_source *memory = (struct gmi_memory_source *)self;

	(void)err;
	assert(gmi_range_within(offset, length, self->length));
	memcpy(data, memory->data + offset, length);
	return 0;
}

void gmi_memory_source_init(struct gmi_memory_source *memory, const void *data, size_t length)
{
	memory->source.read_at = memory_read_at;
	memory->source.length = length;
	memory->data = data;
}

static int fd_write(struct gmi_sink *self, const void *data, size_t length, struct gmi_error *err)
{
	struct gmi_fd_sink *file = (struct gmi_fd_sink *)self;

	return gmi_write_full(file->fd, file->name, data, length, err);
}

void gmi_fd_sink_init(struct gmi_fd_sink *file, int fd, const char *name)
{
	file->sink.write = fd_write;
	file->fd = fd;
	file->name = name;
}

static int memory_write(struct gmi_sink *self, const void *data, size_t length,
			struct gmi_error *err)
{
	struct gmi_memory_sink *memory = (struct gmi_memory_sink *)self;

	if (length > memory->capacity - memory->length) {
		size_t capacity = memory->capacity * 2 + length + 4096;
		uint8_t *grown = realloc(memory->data, capacity);

		if (!grown)
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for %zu bytes", capacity);
		memory->data = grown;
		memory->capacity = capacity;
	}
	if (length > 0)
		memcpy(memory->data + memory->length, data, length);
	memory->length += length;
	return 0;
}

void gmi_memory_sink_init(struct gmi_memory_sink *memory)
{
	memset(memory, 0, sizeof(*memory));
	memory->sink.write = memory_write;
}

void gmi_memory_sink_release(struct gmi_memory_sink *memory)
{
	free(memory->data);
	memory->data = NULL;
	memory->length = memory->capacity = 0;
}
