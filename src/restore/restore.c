/*
 * The order of a restore and what its passes share. Each pass walks the chunks that matter to it
 * with a crew; what it does with one chunk stands in passes.c.
 *
 *   state      made by               holds
 *   CHECKED    gmi_restore_open      file and device fit; disks only read so far
 *   COMPARED   gmi_restore_compare   `changed` names every chunk that differs; each was fetched and
 *                                    found sound; disks only read so far
 *   WRITTEN    gmi_restore_write     every changed chunk is on its disk and flushed
 *   VERIFIED   gmi_restore_verify    every changed chunk was read back as the index says
 */
#include "restore/engine.h"

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/cores.h"
#include "base/text.h"
#include "device/mark.h"
#include "restore/check.h"
#include "restore/stale.h"

#include <assert.h>
#include <stdlib.h>

/* A source behind a cable answers late: some threads wait for it while others hash. */
#define EXTRA_WORKERS 3
/* All buffers of all workers together; large chunks mean fewer workers. */
#define BUFFERS_LENGTH_MAX (24u << 20)

static unsigned int worker_count(const struct gmi_restore *restore, unsigned int wanted)
{
	unsigned int most = BUFFERS_LENGTH_MAX / (2 * restore->chunk_length);

	if (wanted == 0)
		wanted = gmi_core_count() + EXTRA_WORKERS;
	return wanted < most ? wanted : most;
}

static int make_volumes(struct gmi_restore *restore, struct gmi_error *err)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(restore->reader);

	restore->volumes = calloc(manifest->volume_count, sizeof(*restore->volumes));
	if (!restore->volumes)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for %u volumes",
				manifest->volume_count);
	restore->volume_count = manifest->volume_count;
	for (uint32_t i = 0; i < manifest->volume_count; i++) {
		const struct gmi_manifest_volume *from = &manifest->volumes[i];
		struct gmi_restore_volume *to = &restore->volumes[i];

		to->name = from->name;
		to->length = from->length;
		to->chunks = gmi_chunk_count(from->length, restore->chunk_length);
		to->view = (struct gmi_used_view){
			.disk = restore->disks[from->disk],
			.start = from->offset,
			.used = gmi_index_used(restore->index, i),
			.spared = gmi_index_unreadable(restore->index, i),
		};
		to->used_bytes = gmi_extents_total(to->view.used);
		to->changed = calloc((size_t)(to->chunks / 8 + 1), 1);
		if (!to->changed)
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for volume %s", to->name);
	}
	return 0;
}

static int make_workers(struct gmi_restore *restore, struct gmi_error *err)
{
	restore->workers = calloc(restore->worker_count, sizeof(*restore->workers));
	if (!restore->workers)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for workers");
	for (unsigned int i = 0; i < restore->worker_count; i++) {
		struct gmi_restore_worker *worker = &restore->workers[i];

		worker->plain = gmi_disk_buffer(restore->chunk_length);
		if (!worker->plain)
			return gmi_fail(err, GMI_E_SYSTEM, "out of memory for chunk buffers");
		if (gmi_hasher_new(&worker->hasher, err) < 0 ||
		    gmi_decoder_new(&worker->decoder, restore->reader, err) < 0)
			return -1;
	}
	return 0;
}

/* Nobody knows what these places held, so what is there now is as good as anything. */
static void say_what_is_unreadable(struct gmi_restore *restore)
{
	for (uint32_t i = 0; i < restore->volume_count; i++) {
		const struct gmi_restore_volume *volume = &restore->volumes[i];
		uint64_t unreadable = gmi_extents_total(volume->view.spared);

		restore->summary.bytes_unreadable += unreadable;
		if (unreadable > 0)
			gmi_report_say(restore->report,
				       "%s of volume %s could not be read at the backup and are "
				       "left as they are",
				       gmi_text_bytes(unreadable).text, volume->name);
	}
}

static int open_file(struct gmi_restore *restore, struct gmi_source *file,
		     const struct gmi_restore_options *options, struct gmi_error *err)
{
	const struct gmi_manifest *manifest;

	gmi_report_phase(restore->report, GMI_PHASE_PREPARE, 0);
	gmi_report_say(restore->report, "Checking the file (%s)",
		       gmi_text_bytes(file->length).text);
	if (gmi_reader_open(&restore->reader, file, err) < 0)
		return -1;
	manifest = gmi_reader_manifest(restore->reader);
	restore->index = gmi_reader_index(restore->reader);
	restore->chunk_length = manifest->chunk_length;
	restore->worker_count = worker_count(restore, options->workers);
	gmi_report_say(restore->report, "Backup of %s made at %s%s%s", manifest->device_id,
		       gmi_text_utc(manifest->created).text,
		       *manifest->software ? " with software " : "", manifest->software);
	if (gmi_restore_check(manifest, restore->device, restore->disks, restore->report, err) < 0)
		return -1;
	if (make_volumes(restore, err) < 0)
		return -1;
	say_what_is_unreadable(restore);
	return make_workers(restore, err);
}

int gmi_restore_open(struct gmi_restore **out, struct gmi_source *file, struct gmi_device *device,
		     const struct gmi_restore_options *options, struct gmi_report *report,
		     struct gmi_error *err)
{
	struct gmi_restore *restore = calloc(1, sizeof(*restore));

	*out = NULL;
	if (!restore)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a restore");
	pthread_mutex_init(&restore->lock, NULL);
	restore->device = device;
	restore->report = report;
	if (open_file(restore, file, options, err) < 0) {
		gmi_restore_free(restore);
		return -1;
	}
	*out = restore;
	return 0;
}

void gmi_restore_free(struct gmi_restore *restore)
{
	if (!restore)
		return;
	for (uint32_t i = 0; i < restore->volume_count; i++) {
		free(restore->volumes[i].changed);
		gmi_extents_release(&restore->volumes[i].stale);
	}
	for (unsigned int i = 0; restore->workers && i < restore->worker_count; i++) {
		gmi_decoder_free(restore->workers[i].decoder);
		gmi_hasher_free(restore->workers[i].hasher);
		free(restore->workers[i].plain);
	}
	free(restore->volumes);
	free(restore->workers);
	gmi_reader_free(restore->reader);
	pthread_mutex_destroy(&restore->lock);
	free(restore);
}

/* Places that could not be read at the backup count as used by it: whatever lies there stays. */
static int find_stale_of(struct gmi_restore_volume *volume, const struct gmi_extents *today,
			 struct gmi_error *err)
{
	GMI_CLEANUP(gmi_extents_release) struct gmi_extents kept = GMI_EXTENTS_EMPTY;

	if (gmi_extents_join(volume->view.used, volume->view.spared, &kept, err) < 0)
		return -1;
	return gmi_stale_find(today, volume->view.start, volume->length, &kept, &volume->stale,
			      err);
}

/*
 * What became unused since is found from today's used maps. A disk that cannot be read as volumes
 * today (blank, broken) has nothing that is known to be in use: then there is nothing to discard.
 */
static int find_stale(struct gmi_restore *restore, struct gmi_error *err)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(restore->reader);
	struct gmi_extents today = GMI_EXTENTS_EMPTY;
	struct gmi_layout layout;
	struct gmi_error ignored;
	int result = 0;

	if (gmi_layout_scan(&layout, restore->disks, manifest->disk_count, GMI_SCAN_USED,
			    &ignored) < 0)
		return 0;
	for (uint32_t disk = 0; result == 0 && disk < manifest->disk_count; disk++) {
		gmi_extents_release(&today);
		result = gmi_stale_used_today(&layout, disk, &today, err);
		for (uint32_t i = 0; result == 0 && i < restore->volume_count; i++) {
			if (manifest->volumes[i].disk == disk)
				result = find_stale_of(&restore->volumes[i], &today, err);
		}
	}
	gmi_extents_release(&today);
	gmi_layout_release(&layout);
	return result;
}

/* The verdict, without claiming more than the file holds. */
static void say_as_it_was(struct gmi_restore *restore, const char *how)
{
	uint64_t unreadable = restore->summary.bytes_unreadable;

	if (unreadable > 0)
		gmi_report_say(restore->report, "%s, but for %s that could not be read then", how,
			       gmi_text_bytes(unreadable).text);
	else
		gmi_report_say(restore->report, "%s", how);
}

static void say_what_differs(struct gmi_restore *restore)
{
	for (uint32_t i = 0; i < restore->volume_count; i++) {
		const struct gmi_restore_volume *volume = &restore->volumes[i];

		if (volume->bytes_changed > 0)
			gmi_report_say(restore->report, "%s differs: %s of %s", volume->name,
				       gmi_text_bytes(volume->bytes_changed).text,
				       gmi_text_bytes(volume->used_bytes).text);
	}
	if (restore->summary.bytes_changed == 0)
		say_as_it_was(restore, "Nothing differs: the device is as it was at the backup");
}

/* The device has come to rest since it was opened; what was read of it before may be stale. */
static void drop_device_caches(struct gmi_restore *restore)
{
	for (uint32_t i = 0; i < restore->device->disk_count; i++) {
		if (restore->device->disks[i]->device)
			gmi_disk_drop_cache(restore->device->disks[i]);
	}
}

int gmi_restore_compare(struct gmi_restore *restore, struct gmi_error *err)
{
	uint64_t total = 0;

	assert(restore->state == GMI_RESTORE_CHECKED);
	for (uint32_t i = 0; i < restore->volume_count; i++)
		total += restore->volumes[i].used_bytes;
	gmi_report_phase(restore->report, GMI_PHASE_COMPARE, total);
	gmi_report_say(restore->report, "Comparing %s on the device with the backup",
		       gmi_text_bytes(total).text);
	drop_device_caches(restore);
	if (gmi_restore_pass(restore, GMI_PASS_COMPARE, err) < 0)
		return -1;
	if (find_stale(restore, err) < 0)
		return -1;
	say_what_differs(restore);
	restore->state = GMI_RESTORE_COMPARED;
	return 0;
}

/* A device without its mark is restored all the same: this is a safeguard, the restore is the cure.
 */
static void make_mark(struct gmi_restore *restore, enum gmi_mark_state state)
{
	struct gmi_error err;

	if (gmi_mark_make(restore->device->profile, state, restore->device->identity.id, &err) < 0)
		gmi_report_say(restore->report,
			       "It cannot be noted that the device has to be restarted: %s",
			       err.message);
}

void gmi_restore_touch(struct gmi_restore *restore)
{
	if (atomic_load(&restore->touched))
		return;
	pthread_mutex_lock(&restore->lock);
	if (!atomic_load(&restore->touched)) {
		make_mark(restore, GMI_MARK_INCOMPLETE);
		atomic_store(&restore->touched, true);
	}
	pthread_mutex_unlock(&restore->lock);
}

static int discard_stale(struct gmi_restore *restore, struct gmi_error *err)
{
	for (uint32_t i = 0; i < restore->volume_count; i++) {
		struct gmi_restore_volume *volume = &restore->volumes[i];

		for (size_t j = 0; j < volume->stale.count; j++) {
			const struct gmi_extent *extent = &volume->stale.list[j];

			gmi_restore_touch(restore);
			if (gmi_disk_discard(volume->view.disk, extent->offset, extent->length,
					     err) < 0)
				return gmi_error_prefix(err, "volume %s", volume->name);
			restore->summary.bytes_discarded += extent->length;
		}
	}
	return 0;
}

static int flush_disks(struct gmi_restore *restore, struct gmi_error *err)
{
	for (uint32_t i = 0; i < restore->device->disk_count; i++) {
		if (gmi_disk_flush(restore->device->disks[i], err) < 0)
			return -1;
	}
	return 0;
}

int gmi_restore_write(struct gmi_restore *restore, struct gmi_error *err)
{
	uint64_t changed = restore->summary.bytes_changed;

	assert(restore->state == GMI_RESTORE_COMPARED);
	if (atomic_load(&restore->cancelled))
		return gmi_fail(err, GMI_E_CANCELLED, "the restore was cancelled");
	gmi_report_phase(restore->report, GMI_PHASE_WRITE, changed);
	if (changed > 0)
		gmi_report_say(restore->report, "Writing %s", gmi_text_bytes(changed).text);
	if (discard_stale(restore, err) < 0)
		return -1;
	if (gmi_restore_pass(restore, GMI_PASS_WRITE, err) < 0)
		return -1;
	if (atomic_load(&restore->touched) && flush_disks(restore, err) < 0)
		return -1;
	restore->state = GMI_RESTORE_WRITTEN;
	return 0;
}

int gmi_restore_verify(struct gmi_restore *restore, struct gmi_error *err)
{
	uint64_t changed = restore->summary.bytes_changed;

	assert(restore->state == GMI_RESTORE_WRITTEN);
	gmi_report_phase(restore->report, GMI_PHASE_VERIFY, changed);
	if (changed > 0)
		gmi_report_say(restore->report, "Reading back %s", gmi_text_bytes(changed).text);
	for (uint32_t i = 0; i < restore->device->disk_count; i++)
		gmi_disk_drop_cache(restore->device->disks[i]);
	if (gmi_restore_pass(restore, GMI_PASS_VERIFY, err) < 0)
		return -1;
	restore->state = GMI_RESTORE_VERIFIED;
	if (gmi_restore_needs_restart(restore))
		make_mark(restore, GMI_MARK_RESTORED);
	say_as_it_was(restore, "The device is as it was at the backup, verified");
	return 0;
}

void gmi_restore_cancel(struct gmi_restore *restore)
{
	atomic_store(&restore->cancelled, true);
}

bool gmi_restore_is_touched(const struct gmi_restore *restore)
{
	return atomic_load(&restore->touched);
}

bool gmi_restore_has_work(const struct gmi_restore *restore)
{
	for (uint32_t i = 0; i < restore->volume_count; i++) {
		if (restore->volumes[i].chunks_changed > 0 || restore->volumes[i].stale.count > 0)
			return true;
	}
	return false;
}

bool gmi_restore_needs_restart(const struct gmi_restore *restore)
{
	struct gmi_mark mark;

	gmi_mark_read(restore->device->profile, &mark);
	return gmi_restore_is_touched(restore) || mark.state != GMI_MARK_NONE;
}

struct gmi_restore_summary gmi_restore_summary(const struct gmi_restore *restore)
{
	return restore->summary;
}

const struct gmi_reader *gmi_restore_reader(const struct gmi_restore *restore)
{
	return restore->reader;
}

bool gmi_restore_larger_disk(const struct gmi_restore *restore, uint32_t index, const char **name,
			     uint64_t *left_alone)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(restore->reader);

	for (uint32_t i = 0; i < manifest->disk_count; i++) {
		const struct gmi_disk *disk = restore->disks[i];

		if (disk->length <= manifest->disks[i].length || index-- > 0)
			continue;
		*name = disk->name;
		*left_alone = disk->length - manifest->disks[i].length;
		return true;
	}
	return false;
}

bool gmi_restore_change(const struct gmi_restore *restore, uint32_t index,
			struct gmi_restore_change *change)
{
	const struct gmi_restore_volume *volume;

	if (index >= restore->volume_count)
		return false;
	volume = &restore->volumes[index];
	*change = (struct gmi_restore_change){
		.volume = volume->name,
		.chunks_changed = volume->chunks_changed,
		.bytes_changed = volume->bytes_changed,
		.bytes_zeroed = volume->bytes_to_zero,
		.bytes_discarded = gmi_extents_total(&volume->stale),
		.bytes_unreadable = gmi_extents_total(volume->view.spared),
	};
	return true;
}
