/* A backup as a job: its engine is pulled by the one consumer; a consumer that is gone ends it. */
#include "job/job_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int gmi_backup_job_start(struct gmi_job *job, const struct gmi_backup_request *request,
			 struct gmi_error *err)
{
	struct gmi_backup_options options = {
		.level = request->level,
		.all_blocks = request->all_blocks,
		.created = (int64_t)time(NULL),
	};

	if (gmi_backup_session_new(&job->backup, job->profile, &options, &job->report, err) < 0)
		return -1;
	snprintf(job->file_name, sizeof(job->file_name), "%s",
		 gmi_backup_session_file_name(job->backup));
	job->last_read = gmi_clock_seconds();
	return 0;
}

/* Figures and release; the session is no more afterwards. Call with stream_lock. */
static void close_session(struct gmi_job *job)
{
	struct gmi_backup_summary summary;

	if (!job->backup)
		return;
	summary = gmi_backup_session_summary(job->backup);
	pthread_mutex_lock(&job->lock);
	job->figures.used_bytes = summary.used_bytes;
	job->figures.file_bytes = summary.file_bytes;
	pthread_mutex_unlock(&job->lock);
	gmi_backup_session_free(job->backup);
	job->backup = NULL;
	job->piece_left = 0;
}

void gmi_backup_job_stop(struct gmi_job *job, const struct gmi_error *why)
{
	pthread_mutex_lock(&job->stream_lock);
	close_session(job);
	pthread_mutex_unlock(&job->stream_lock);
	gmi_job_end(job, why);
}

/* Since when the consumer has not asked for anything. Stands still while the engine itself reads.
 */
static bool is_stalled(const struct gmi_job *job)
{
	return gmi_clock_seconds() - job->last_read >= job->profile->client_wait;
}

void gmi_backup_job_look(struct gmi_job *job)
{
	struct gmi_error err;

	/* While the engine reads the lock is held, and nobody is to blame. */
	if (!is_stalled(job) || pthread_mutex_trylock(&job->stream_lock) != 0)
		return;
	/* A long read may have ended in between. */
	if (!is_stalled(job)) {
		pthread_mutex_unlock(&job->stream_lock);
		return;
	}
	gmi_fail(&err, GMI_E_CLIENT,
		 job->stream_opened ? "the download has not moved for %u seconds"
				    : "the download did not begin within %u seconds",
		 job->profile->client_wait);
	close_session(job);
	pthread_mutex_unlock(&job->stream_lock);
	gmi_job_end(job, &err);
}

int gmi_job_stream_open(struct gmi_job *job, struct gmi_error *err)
{
	int result = 0;

	if (job->kind != GMI_JOB_BACKUP)
		return gmi_fail(err, GMI_E_CONFLICT, "job %llu is a restore and has no file",
				(unsigned long long)job->id);
	pthread_mutex_lock(&job->stream_lock);
	if (!job->backup)
		result = gmi_fail(err, GMI_E_CONFLICT, "this backup has ended; begin a new one");
	else if (job->stream_opened)
		result = gmi_fail(err, GMI_E_CONFLICT,
				  "this backup is being downloaded already; it can be sent once");
	else
		job->stream_opened = true;
	job->last_read = gmi_clock_seconds();
	pthread_mutex_unlock(&job->stream_lock);
	if (result == 0)
		gmi_report_say(&job->report, "The download begins");
	return result;
}

/* Call with stream_lock. */
static int take_piece(struct gmi_job *job, void *buffer, size_t most, size_t *length,
		      struct gmi_error *err)
{
	const void *piece;

	if (!job->backup)
		return gmi_fail(err, GMI_E_CLIENT, "the backup has ended");
	if (job->piece_left == 0) {
		if (gmi_backup_session_next(job->backup, &piece, &job->piece_left, err) < 0)
			return -1;
		job->piece = piece;
		job->stream_ended = job->piece_left == 0;
	}
	*length = job->piece_left < most ? job->piece_left : most;
	memcpy(buffer, job->piece, *length);
	job->piece += *length;
	job->piece_left -= *length;
	return 0;
}

int gmi_job_stream_read(struct gmi_job *job, void *buffer, size_t most, size_t *length,
			struct gmi_error *err)
{
	int result;

	pthread_mutex_lock(&job->stream_lock);
	result = take_piece(job, buffer, most, length, err);
	job->last_read = gmi_clock_seconds();
	if (result < 0 && job->backup)
		close_session(job);
	pthread_mutex_unlock(&job->stream_lock);
	if (result < 0)
		gmi_job_end(job, err);
	return result;
}

void gmi_job_stream_close(struct gmi_job *job, bool complete)
{
	struct gmi_error err;

	pthread_mutex_lock(&job->stream_lock);
	complete = complete && job->stream_ended;
	close_session(job);
	pthread_mutex_unlock(&job->stream_lock);
	gmi_fail(&err, GMI_E_CLIENT,
		 "the download broke off: the connection was closed, or the computer's disk is "
		 "full");
	gmi_job_end(job, complete ? NULL : &err);
}
