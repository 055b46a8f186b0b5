/*
 * Made-up devices and the GMI files of them. A device is described by its volumes and by those of
 * their chunks that hold data; what a chunk holds follows from its place, so that a test can say at
 * any place what has to be read there. All else is zeros.
 */
#ifndef GMI_TESTS_SAMPLE_H
#define GMI_TESTS_SAMPLE_H

#include "base/extents.h"
#include "base/sha256.h"
#include "base/source.h"
#include "format/manifest.h"
#include "format/reader.h"

struct sample_chunk {
	uint64_t chunk;
	uint32_t noise; /* bytes that cannot be compressed; the rest are lines of text */
};

struct sample_volume {
	const char *name;
	const char *content;
	uint32_t disk;
	uint64_t length;
	const struct sample_chunk *chunks; /* ascending */
	size_t chunk_count;
};

struct sample {
	uint32_t chunk_length;
	const struct sample_volume *volumes; /* of disk 0 first */
	uint32_t volume_count;
};

/* A device of two disks and six volumes, its file some 25 KiB: data, zeros and both mixed, chunks
 * that end short, a volume of one byte. */
extern const struct sample sample_small;

/* Released with gmi_manifest_release(). */
void sample_manifest(const struct sample *sample, struct gmi_manifest *manifest);

/* Content of a chunk into `plain`; false for a chunk of zeros, which is not filled in. The last
 * quarter of each chunk is unused. */
bool sample_plain(const struct sample *sample, uint32_t volume, uint64_t chunk, uint8_t *plain);

void sample_used(const struct sample *sample, uint32_t volume, struct gmi_extents *used);

/* One zstd frame of these bytes. Returns its length; *frame is malloc'ed. */
size_t sample_compress(const uint8_t *plain, size_t length, uint8_t **frame);

void sample_write(const struct sample *sample, struct gmi_sink *sink,
		  uint8_t root_hash[GMI_SHA256_LENGTH]);

/* The file in memory, released with gmi_memory_sink_release(). */
void sample_file(const struct sample *sample, struct gmi_memory_sink *file,
		 struct gmi_memory_source *source);

/* All volumes of a small device whole, for whoever compares often. */
#define SAMPLE_VOLUMES 8

struct sample_image {
	uint8_t *volumes[SAMPLE_VOLUMES];
};

void sample_image_init(struct sample_image *image, const struct sample *sample);
void sample_image_release(struct sample_image *image);

/*
 * Reads all that the file says is data and compares it with the device. Returns -1 when the reader
 * refuses a chunk; the test fails when something else than the device's bytes was read, or zeros
 * are claimed where there is data.
 */
GMI_MUST_CHECK int sample_read(const struct sample *sample, const struct sample_image *image,
			       const struct gmi_reader *reader, struct gmi_error *err);

#endif
