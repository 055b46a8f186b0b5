/* What a restore does with one chunk, in each of its passes. */
#include "base/checked.h"
#include "base/crew.h"
#include "base/io.h"
#include "restore/engine.h"

#include <inttypes.h>
#include <string.h>

/*
 * So much is given to a disk between two flushes. What the medium refuses is told by the flush at
 * the latest: near to where it happened, and not after gigabytes.
 */
#define FLUSH_AFTER (64u << 20)

struct walk {
	struct gmi_restore *restore;
	enum gmi_restore_pass pass;
	uint32_t volume; /* next */
	uint64_t chunk;  /* next */
};

static bool is_changed(const struct gmi_restore_volume *volume, uint64_t chunk)
{
	return volume->changed[chunk / 8] >> (chunk % 8) & 1;
}

static uint32_t length_of(const struct gmi_restore *restore,
			  const struct gmi_restore_volume *volume, uint64_t chunk)
{
	return gmi_chunk_length_at(volume->length, restore->chunk_length, chunk);
}

static uint64_t used_bytes_of(const struct gmi_restore *restore,
			      const struct gmi_restore_volume *volume, uint64_t chunk)
{
	uint64_t offset = chunk * restore->chunk_length;
	uint32_t length = length_of(restore, volume, chunk);
	size_t cursor = gmi_extents_find(volume->view.used, offset);
	struct gmi_extent part;
	uint64_t used = 0;

	while (gmi_extents_next(volume->view.used, offset, length, &cursor, &part))
		used += part.length;
	return used;
}

/* The first chunk from `chunk` on that the backup uses; the count of chunks if there is none. */
static uint64_t next_used(const struct gmi_restore *restore,
			  const struct gmi_restore_volume *volume, uint64_t chunk)
{
	uint64_t offset = chunk * restore->chunk_length;
	size_t extent = gmi_extents_find(volume->view.used, offset);

	if (extent == volume->view.used->count)
		return volume->chunks;
	return gmi_max_u64(chunk, volume->view.used->list[extent].offset / restore->chunk_length);
}

static bool next_item(void *context, struct gmi_crew_item *item)
{
	struct walk *walk = context;
	struct gmi_restore *restore = walk->restore;

	for (; walk->volume < restore->volume_count; walk->volume++, walk->chunk = 0) {
		const struct gmi_restore_volume *volume = &restore->volumes[walk->volume];

		if (walk->pass == GMI_PASS_COMPARE)
			walk->chunk = next_used(restore, volume, walk->chunk);
		else
			while (walk->chunk < volume->chunks && !is_changed(volume, walk->chunk))
				walk->chunk++;
		if (walk->chunk < volume->chunks) {
			*item = (struct gmi_crew_item){ walk->volume, walk->chunk++ };
			return true;
		}
	}
	return false;
}

/* Whether the device holds the chunk as the backup has it, as far as the backup uses it. */
static int is_equal(struct gmi_restore *restore, struct gmi_restore_worker *worker,
		    const struct gmi_crew_item *item, bool *equal, struct gmi_error *err)
{
	const struct gmi_restore_volume *volume = &restore->volumes[item->group];
	const uint8_t *wanted = gmi_index_chunk(restore->index, item->group, item->number);
	uint32_t length = length_of(restore, volume, item->number);
	uint8_t digest[GMI_SHA256_LENGTH];

	if (gmi_used_read(&volume->view, item->number * restore->chunk_length, worker->plain,
			  length, err) < 0)
		return -1;
	if (!wanted) {
		*equal = gmi_is_zero(worker->plain, length);
		return 0;
	}
	gmi_hasher_once(worker->hasher, worker->plain, length, digest);
	*equal = memcmp(digest, wanted, sizeof(digest)) == 0;
	return 0;
}

static int fetch(struct gmi_restore *restore, struct gmi_restore_worker *worker,
		 const struct gmi_crew_item *item, struct gmi_error *err)
{
	uint64_t offset;
	uint32_t length;

	if (gmi_reader_fetch(restore->reader, worker->decoder, item->group, item->number,
			     worker->plain, err) < 0)
		return -1;
	gmi_reader_locate(restore->reader, item->group, item->number, &offset, &length);
	gmi_report_moved(restore->report, length);
	pthread_mutex_lock(&restore->lock);
	restore->summary.bytes_moved += length;
	pthread_mutex_unlock(&restore->lock);
	return 0;
}

static int compare_chunk(struct gmi_restore *restore, struct gmi_restore_worker *worker,
			 const struct gmi_crew_item *item, struct gmi_error *err)
{
	struct gmi_restore_volume *volume = &restore->volumes[item->group];
	uint64_t used = used_bytes_of(restore, volume, item->number);
	bool zeros = !gmi_index_chunk(restore->index, item->group, item->number);
	bool equal;

	if (atomic_load(&restore->cancelled))
		return gmi_fail(err, GMI_E_CANCELLED, "the restore was cancelled");
	if (is_equal(restore, worker, item, &equal, err) < 0)
		return -1;
	/* What will have to be written must be sound in the file before anything is written. */
	if (!equal && !zeros && fetch(restore, worker, item, err) < 0)
		return -1;

	pthread_mutex_lock(&restore->lock);
	restore->summary.bytes_compared += used;
	if (!equal) {
		volume->changed[item->number / 8] |= (uint8_t)(1u << (item->number % 8));
		volume->chunks_changed++;
		volume->bytes_changed += used;
		volume->bytes_to_zero += zeros ? used : 0;
		restore->summary.bytes_changed += used;
	}
	pthread_mutex_unlock(&restore->lock);
	gmi_report_done(restore->report, used);
	return 0;
}

static int write_content(struct gmi_restore *restore, struct gmi_restore_worker *worker,
			 const struct gmi_crew_item *item, bool zeros, uint64_t *written,
			 struct gmi_error *err)
{
	const struct gmi_restore_volume *volume = &restore->volumes[item->group];
	uint64_t offset = item->number * restore->chunk_length;
	uint32_t length = length_of(restore, volume, item->number);

	gmi_restore_touch(restore);
	if (zeros)
		return gmi_used_zero(&volume->view, offset, length, written, err);
	return gmi_used_write(&volume->view, offset, worker->plain, length, written, err);
}

static int write_chunk(struct gmi_restore *restore, struct gmi_restore_worker *worker,
		       const struct gmi_crew_item *item, struct gmi_error *err)
{
	struct gmi_restore_volume *volume = &restore->volumes[item->group];
	bool zeros = !gmi_index_chunk(restore->index, item->group, item->number);
	uint64_t written = 0;
	bool flush;

	if (!zeros && fetch(restore, worker, item, err) < 0)
		return -1;
	if (write_content(restore, worker, item, zeros, &written, err) < 0)
		return -1;
	pthread_mutex_lock(&restore->lock);
	volume->unflushed += written;
	flush = volume->unflushed >= FLUSH_AFTER;
	if (flush)
		volume->unflushed = 0;
	if (zeros)
		restore->summary.bytes_zeroed += written;
	else
		restore->summary.bytes_written += written;
	pthread_mutex_unlock(&restore->lock);
	if (flush && gmi_disk_flush(volume->view.disk, err) < 0)
		return -1;
	gmi_report_done(restore->report, used_bytes_of(restore, volume, item->number));
	return 0;
}

static int verify_chunk(struct gmi_restore *restore, struct gmi_restore_worker *worker,
			const struct gmi_crew_item *item, struct gmi_error *err)
{
	const struct gmi_restore_volume *volume = &restore->volumes[item->group];
	uint64_t used = used_bytes_of(restore, volume, item->number);
	bool equal;

	if (is_equal(restore, worker, item, &equal, err) < 0)
		return -1;
	if (!equal)
		return gmi_fail(err, GMI_E_VERIFY,
				"what was written reads back differently (disk %s, byte %" PRIu64
				"): the storage is failing",
				volume->view.disk->name,
				volume->view.start + item->number * restore->chunk_length);
	pthread_mutex_lock(&restore->lock);
	restore->summary.bytes_verified += used;
	pthread_mutex_unlock(&restore->lock);
	gmi_report_done(restore->report, used);
	return 0;
}

static int work_on_item(void *context, unsigned int member, const struct gmi_crew_item *item,
			struct gmi_error *err)
{
	struct walk *walk = context;
	struct gmi_restore *restore = walk->restore;
	struct gmi_restore_worker *worker = &restore->workers[member];
	int result = -1;

	switch (walk->pass) {
	case GMI_PASS_COMPARE:
		result = compare_chunk(restore, worker, item, err);
		break;
	case GMI_PASS_WRITE:
		result = write_chunk(restore, worker, item, err);
		break;
	case GMI_PASS_VERIFY:
		result = verify_chunk(restore, worker, item, err);
		break;
	}
	/* Damage is told with its chunk already, and a cancelled restore has no place. */
	if (result < 0 && err->code != GMI_E_CANCELLED && err->code != GMI_E_DAMAGED)
		gmi_error_prefix(err, "volume %s, chunk %" PRIu64,
				 restore->volumes[item->group].name, item->number);
	return result;
}

int gmi_restore_pass(struct gmi_restore *restore, enum gmi_restore_pass pass, struct gmi_error *err)
{
	struct walk walk = { .restore = restore, .pass = pass };
	struct gmi_crew_task task = { .context = &walk, .next = next_item, .work = work_on_item };

	return gmi_crew_run(restore->worker_count, &task, err);
}
