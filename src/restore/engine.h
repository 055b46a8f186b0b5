/* What restore.c (the order of things) and passes.c (one chunk) share. Internal to src/restore. */
#ifndef GMI_RESTORE_ENGINE_H
#define GMI_RESTORE_ENGINE_H

#include "restore/restore.h"
#include "storage/used_io.h"

#include <pthread.h>
#include <stdatomic.h>

enum gmi_restore_state {
	GMI_RESTORE_CHECKED,
	GMI_RESTORE_COMPARED,
	GMI_RESTORE_WRITTEN,
	GMI_RESTORE_VERIFIED,
};

struct gmi_restore_volume {
	const char *name; /* the manifest's */
	uint64_t length;
	uint64_t chunks;
	struct gmi_used_view view; /* its place on the device, under the backup's used map;
				    * spares what could not be read */
	uint64_t used_bytes;
	uint8_t *changed; /* a bit per chunk */
	uint64_t chunks_changed;
	uint64_t bytes_changed;
	uint64_t bytes_to_zero;
	uint64_t unflushed;       /* bytes given to the disk since it was flushed last */
	struct gmi_extents stale; /* disk offsets: in use today, unused in the backup */
};

struct gmi_restore_worker {
	uint8_t *plain; /* chunk_length bytes */
	struct gmi_hasher *hasher;
	struct gmi_decoder *decoder;
};

struct gmi_restore {
	struct gmi_device *device;
	struct gmi_report *report;
	struct gmi_reader *reader;
	const struct gmi_index *index;
	uint32_t chunk_length;
	struct gmi_disk *disks[GMI_PROFILE_DISKS_MAX]; /* in the manifest's order */
	struct gmi_restore_volume *volumes;
	uint32_t volume_count;
	struct gmi_restore_worker *workers;
	unsigned int worker_count;
	enum gmi_restore_state state;
	atomic_bool cancelled;
	atomic_bool touched;  /* set before the first byte is written */
	pthread_mutex_t lock; /* the changed bits, the volumes' counters and the summary */
	struct gmi_restore_summary summary;
};

_Static_assert(GMI_PROFILE_DISKS_MAX >= GMI_DISKS_MAX, "every disk of a manifest has its place");

enum gmi_restore_pass {
	GMI_PASS_COMPARE, /* all chunks that the backup uses */
	GMI_PASS_WRITE,   /* those that differ */
	GMI_PASS_VERIFY,  /* the same again */
};

/* Before any byte is written, by whichever worker: from here on the device is incomplete. */
void gmi_restore_touch(struct gmi_restore *restore);

GMI_MUST_CHECK int gmi_restore_pass(struct gmi_restore *restore, enum gmi_restore_pass pass,
				    struct gmi_error *err);

#endif
