/*
 * The two seams through which bytes enter and leave: a source is read at any place, a sink is only
 * written forward.
 *
 * A GMI file on disk, a browser that sends byte ranges on request, a volume inside a GMI file and a
 * region of a disk are all sources; a file, a pipe and an HTTP response are sinks. Read functions
 * may be called from several threads at once unless the source's maker says otherwise.
 */
#ifndef GMI_BASE_SOURCE_H
#define GMI_BASE_SOURCE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct gmi_source {
	/* Reads exactly length bytes at offset; the caller keeps to [0, length of the source). */
	int (*read_at)(struct gmi_source *self, uint64_t offset, void *data, size_t length,
		       struct gmi_error *err);
	uint64_t length; /* bytes; does not change */
};

struct gmi_sink {
	int (*write)(struct gmi_sink *self, const void *data, size_t length, struct gmi_error *err);
};

GMI_MUST_CHECK static inline int gmi_source_read(struct gmi_source *source, uint64_t offset,
						 void *data, size_t length, struct gmi_error *err)
{
	return source->read_at(source, offset, data, length, err);
}

GMI_MUST_CHECK static inline int gmi_sink_write(struct gmi_sink *sink, const void *data,
						size_t length, struct gmi_error *err)
{
	return sink->write(sink, data, length, err);
}

/* A regular file or block device. Embed it, or keep it on the stack. */
struct gmi_file_source {
	struct gmi_source source;
	int fd;
	char name[256]; /* what messages call it */
};

GMI_MUST_CHECK int gmi_file_source_open(struct gmi_file_source *file, const char *path,
					struct gmi_error *err);
void gmi_file_source_close(struct gmi_file_source *file);

/* Borrowed memory. */
struct gmi_memory_source {
	struct gmi_source source;
	const uint8_t *data;
};

void gmi_memory_source_init(struct gmi_memory_source *memory, const void *data, size_t length);

/* A descriptor that is written forward: file, pipe, socket. Borrows fd and name. */
struct gmi_fd_sink {
	struct gmi_sink sink;
	int fd;
	const char *name;
};

void gmi_fd_sink_init(struct gmi_fd_sink *file, int fd, const char *name);

/* Memory that grows. Release with gmi_memory_sink_release(). */
struct gmi_memory_sink {
	struct gmi_sink sink;
	uint8_t *data;
	size_t length;
	size_t capacity;
};

void gmi_memory_sink_init(struct gmi_memory_sink *memory);
void gmi_memory_sink_release(struct gmi_memory_sink *memory);

#endif
