#include "sample.h"

#include "expect.h"
#include "random.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "format/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define KIB 1024u
#define CHUNK (64 * KIB)

static const struct sample_chunk table_chunks[] = { { 0, 300 } };
static const struct sample_chunk system_chunks[] = { { 0, 0 }, { 1, 3000 }, { 5, 10 }, { 6, 0 } };
static const struct sample_chunk config_chunks[] = { { 2, 7000 } };
static const struct sample_chunk end_chunks[] = { { 0, 1 } };
static const struct sample_chunk flash_chunks[] = { { 1, 700 }, { 3, 500 } };

static const struct sample_volume small_volumes[] = {
	{ "table", "table", 0, 17 * KIB, table_chunks, 1 },
	{ "system0", "ext4", 0, 7 * CHUNK - 4 * KIB, system_chunks, 4 },
	{ "config", "ext4", 0, 2 * CHUNK + 33 * KIB, config_chunks, 1 },
	{ "spare", "raw", 0, 9 * CHUNK + 1, NULL, 0 },
	{ "end", "raw", 0, 1, end_chunks, 1 },
	{ "flash", "raw", 1, 4 * CHUNK, flash_chunks, 2 },
};

const struct sample sample_small = { CHUNK, small_volumes, 6 };

static uint64_t chunks_of(const struct sample *sample, uint32_t volume)
{
	return gmi_chunk_count(sample->volumes[volume].length, sample->chunk_length);
}

static uint32_t length_of(const struct sample *sample, uint32_t volume, uint64_t chunk)
{
	return gmi_chunk_length_at(sample->volumes[volume].length, sample->chunk_length, chunk);
}

static uint32_t used_of(uint32_t length)
{
	return length - length / 4;
}

void sample_manifest(const struct sample *sample, struct gmi_manifest *manifest)
{
	uint32_t disks = sample->volumes[sample->volume_count - 1].disk + 1;

	*manifest = (struct gmi_manifest){
		.version = GMI_FORMAT_VERSION,
		.created = 1767966224, /* 2026-01-09T13:43:44Z */
		.tool = "gmi 0.1.0",
		.device_id = "bb2241039",
		.model = "BactoBox",
		.software = "v2026.02",
		.chunk_length = sample->chunk_length,
		.disks = calloc(disks, sizeof(*manifest->disks)),
		.disk_count = disks,
		.volumes = calloc(sample->volume_count, sizeof(*manifest->volumes)),
		.volume_count = sample->volume_count,
	};
	assert_true(manifest->disks && manifest->volumes);
	for (uint32_t i = 0; i < disks; i++) {
		struct gmi_manifest_disk *disk = &manifest->disks[i];

		snprintf(disk->name, sizeof(disk->name), i == 0 ? "emmc" : "flash%u", i);
		strcpy(disk->table, i == 0 ? "gpt" : "none");
		disk->flash = i > 0;
		disk->sector_length = i == 0 ? 512 : 1;
	}
	for (uint32_t i = 0; i < sample->volume_count; i++) {
		const struct sample_volume *from = &sample->volumes[i];
		struct gmi_manifest_volume *to = &manifest->volumes[i];

		snprintf(to->name, sizeof(to->name), "%s", from->name);
		snprintf(to->content, sizeof(to->content), "%s", from->content);
		snprintf(to->label, sizeof(to->label), "Volume of %s", from->name);
		to->disk = from->disk;
		to->offset = manifest->disks[from->disk].length;
		to->length = from->length;
		manifest->disks[from->disk].length += from->length;
		for (size_t j = 0; j < from->chunk_count; j++)
			to->used += used_of(length_of(sample, i, from->chunks[j].chunk));
	}
}

static const struct sample_chunk *find_chunk(const struct sample_volume *volume, uint64_t chunk)
{
	for (size_t i = 0; i < volume->chunk_count; i++) {
		if (volume->chunks[i].chunk == chunk)
			return &volume->chunks[i];
	}
	return NULL;
}

bool sample_plain(const struct sample *sample, uint32_t volume, uint64_t chunk, uint8_t *plain)
{
	const struct sample_chunk *of = find_chunk(&sample->volumes[volume], chunk);
	struct random random = { volume * 1000003u + chunk };
	uint32_t length;
	uint32_t used;
	uint32_t at;

	if (!of)
		return false;
	length = length_of(sample, volume, chunk);
	used = used_of(length);
	at = (uint32_t)gmi_min_u64(of->noise, used);
	memset(plain, 0, length);
	random_fill(&random, plain, at);
	while (at < used) {
		char line[80];
		int wrote = snprintf(line, sizeof(line), "%s, chunk %u: measurement at %u\n",
				     sample->volumes[volume].name, (unsigned int)chunk, at);
		uint32_t part = (uint32_t)gmi_min_u64((uint64_t)wrote, used - at);

		memcpy(plain + at, line, part);
		at += part;
	}
	return true;
}

void sample_used(const struct sample *sample, uint32_t volume, struct gmi_extents *used)
{
	const struct sample_volume *of = &sample->volumes[volume];
	struct gmi_error err;

	*used = GMI_EXTENTS_EMPTY;
	for (size_t i = 0; i < of->chunk_count; i++) {
		uint64_t chunk = of->chunks[i].chunk;

		expect_success(gmi_extents_append(used, chunk * sample->chunk_length,
						  used_of(length_of(sample, volume, chunk)), &err),
			       &err);
	}
}

size_t sample_compress(const uint8_t *plain, size_t length, uint8_t **frame)
{
	size_t bound = ZSTD_compressBound(length);
	size_t size;

	*frame = malloc(bound);
	assert_non_null(*frame);
	size = ZSTD_compress(*frame, bound, plain, length, 1);
	assert_false(ZSTD_isError(size));
	return size;
}

static void write_chunk(const struct sample *sample, uint32_t volume, uint64_t chunk,
			struct gmi_hasher *hasher, struct gmi_writer *writer)
{
	GMI_AUTO_FREE uint8_t *plain = malloc(sample->chunk_length);
	GMI_AUTO_FREE uint8_t *frame = NULL;
	uint32_t length = length_of(sample, volume, chunk);
	uint8_t hash[GMI_SHA256_LENGTH];
	struct gmi_error err;
	size_t size;

	assert_non_null(plain);
	assert_true(sample_plain(sample, volume, chunk, plain));
	gmi_hasher_once(hasher, plain, length, hash);
	size = sample_compress(plain, length, &frame);
	expect_success(gmi_writer_data(writer, frame, size, hash, &err), &err);
}

static void write_volume(const struct sample *sample, uint32_t volume, struct gmi_hasher *hasher,
			 struct gmi_writer *writer)
{
	const struct sample_volume *of = &sample->volumes[volume];
	GMI_CLEANUP(gmi_extents_release) struct gmi_extents used;
	struct gmi_error err;
	uint64_t next = 0;

	sample_used(sample, volume, &used);
	expect_success(gmi_writer_begin_volume(writer, &used, &err), &err);
	for (size_t i = 0; i < of->chunk_count; i++) {
		uint64_t chunk = of->chunks[i].chunk;

		if (chunk > next)
			expect_success(gmi_writer_zeros(writer, chunk - next, &err), &err);
		write_chunk(sample, volume, chunk, hasher, writer);
		next = chunk + 1;
	}
	if (next < chunks_of(sample, volume))
		expect_success(gmi_writer_zeros(writer, chunks_of(sample, volume) - next, &err),
			       &err);
}

void sample_write(const struct sample *sample, struct gmi_sink *sink,
		  uint8_t root_hash[GMI_SHA256_LENGTH])
{
	GMI_CLEANUP(gmi_manifest_release) struct gmi_manifest manifest;
	struct gmi_hasher *hasher;
	struct gmi_writer *writer;
	struct gmi_error err;

	sample_manifest(sample, &manifest);
	expect_success(gmi_hasher_new(&hasher, &err), &err);
	expect_success(gmi_writer_new(&writer, sink, &manifest, &err), &err);
	for (uint32_t i = 0; i < sample->volume_count; i++)
		write_volume(sample, i, hasher, writer);
	expect_success(gmi_writer_finish(writer, root_hash, &err), &err);
	gmi_writer_free(writer);
	gmi_hasher_free(hasher);
}

void sample_file(const struct sample *sample, struct gmi_memory_sink *file,
		 struct gmi_memory_source *source)
{
	uint8_t root_hash[GMI_SHA256_LENGTH];

	gmi_memory_sink_init(file);
	sample_write(sample, &file->sink, root_hash);
	gmi_memory_source_init(source, file->data, file->length);
}

void sample_image_init(struct sample_image *image, const struct sample *sample)
{
	memset(image, 0, sizeof(*image));
	assert_true(sample->volume_count <= SAMPLE_VOLUMES);
	for (uint32_t i = 0; i < sample->volume_count; i++) {
		/* Room for a whole last chunk, and zeros where sample_plain() fills nothing in. */
		image->volumes[i] = calloc((size_t)chunks_of(sample, i), sample->chunk_length);
		assert_non_null(image->volumes[i]);
		for (uint64_t chunk = 0; chunk < chunks_of(sample, i); chunk++)
			(void)sample_plain(sample, i, chunk,
					   image->volumes[i] + chunk * sample->chunk_length);
	}
}

void sample_image_release(struct sample_image *image)
{
	for (size_t i = 0; i < SAMPLE_VOLUMES; i++)
		free(image->volumes[i]);
}

static int read_volume(const struct sample *sample, const struct sample_image *image,
		       uint32_t volume, const struct gmi_reader *reader,
		       struct gmi_decoder *decoder, struct gmi_error *err)
{
	const struct sample_volume *of = &sample->volumes[volume];
	GMI_AUTO_FREE uint8_t *found = malloc(sample->chunk_length);

	assert_non_null(found);
	for (uint64_t chunk = 0, i = 0; chunk < chunks_of(sample, volume); chunk++) {
		bool data = i < of->chunk_count && of->chunks[i].chunk == chunk;

		assert_int_equal(gmi_index_chunk(gmi_reader_index(reader), volume, chunk) != NULL,
				 data);
		if (!data)
			continue;
		i++;
		if (gmi_reader_fetch(reader, decoder, volume, chunk, found, err) < 0)
			return -1;
		assert_memory_equal(found, image->volumes[volume] + chunk * sample->chunk_length,
				    length_of(sample, volume, chunk));
	}
	return 0;
}

int sample_read(const struct sample *sample, const struct sample_image *image,
		const struct gmi_reader *reader, struct gmi_error *err)
{
	struct gmi_decoder *decoder;
	int result = 0;

	assert_int_equal(gmi_reader_manifest(reader)->volume_count, sample->volume_count);
	expect_success(gmi_decoder_new(&decoder, reader, err), err);
	for (uint32_t i = 0; result == 0 && i < sample->volume_count; i++)
		result = read_volume(sample, image, i, reader, decoder, err);
	gmi_decoder_free(decoder);
	return result;
}
