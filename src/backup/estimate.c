#include "backup/estimate.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/cores.h"
#include "base/sha256.h"
#include "format/format.h"
#include "storage/layout.h"
#include "storage/used_io.h"

#include <stdlib.h>
#include <zstd.h>

#define SAMPLES 48
/* Headers in local and central directory, and the hash in the index. */
#define OVERHEAD_PER_CHUNK 190

struct sampler {
	struct gmi_device *device;
	struct gmi_layout layout;
	ZSTD_CCtx *zstd;
	struct gmi_hasher *hasher;
	uint8_t *plain;
	uint8_t *frame;
	double reading;      /* seconds that the disks took */
	double working;      /* seconds that hashing and compressing took */
	uint64_t sampled;    /* bytes */
	uint64_t compressed; /* bytes that they became */
};

static void sampler_release(struct sampler *sampler)
{
	gmi_layout_release(&sampler->layout);
	ZSTD_freeCCtx(sampler->zstd);
	gmi_hasher_free(sampler->hasher);
	free(sampler->plain);
	free(sampler->frame);
}

static int sampler_init(struct sampler *sampler, struct gmi_device *device, struct gmi_error *err)
{
	*sampler = (struct sampler){ .device = device };
	sampler->zstd = ZSTD_createCCtx();
	sampler->plain = gmi_disk_buffer(GMI_CHUNK_LENGTH_DEFAULT);
	sampler->frame = malloc(ZSTD_compressBound(GMI_CHUNK_LENGTH_DEFAULT));
	if (!sampler->zstd || !sampler->plain || !sampler->frame)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for an estimate");
	if (gmi_hasher_new(&sampler->hasher, err) < 0)
		return -1;
	return gmi_layout_scan(&sampler->layout, device->disks, device->disk_count, GMI_SCAN_GLANCE,
			       err);
}

/* Does to one place what a backup would do. `at` counts used bytes from the first volume on. */
static int sample(struct sampler *sampler, uint64_t at, struct gmi_error *err)
{
	const struct gmi_volume *volume = sampler->layout.volumes;
	uint8_t digest[GMI_SHA256_LENGTH];
	struct gmi_used_view view;
	const struct gmi_extent *extent;
	double began = gmi_clock_seconds();
	double read;
	size_t length;
	size_t framed;

	for (; at >= gmi_extents_total(&volume->used); volume++)
		at -= gmi_extents_total(&volume->used);
	for (extent = volume->used.list; at >= extent->length; extent++)
		at -= extent->length;
	at += extent->offset;
	at -= at % GMI_CHUNK_LENGTH_DEFAULT;

	view = (struct gmi_used_view){
		.disk = sampler->device->disks[volume->disk],
		.start = volume->offset,
		.used = &volume->used,
	};
	length = (size_t)gmi_min_u64(GMI_CHUNK_LENGTH_DEFAULT, volume->length - at);
	if (gmi_used_read(&view, at, sampler->plain, length, err) < 0)
		return -1;
	read = gmi_clock_seconds();
	gmi_hasher_once(sampler->hasher, sampler->plain, length, digest);
	framed = ZSTD_compressCCtx(sampler->zstd, sampler->frame, ZSTD_compressBound(length),
				   sampler->plain, length, 1);
	if (ZSTD_isError(framed))
		return gmi_fail(err, GMI_E_SYSTEM, "zstd cannot compress a sample");
	sampler->reading += read - began;
	sampler->working += gmi_clock_seconds() - read;
	sampler->sampled += length;
	sampler->compressed += framed;
	return 0;
}

int gmi_estimate_make(struct gmi_estimate *estimate, struct gmi_device *device,
		      struct gmi_error *err)
{
	GMI_CLEANUP(sampler_release) struct sampler sampler;
	double working;
	double ratio;

	*estimate = (struct gmi_estimate){ .seconds = 1 };
	if (sampler_init(&sampler, device, err) < 0)
		return -1;
	for (uint32_t i = 0; i < device->disk_count; i++)
		estimate->total_bytes += device->disks[i]->length;
	for (uint32_t i = 0; i < sampler.layout.count; i++)
		estimate->used_bytes += gmi_extents_total(&sampler.layout.volumes[i].used);

	for (uint64_t i = 0; i < SAMPLES && estimate->used_bytes > 0; i++) {
		if (sample(&sampler, estimate->used_bytes / SAMPLES * i, err) < 0)
			return -1;
	}
	if (sampler.sampled == 0)
		return 0;
	ratio = (double)sampler.compressed / (double)sampler.sampled;
	estimate->file_bytes =
		(uint64_t)((double)estimate->used_bytes * ratio) +
		gmi_div_up_u64(estimate->used_bytes, GMI_CHUNK_LENGTH_DEFAULT) * OVERHEAD_PER_CHUNK;
	/* The cores share the work, the disk is one; both at the same time. */
	working = sampler.working / gmi_core_count();
	estimate->seconds = 1 + (uint32_t)((double)estimate->used_bytes / (double)sampler.sampled *
					   (sampler.reading > working ? sampler.reading : working));
	return 0;
}
