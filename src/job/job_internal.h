/* A job's inside, shared by job.c, service.c (which job), backup_job.c and restore_job.c. Internal
 * to src/job. */
#ifndef GMI_JOB_JOB_INTERNAL_H
#define GMI_JOB_JOB_INTERNAL_H

#include "backup/session.h"
#include "job/aftermath.h"
#include "job/job.h"
#include "job/rate.h"
#include "restore/session.h"

#include <pthread.h>
#include <stdatomic.h>

struct gmi_job {
	atomic_int references;
	uint64_t id;
	enum gmi_job_kind kind;
	const struct gmi_profile *profile;
	struct gmi_report report;
	char file_name[256];
	uint64_t file_length;

	pthread_mutex_t lock; /* all below */
	enum gmi_job_state state;
	enum gmi_device_state device;
	struct gmi_error error;
	struct gmi_job_figures figures;
	struct gmi_rate rate;
	int64_t started;
	int64_t ended;
	double began; /* monotonic */
	double took;

	/* Backup. */
	pthread_mutex_t stream_lock; /* the session: held while it reads */
	struct gmi_backup_session *backup;
	atomic_bool stream_opened; /* looked at without the lock */
	bool stream_ended;         /* the engine has given out everything */
	const uint8_t *piece;      /* the engine's: what the consumer has not taken of it yet */
	size_t piece_left;
	_Atomic double last_read;

	/* Restore. */
	struct gmi_aftermath *aftermath; /* the service's: told before the job counts as ended */
	struct gmi_pull_source *pull;
	pthread_t thread;
	bool thread_started;
	struct gmi_restore_session *restore; /* while it may be cancelled */
};

GMI_MUST_CHECK int gmi_job_new(struct gmi_job **out, const struct gmi_profile *profile,
			       enum gmi_job_kind kind, struct gmi_error *err);
bool gmi_job_is_running(struct gmi_job *job);

/* state, error and times; err NULL is success. Only the first end counts. */
void gmi_job_end(struct gmi_job *job, const struct gmi_error *err);

GMI_MUST_CHECK int gmi_backup_job_start(struct gmi_job *job,
					const struct gmi_backup_request *request,
					struct gmi_error *err);
/* Called some times a second: ends a backup whose consumer has gone. */
void gmi_backup_job_look(struct gmi_job *job);
void gmi_backup_job_stop(struct gmi_job *job, const struct gmi_error *why);

GMI_MUST_CHECK int gmi_restore_job_start(struct gmi_job *job, struct gmi_error *err);
void gmi_restore_job_stop(struct gmi_job *job);

#endif
