/*
 * The one running job of a device, as a server sees it. Knows no HTTP.
 *
 *   gmi_service_new                     one per gmid
 *   gmi_service_start_backup / _restore a job begins; refused while a program or another job runs
 *   gmi_service_find                    a job by id; the last one can be read until the next begins
 *   gmi_job_view, _line, _wait          anybody may look, from any thread
 *   gmi_job_stream_*                    the one consumer of a backup's bytes
 *   gmi_job_pull                        the source that a restore's client serves
 *   gmi_job_put                         what find and start gave is given back
 *
 * States: RUNNING -> SUCCEEDED | FAILED. A job that has ended has released the device, unless a
 * restore wrote to it; then the device needs its restart, and until then nothing begins but, where
 * it is incomplete, another restore.
 */
#ifndef GMI_JOB_JOB_H
#define GMI_JOB_JOB_H

#include "base/error.h"
#include "base/report.h"
#include "device/profile.h"
#include "job/pull_source.h"

#include <stdbool.h>
#include <stdint.h>

enum gmi_job_kind { GMI_JOB_BACKUP, GMI_JOB_RESTORE };
enum gmi_job_state { GMI_JOB_RUNNING, GMI_JOB_SUCCEEDED, GMI_JOB_FAILED };

/* What a job has made of the device so far. */
enum gmi_device_state { GMI_DEVICE_UNCHANGED, GMI_DEVICE_INCOMPLETE, GMI_DEVICE_RESTORED };

struct gmi_job_figures {
	uint64_t used_bytes;     /* backup: in use on the device */
	uint64_t file_bytes;     /* backup: of the file */
	uint64_t bytes_compared; /* restore, from here on */
	uint64_t bytes_changed;
	uint64_t bytes_written; /* zeros included */
	uint64_t bytes_discarded;
	uint64_t bytes_verified;
	uint64_t bytes_unreadable; /* at the backup; left as they are */
};

struct gmi_job_view {
	uint64_t id;
	enum gmi_job_kind kind;
	enum gmi_job_state state;
	struct gmi_progress progress;
	uint64_t rate;        /* bytes per second of the phase, smoothed; 0: not known */
	int64_t seconds_left; /* of the phase; -1: not known */
	int64_t started;      /* Unix time */
	int64_t ended;        /* Unix time; 0: not yet */
	double seconds;       /* that it took, or takes so far */
	char file_name[256];  /* as proposed (backup) or offered (restore) */
	uint64_t file_length; /* restore: as offered */
	bool waiting;         /* for a client: to download, or to offer the file (again) */
	enum gmi_device_state device;
	struct gmi_error error; /* of a failed one */
	struct gmi_job_figures figures;
};

struct gmi_backup_request {
	int level; /* 0: default */
	bool all_blocks;
};

/* What there is to know about the device while no job runs. */
struct gmi_device_view {
	char id[64];
	char model[128];
	char software[128];
	uint32_t disk_count;
	struct {
		char name[64];
		uint64_t length;
	} disks[GMI_PROFILE_DISKS_MAX];
	bool estimated; /* the three below are known */
	uint64_t used_bytes;
	uint64_t file_bytes;
	uint32_t backup_seconds;
	uint64_t total_bytes;
	char program[64];   /* that runs, or empty */
	bool needs_restart; /* no job runs, and a restore has written since the last restart */
	bool incomplete;    /* a restore has begun to write and not reached its end (yet) */
};

struct gmi_service; /* opaque */
struct gmi_job;     /* opaque, counted */

/* Borrows profile. */
GMI_MUST_CHECK int gmi_service_new(struct gmi_service **out, const struct gmi_profile *profile,
				   struct gmi_error *err);
/*
 * Ends what runs (a restore that has begun to write is left incomplete, and says so) and waits for
 * it. Every consumer and client must have gone.
 */
void gmi_service_stop(struct gmi_service *service);
void gmi_service_free(struct gmi_service *service);

GMI_MUST_CHECK int gmi_service_start_backup(struct gmi_service *service,
					    const struct gmi_backup_request *request,
					    struct gmi_job **job, struct gmi_error *err);
GMI_MUST_CHECK int gmi_service_start_restore(struct gmi_service *service, const char *file_name,
					     uint64_t file_length, struct gmi_job **job,
					     struct gmi_error *err);
/* id 0: the current or last one. GMI_E_NOT_FOUND. */
GMI_MUST_CHECK int gmi_service_find(struct gmi_service *service, uint64_t id, struct gmi_job **job,
				    struct gmi_error *err);
GMI_MUST_CHECK int gmi_service_restart(struct gmi_service *service, struct gmi_error *err);
GMI_MUST_CHECK int gmi_service_device(struct gmi_service *service, struct gmi_device_view *view,
				      struct gmi_error *err);
/* What restores have made of the device since its last restart. */
enum gmi_device_state gmi_service_device_state(struct gmi_service *service);

void gmi_job_put(struct gmi_job *job);
void gmi_job_view(struct gmi_job *job, struct gmi_job_view *view);
bool gmi_job_line(struct gmi_job *job, uint32_t index, struct gmi_report_line *line);
/* Waits for a change beyond `seen` (begin with 0), at most that long. Returns what is now seen. */
uint64_t gmi_job_wait(struct gmi_job *job, uint64_t seen, unsigned int milliseconds);

/* Backup: only one consumer, once. */
GMI_MUST_CHECK int gmi_job_stream_open(struct gmi_job *job, struct gmi_error *err);
/*
 * The next bytes, at most `most`, copied: the job may be ended at any time by somebody else, and
 * what its engine holds is gone then. *length 0: complete, as far as the engine is concerned.
 */
GMI_MUST_CHECK int gmi_job_stream_read(struct gmi_job *job, void *buffer, size_t most,
				       size_t *length, struct gmi_error *err);
/* complete: the consumer has got every byte. Ends the job. */
void gmi_job_stream_close(struct gmi_job *job, bool complete);

/* Restore: where its client delivers; NULL for a backup or when it has ended. Valid until put. */
struct gmi_pull_source *gmi_job_pull(struct gmi_job *job);

#endif
