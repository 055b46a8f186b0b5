/*
 * The consumer's side of the engine: takes finished chunks in order and lets the format's writer
 * turn them into the file's bytes. The workers' side is pipeline.c.
 */
#include "backup/backup.h"

#include "backup/manifest_of.h"
#include "backup/pipeline.h"
#include "base/cleanup.h"
#include "base/source.h"
#include "base/text.h"
#include "format/writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* `next` gathers this much before it returns: one system call of the consumer for several chunks.
 */
#define PIECE_LENGTH (256u << 10)

/* Of a failing disk's places that many have a line of the log each. */
#define PLACES_TOLD 32

struct gmi_backup {
	struct gmi_device *device;
	struct gmi_report *report;
	struct gmi_layout layout;
	struct gmi_manifest manifest;
	struct gmi_pipeline *pipeline;
	struct gmi_writer *writer;
	struct gmi_memory_sink piece; /* what the current call gives out */
	uint32_t volumes_begun;
	bool taken;                    /* every chunk */
	struct gmi_extents unreadable; /* of the volume that was begun last */
	struct gmi_backup_summary summary;
};

/* At a volume's end: what of it could not be read. */
static void tell_unreadable(struct gmi_backup *backup)
{
	struct gmi_extents *unreadable = &backup->unreadable;
	const struct gmi_volume *volume;

	for (size_t i = 0; i < unreadable->count; i++) {
		const struct gmi_extent *place = &unreadable->list[i];

		volume = &backup->layout.volumes[backup->volumes_begun - 1];
		if (backup->summary.unreadable_places++ < PLACES_TOLD)
			gmi_report_say(backup->report,
				       "Cannot be read: %" PRIu64
				       " bytes of disk %s at byte %" PRIu64 " (volume %s)",
				       place->length, backup->device->disks[volume->disk]->name,
				       volume->offset + place->offset, volume->name);
		backup->summary.unreadable_bytes += place->length;
	}
	unreadable->count = 0;
}

/* At the end of all. */
static void tell_all_unreadable(struct gmi_backup *backup)
{
	uint64_t places = backup->summary.unreadable_places;

	if (places > PLACES_TOLD)
		gmi_report_say(backup->report, "Cannot be read: %" PRIu64 " more places",
			       places - PLACES_TOLD);
	for (uint32_t i = 0; i < backup->device->disk_count; i++) {
		if (gmi_pipeline_gave_up(backup->pipeline, i))
			gmi_report_say(backup->report,
				       "Disk %s gave nothing any more; its rest was not tried",
				       backup->device->disks[i]->name);
	}
}

static int begin_volumes_to(struct gmi_backup *backup, uint32_t volume, struct gmi_error *err)
{
	while (backup->volumes_begun <= volume) {
		const struct gmi_volume *begun = &backup->layout.volumes[backup->volumes_begun];

		tell_unreadable(backup);
		if (gmi_writer_begin_volume(backup->writer, &begun->used, err) < 0)
			return -1;
		backup->volumes_begun++;
	}
	return 0;
}

static int write_unreadable(struct gmi_backup *backup, const struct gmi_extents *unreadable,
			    struct gmi_error *err)
{
	for (size_t i = 0; i < unreadable->count; i++) {
		const struct gmi_extent *place = &unreadable->list[i];

		if (gmi_writer_unreadable(backup->writer, place->offset, place->length, err) < 0 ||
		    gmi_extents_append(&backup->unreadable, place->offset, place->length, err) < 0)
			return -1;
	}
	return 0;
}

static int write_result(struct gmi_backup *backup, const struct gmi_pipeline_result *result,
			struct gmi_error *err)
{
	int written;

	if (begin_volumes_to(backup, result->step.volume, err) < 0)
		return -1;
	if (result->frame)
		written = gmi_writer_data(backup->writer, result->frame, result->frame_length,
					  result->hash, err);
	else
		written = gmi_writer_zeros(backup->writer, result->step.count, err);
	return written < 0 ? -1 : write_unreadable(backup, result->unreadable, err);
}

/* One finished step into the piece. */
static int advance(struct gmi_backup *backup, struct gmi_error *err)
{
	struct gmi_pipeline_result result;
	int written;

	if (gmi_pipeline_take(backup->pipeline, &result, err) < 0)
		return -1;
	if (result.end) {
		backup->taken = true;
		tell_unreadable(backup);
		tell_all_unreadable(backup);
		return 0;
	}
	written = write_result(backup, &result, err);
	gmi_report_done(backup->report, result.used_bytes);
	gmi_pipeline_give_back(backup->pipeline);
	return written;
}

static void give_out(struct gmi_backup *backup, const void **data, size_t *length)
{
	*data = backup->piece.data;
	*length = backup->piece.length;
	backup->summary.file_bytes += backup->piece.length;
	gmi_report_moved(backup->report, backup->piece.length);
}

int gmi_backup_next(struct gmi_backup *backup, const void **data, size_t *length,
		    struct gmi_error *err)
{
	/* The first call finds the manifest in the piece already, from start. */
	if (backup->summary.file_bytes > 0)
		backup->piece.length = 0;
	while (!backup->taken && backup->piece.length < PIECE_LENGTH) {
		if (advance(backup, err) < 0)
			return -1;
	}
	give_out(backup, data, length);
	return 0;
}

int gmi_backup_finish(struct gmi_backup *backup, const void **data, size_t *length,
		      struct gmi_error *err)
{
	assert(backup->taken);
	backup->piece.length = 0;
	if (gmi_writer_finish(backup->writer, backup->summary.root_hash, err) < 0)
		return -1;
	give_out(backup, data, length);
	return 0;
}

static int prepare(struct gmi_backup *backup, const struct gmi_backup_options *options,
		   struct gmi_error *err)
{
	struct gmi_device *device = backup->device;
	uint32_t chunk_length =
		options->chunk_length ? options->chunk_length : GMI_CHUNK_LENGTH_DEFAULT;

	gmi_report_phase(backup->report, GMI_PHASE_PREPARE, 0);
	if (gmi_layout_scan(&backup->layout, device->disks, device->disk_count,
			    options->all_blocks ? GMI_SCAN_ALL : GMI_SCAN_USED, err) < 0)
		return -1;
	if (gmi_manifest_of(&backup->manifest, device, &backup->layout, chunk_length, options,
			    err) < 0)
		return -1;
	for (uint32_t i = 0; i < backup->layout.count; i++)
		backup->summary.used_bytes += gmi_extents_total(&backup->layout.volumes[i].used);
	for (uint32_t i = 0; i < device->disk_count; i++)
		backup->summary.total_bytes += device->disks[i]->length;
	gmi_memory_sink_init(&backup->piece);
	return gmi_writer_new(&backup->writer, &backup->piece.sink, &backup->manifest, err);
}

int gmi_backup_start(struct gmi_backup **out, struct gmi_device *device,
		     const struct gmi_backup_options *options, struct gmi_report *report,
		     struct gmi_error *err)
{
	struct gmi_backup *backup = calloc(1, sizeof(*backup));
	struct gmi_pipeline_config config;

	*out = NULL;
	if (!backup)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a backup");
	backup->device = device;
	backup->report = report;
	if (prepare(backup, options, err) < 0) {
		gmi_backup_free(backup);
		return -1;
	}
	config = (struct gmi_pipeline_config){
		.disks = device->disks,
		.layout = &backup->layout,
		.chunk_length = backup->manifest.chunk_length,
		.level = options->level ? options->level : 1,
		.workers = options->workers,
		.keep_going = options->keep_going,
		.report = report,
	};
	gmi_report_phase(report, GMI_PHASE_READ, backup->summary.used_bytes);
	if (gmi_pipeline_start(&backup->pipeline, &config, err) < 0) {
		gmi_backup_free(backup);
		return -1;
	}
	*out = backup;
	return 0;
}

bool gmi_backup_wait_read(struct gmi_backup *backup)
{
	return gmi_pipeline_wait_read(backup->pipeline);
}

void gmi_backup_stop(struct gmi_backup *backup)
{
	gmi_pipeline_stop(backup->pipeline);
}

struct gmi_backup_summary gmi_backup_summary(const struct gmi_backup *backup)
{
	return backup->summary;
}

void gmi_backup_free(struct gmi_backup *backup)
{
	if (!backup)
		return;
	gmi_pipeline_free(backup->pipeline);
	gmi_writer_free(backup->writer);
	gmi_memory_sink_release(&backup->piece);
	gmi_extents_release(&backup->unreadable);
	gmi_manifest_release(&backup->manifest);
	gmi_layout_release(&backup->layout);
	free(backup);
}

void gmi_backup_file_name(char name[128], const char *device_id, int64_t created)
{
	time_t when = (time_t)created;
	struct tm parts;
	char date[16] = "unknown-date";

	if (localtime_r(&when, &parts))
		strftime(date, sizeof(date), "%Y-%m-%d", &parts);
	snprintf(name, 128, "backup-of-%s-%s.gmi", device_id, date);
}
