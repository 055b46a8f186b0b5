/*
 * A disk around another one that counts what is done to it, and that can be told to fail: places
 * that cannot be read or written, now and then or for ever, a last write, writes that go nowhere;
 * and to be slow. Counters may be read at any time from any thread; faults are set while nobody
 * uses the disk.
 */
#ifndef GMI_TESTS_STORAGE_COUNTING_H
#define GMI_TESTS_STORAGE_COUNTING_H

#include "base/extents.h"
#include "storage/disk.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#define STORAGE_FAULTS_MAX 4
#define STORAGE_ALWAYS UINT_MAX

/* A place that fails. Changes are writes, zeros and discards. */
struct storage_fault {
	bool changes; /* else reads */
	uint64_t from;
	uint64_t to;
	int sys;          /* the errno that the medium answers */
	atomic_uint left; /* how often it will fail; STORAGE_ALWAYS */
};

struct storage_counting {
	struct gmi_disk disk; /* this is given out */
	struct gmi_disk *inner;
	atomic_uint reads;
	atomic_uint changes; /* writes, zeros and discards */
	atomic_uint flushes;

	uint64_t bad_from; /* reads that touch [bad_from, bad_to) fail */
	uint64_t bad_to;
	const struct gmi_extents *bad; /* reads that touch these fail too; borrowed, may be NULL */
	int bad_errno;                 /* with this; 0: EIO */
	unsigned int changes_left;     /* then they fail; UINT_MAX: never */
	struct storage_fault faults[STORAGE_FAULTS_MAX];
	unsigned int fault_count;
	unsigned int gather; /* reads wait for each other until so many are there; 0: none does */
	atomic_uint reading; /* now */
	atomic_bool gathered;
	unsigned int rate;  /* megabytes that it reads in a second, one after the other; 0: any */
	uint64_t free_from; /* nanoseconds: when the read that it was asked for last is over */
	pthread_mutex_t busy;
	bool lies;                        /* what is written is said to be written, and is not */
	void (*on_change)(void *context); /* before each change */
	void *context;
};

/* Takes inner. gmi_disk_close() of the disk closes both. */
struct storage_counting *storage_counting_new(struct gmi_disk *inner);

/* From now on what touches [from, to) fails so often, with this errno. */
void storage_counting_fault(struct storage_counting *counting, bool changes, uint64_t from,
			    uint64_t to, int sys, unsigned int times);

#endif
