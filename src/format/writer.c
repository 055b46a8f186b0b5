#include "format/writer.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "format/index.h"
#include "format/names.h"
#include "format/zero_frame.h"
#include "format/zip.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct gmi_writer {
	struct gmi_zip_writer zip;
	struct gmi_manifest manifest;
	uint8_t manifest_hash[GMI_SHA256_LENGTH];
	struct gmi_index *index;
	struct gmi_hasher *hasher;
	uint8_t *zero_frame;  /* of the longest run */
	uint32_t begun;       /* volumes */
	uint64_t chunk;       /* of the current volume: the next that is given */
	uint64_t zeros_first; /* of the run that waits for its end */
	uint64_t zeros;       /* its length in chunks */
};

static const struct gmi_manifest_volume *current(const struct gmi_writer *writer)
{
	return &writer->manifest.volumes[writer->begun - 1];
}

static uint64_t current_chunks(const struct gmi_writer *writer)
{
	return gmi_chunk_count(current(writer)->length, writer->manifest.chunk_length);
}

static int write_head(struct gmi_writer *writer, struct gmi_error *err)
{
	GMI_CLEANUP(gmi_memory_sink_release) struct gmi_memory_sink text;

	gmi_memory_sink_init(&text);
	if (gmi_manifest_encode(&writer->manifest, &text.sink, err) < 0)
		return -1;
	gmi_hasher_once(writer->hasher, text.data, text.length, writer->manifest_hash);
	if (gmi_zip_add(&writer->zip, GMI_ENTRY_MIMETYPE, GMI_MEDIA_TYPE, strlen(GMI_MEDIA_TYPE),
			err) < 0)
		return -1;
	return gmi_zip_add(&writer->zip, GMI_ENTRY_MANIFEST, text.data, text.length, err);
}

int gmi_writer_new(struct gmi_writer **out, struct gmi_sink *sink,
		   const struct gmi_manifest *manifest, struct gmi_error *err)
{
	struct gmi_writer *writer = calloc(1, sizeof(*writer));
	uint64_t longest = (uint64_t)GMI_ZERO_RUN_MAX * manifest->chunk_length;

	*out = NULL;
	if (!writer)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a writer");
	gmi_zip_writer_init(&writer->zip, sink);
	writer->zero_frame = malloc(gmi_zero_frame_length(longest));
	if (!writer->zero_frame) {
		gmi_writer_free(writer);
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a writer");
	}
	if (gmi_manifest_copy(manifest, &writer->manifest, err) < 0 ||
	    gmi_index_new(&writer->index, &writer->manifest, err) < 0 ||
	    gmi_hasher_new(&writer->hasher, err) < 0 || write_head(writer, err) < 0) {
		gmi_writer_free(writer);
		return -1;
	}
	*out = writer;
	return 0;
}

/* One entry of zeros: chunks [first, first + count). */
static int write_zero_entry(struct gmi_writer *writer, uint64_t first, uint64_t count,
			    struct gmi_error *err)
{
	const struct gmi_manifest_volume *volume = current(writer);
	uint32_t chunk_length = writer->manifest.chunk_length;
	uint64_t from = first * chunk_length;
	uint64_t length = gmi_min_u64(count * chunk_length, volume->length - from);
	char name[GMI_ENTRY_NAME_LENGTH];

	gmi_chunk_entry_name(volume->name, first, name);
	gmi_zero_frame_make(length, writer->zero_frame);
	return gmi_zip_add(&writer->zip, name, writer->zero_frame, gmi_zero_frame_length(length),
			   err);
}

/* Writes the run that waited. A run is divided from its start on, so that its entries follow from
 * it. */
static int end_zeros(struct gmi_writer *writer, struct gmi_error *err)
{
	while (writer->zeros > 0) {
		uint64_t count = gmi_min_u64(writer->zeros, GMI_ZERO_RUN_MAX);

		if (write_zero_entry(writer, writer->zeros_first, count, err) < 0)
			return -1;
		writer->zeros_first += count;
		writer->zeros -= count;
	}
	return 0;
}

static int end_volume(struct gmi_writer *writer, struct gmi_error *err)
{
	if (writer->begun == 0)
		return 0;
	assert(writer->chunk == current_chunks(writer));
	return end_zeros(writer, err);
}

int gmi_writer_begin_volume(struct gmi_writer *writer, const struct gmi_extents *used,
			    struct gmi_error *err)
{
	assert(writer->begun < writer->manifest.volume_count);
	if (end_volume(writer, err) < 0)
		return -1;
	writer->begun++;
	writer->chunk = 0;
	return gmi_index_begin_volume(writer->index, used, err);
}

int gmi_writer_data(struct gmi_writer *writer, const void *frame, size_t length,
		    const uint8_t hash[GMI_SHA256_LENGTH], struct gmi_error *err)
{
	char name[GMI_ENTRY_NAME_LENGTH];

	assert(writer->begun > 0 && writer->chunk < current_chunks(writer));
	if (end_zeros(writer, err) < 0)
		return -1;
	gmi_chunk_entry_name(current(writer)->name, writer->chunk, name);
	if (gmi_zip_add(&writer->zip, name, frame, length, err) < 0 ||
	    gmi_index_add_data(writer->index, hash, err) < 0)
		return -1;
	writer->chunk++;
	return 0;
}

int gmi_writer_zeros(struct gmi_writer *writer, uint64_t chunks, struct gmi_error *err)
{
	assert(writer->begun > 0 && chunks > 0 && chunks <= current_chunks(writer) - writer->chunk);
	if (writer->zeros == 0)
		writer->zeros_first = writer->chunk;
	writer->zeros += chunks;
	writer->chunk += chunks;
	return gmi_index_add_zeros(writer->index, chunks, err);
}

int gmi_writer_unreadable(struct gmi_writer *writer, uint64_t offset, uint64_t length,
			  struct gmi_error *err)
{
	assert(writer->begun > 0 && gmi_range_within(offset, length, current(writer)->length));
	return gmi_index_add_unreadable(writer->index, offset, length, err);
}

int gmi_writer_finish(struct gmi_writer *writer, uint8_t root_hash[GMI_SHA256_LENGTH],
		      struct gmi_error *err)
{
	GMI_CLEANUP(gmi_memory_sink_release) struct gmi_memory_sink index;

	gmi_memory_sink_init(&index);
	assert(writer->begun == writer->manifest.volume_count);
	if (end_volume(writer, err) < 0)
		return -1;
	if (gmi_index_encode(writer->index, writer->manifest_hash, &index.sink, err) < 0)
		return -1;
	if (index.length > GMI_INDEX_LENGTH_MAX)
		return gmi_fail(err, GMI_E_SYSTEM, "the device is too large for GMI version %d",
				GMI_FORMAT_VERSION);
	gmi_hasher_once(writer->hasher, index.data, index.length, root_hash);
	if (gmi_zip_add(&writer->zip, GMI_ENTRY_INDEX, index.data, index.length, err) < 0)
		return -1;
	return gmi_zip_finish(&writer->zip, err);
}

void gmi_writer_free(struct gmi_writer *writer)
{
	if (!writer)
		return;
	gmi_zip_writer_release(&writer->zip);
	gmi_manifest_release(&writer->manifest);
	gmi_index_free(writer->index);
	gmi_hasher_free(writer->hasher);
	free(writer->zero_frame);
	free(writer);
}

uint64_t gmi_writer_length(const struct gmi_writer *writer)
{
	return writer->zip.offset;
}
