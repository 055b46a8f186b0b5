/*
 * A disk around another one that counts what is done to it, and that can be told to fail: a bad
 * place that cannot be read, a last write, writes that go nowhere. Counters may be read at any time
 * from any thread; faults are set while nobody uses the disk.
 */
#ifndef GMI_TESTS_STORAGE_COUNTING_H
#define GMI_TESTS_STORAGE_COUNTING_H

#include "storage/disk.h"

#include <stdatomic.h>

struct storage_counting {
	struct gmi_disk disk; /* this is given out */
	struct gmi_disk *inner;
	atomic_uint reads;
	atomic_uint changes; /* writes, zeros and discards */
	atomic_uint flushes;

	uint64_t bad_from; /* reads that touch [bad_from, bad_to) fail */
	uint64_t bad_to;
	unsigned int changes_left;        /* then they fail; UINT_MAX: never */
	bool lies;                        /* what is written is said to be written, and is not */
	void (*on_change)(void *context); /* before each change */
	void *context;
};

/* Takes inner. gmi_disk_close() of the disk closes both. */
struct storage_counting *storage_counting_new(struct gmi_disk *inner);

#endif
