#include "support/storage_counting.h"

#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

void storage_counting_fault(struct storage_counting *counting, bool changes, uint64_t from,
			    uint64_t to, int sys, unsigned int times)
{
	struct storage_fault *fault = &counting->faults[counting->fault_count++];

	assert_true(counting->fault_count <= STORAGE_FAULTS_MAX);
	fault->changes = changes;
	fault->from = from;
	fault->to = to;
	fault->sys = sys;
	atomic_store(&fault->left, times);
}

/* Whether a fault says so this time, with its errno set. */
static bool fails(struct storage_counting *counting, bool changes, uint64_t offset, uint64_t length)
{
	for (unsigned int i = 0; i < counting->fault_count; i++) {
		struct storage_fault *fault = &counting->faults[i];
		unsigned int left = atomic_load(&fault->left);

		if (fault->changes != changes || offset >= fault->to ||
		    offset + length <= fault->from)
			continue;
		while (left > 0 && left != STORAGE_ALWAYS &&
		       !atomic_compare_exchange_weak(&fault->left, &left, left - 1))
			;
		errno = fault->sys;
		if (left > 0)
			return true;
	}
	return false;
}

/*
 * As an eMMC does: one read after the other, each as long as its bytes take. The next one begins
 * when the last one ends, whether its reader has a core by then or not.
 */
static void be_slow(struct storage_counting *counting, size_t length)
{
	struct timespec now;
	uint64_t end;

	if (counting->rate == 0)
		return;
	pthread_mutex_lock(&counting->busy);
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (end < counting->free_from)
		end = counting->free_from;
	end += (uint64_t)length * 1000 / counting->rate;
	counting->free_from = end;
	pthread_mutex_unlock(&counting->busy);
	now = (struct timespec){ (time_t)(end / 1000000000), (long)(end % 1000000000) };
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &now, NULL);
}

/* Reads that come one after the other never are so many: they give up, and `gathered` says so. */
static void wait_for_others(struct storage_counting *counting)
{
	for (int i = 0; i < 5000 && counting->gather > 0 && !atomic_load(&counting->gathered);
	     i++) {
		if (atomic_load(&counting->reading) >= counting->gather)
			atomic_store(&counting->gathered, true);
		else
			usleep(1000);
	}
}

/* Whether the range touches a bad place, and where that begins. */
static bool is_bad(const struct storage_counting *counting, uint64_t offset, uint64_t length,
		   uint64_t *bad)
{
	*bad = counting->bad_from;
	if (offset < counting->bad_to && offset + length > counting->bad_from)
		return true;
	if (!counting->bad || !gmi_extents_touch(counting->bad, offset, length))
		return false;
	*bad = counting->bad->list[gmi_extents_find(counting->bad, offset)].offset;
	return true;
}

static int read_now(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
		    struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;
	uint64_t bad;

	atomic_fetch_add(&counting->reads, 1);
	if (is_bad(counting, offset, length, &bad)) {
		errno = counting->bad_errno ? counting->bad_errno : EIO;
		return gmi_fail_errno(err, "cannot read at byte %llu", (unsigned long long)bad);
	}
	if (fails(counting, false, offset, length))
		return gmi_fail_errno(err, "cannot read");
	be_slow(counting, length);
	return gmi_disk_read(counting->inner, offset, data, length, err);
}

static int counted_read(struct gmi_disk *disk, uint64_t offset, void *data, size_t length,
			struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;
	int result;

	atomic_fetch_add(&counting->reading, 1);
	wait_for_others(counting);
	result = read_now(disk, offset, data, length, err);
	atomic_fetch_sub(&counting->reading, 1);
	return result;
}

/* Whether the change may be made. */
static int count_change(struct storage_counting *counting, uint64_t offset, uint64_t length,
			struct gmi_error *err)
{
	if (counting->on_change)
		counting->on_change(counting->context);
	if (atomic_fetch_add(&counting->changes, 1) >= counting->changes_left) {
		errno = EIO;
		return gmi_fail_errno(err, "cannot write");
	}
	if (fails(counting, true, offset, length))
		return gmi_fail_errno(err, "cannot write");
	return 0;
}

static int counted_write(struct gmi_disk *disk, uint64_t offset, const void *data, size_t length,
			 struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;

	if (count_change(counting, offset, length, err) < 0)
		return -1;
	return counting->lies ? 0 : gmi_disk_write(counting->inner, offset, data, length, err);
}

static int counted_zero(struct gmi_disk *disk, uint64_t offset, uint64_t length,
			struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;

	if (count_change(counting, offset, length, err) < 0)
		return -1;
	return counting->lies ? 0 : gmi_disk_zero(counting->inner, offset, length, err);
}

/* What is discarded becomes anything: here 0xa5, so that nobody relies on zeros. */
static int counted_discard(struct gmi_disk *disk, uint64_t offset, uint64_t length,
			   struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;
	static const uint8_t anything[4096] = { [0 ... 4095] = 0xa5 };

	if (count_change(counting, offset, length, err) < 0)
		return -1;
	while (length > 0) {
		size_t part = length < sizeof(anything) ? (size_t)length : sizeof(anything);

		if (gmi_disk_write(counting->inner, offset, anything, part, err) < 0)
			return -1;
		offset += part;
		length -= part;
	}
	return 0;
}

static int counted_flush(struct gmi_disk *disk, struct gmi_error *err)
{
	struct storage_counting *counting = (struct storage_counting *)disk;

	atomic_fetch_add(&counting->flushes, 1);
	return gmi_disk_flush(counting->inner, err);
}

static void counted_drop_cache(struct gmi_disk *disk)
{
	gmi_disk_drop_cache(((struct storage_counting *)disk)->inner);
}

static void counted_close(struct gmi_disk *disk)
{
	struct storage_counting *counting = (struct storage_counting *)disk;

	gmi_disk_close(counting->inner);
	pthread_mutex_destroy(&counting->busy);
	free(disk);
}

struct storage_counting *storage_counting_new(struct gmi_disk *inner)
{
	static const struct gmi_disk_ops ops = {
		.read = counted_read,
		.write = counted_write,
		.zero = counted_zero,
		.discard = counted_discard,
		.flush = counted_flush,
		.drop_cache = counted_drop_cache,
		.close = counted_close,
	};
	struct storage_counting *counting = calloc(1, sizeof(*counting));

	assert_non_null(counting);
	counting->disk = *inner;
	counting->disk.ops = &ops;
	counting->inner = inner;
	counting->changes_left = UINT_MAX;
	pthread_mutex_init(&counting->busy, NULL);
	return counting;
}
