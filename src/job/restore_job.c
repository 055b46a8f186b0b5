/* A restore as a job: a thread of its own; its file comes from the client through the pull source.
 */
#include "job/job_internal.h"

#include <string.h>

/* The engine may be cancelled from other threads only while it stands in job->restore. */
static void publish(struct gmi_job *job, struct gmi_restore_session *session)
{
	pthread_mutex_lock(&job->lock);
	job->restore = session;
	pthread_mutex_unlock(&job->lock);
}

/* What it leaves, and the lock on programs where it leaves something. */
static void note(struct gmi_job *job, struct gmi_restore_session *session, bool ended_well)
{
	enum gmi_mark_state left = GMI_MARK_NONE;

	if (gmi_restore_is_touched(gmi_restore_session_engine(session)))
		left = ended_well ? GMI_MARK_RESTORED : GMI_MARK_INCOMPLETE;
	gmi_aftermath_note(job->aftermath, left, ended_well,
			   gmi_restore_session_keep_programs_out(session));
}

static void take_figures(struct gmi_job *job, struct gmi_restore_session *session, bool ended_well)
{
	struct gmi_restore *engine = gmi_restore_session_engine(session);
	struct gmi_restore_summary summary = gmi_restore_summary(engine);

	pthread_mutex_lock(&job->lock);
	job->figures.bytes_compared = summary.bytes_compared;
	job->figures.bytes_changed = summary.bytes_changed;
	job->figures.bytes_written = summary.bytes_written + summary.bytes_zeroed;
	job->figures.bytes_discarded = summary.bytes_discarded;
	job->figures.bytes_verified = summary.bytes_verified;
	job->figures.bytes_unreadable = summary.bytes_unreadable;
	if (ended_well)
		job->device = GMI_DEVICE_RESTORED;
	else if (gmi_restore_is_touched(engine))
		job->device = GMI_DEVICE_INCOMPLETE;
	pthread_mutex_unlock(&job->lock);
}

static int restore(struct gmi_job *job, struct gmi_error *err)
{
	struct gmi_restore_session_options options = { .dry_run = false };
	struct gmi_restore_session *session;
	int result;

	if (gmi_pull_source_remember(job->pull, err) < 0)
		return -1;
	if (gmi_restore_session_new(&session, job->profile, gmi_pull_source_as_source(job->pull),
				    &options, &job->report, err) < 0)
		return -1;
	publish(job, session);
	result = gmi_restore_session_run(session, err);
	/* First the figures: whoever looks in between must not see an unchanged device. */
	take_figures(job, session, result == 0);
	note(job, session, result == 0);
	publish(job, NULL);
	gmi_restore_session_free(session);
	return result;
}

static void *run(void *context)
{
	struct gmi_job *job = context;
	struct gmi_error err;
	int result = restore(job, &err);

	gmi_job_end(job, result < 0 ? &err : NULL);
	/* Clients that wait for ranges learn that there will be none. */
	gmi_pull_source_cancel(job->pull);
	return NULL;
}

int gmi_restore_job_start(struct gmi_job *job, struct gmi_error *err)
{
	if (gmi_pull_source_new(&job->pull, job->file_length, job->profile->client_wait, err) < 0)
		return -1;
	if (pthread_create(&job->thread, NULL, run, job) != 0)
		return gmi_fail(err, GMI_E_SYSTEM, "cannot start a thread for the restore");
	job->thread_started = true;
	return 0;
}

void gmi_restore_job_stop(struct gmi_job *job)
{
	pthread_mutex_lock(&job->lock);
	if (job->restore)
		gmi_restore_cancel(gmi_restore_session_engine(job->restore));
	pthread_mutex_unlock(&job->lock);
	gmi_pull_source_cancel(job->pull);
}
