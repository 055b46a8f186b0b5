/* A job from its making to its end, and what anybody may see of it. What it does is backup_job.c's
 * and restore_job.c's. */
#include "job/job_internal.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int gmi_job_new(struct gmi_job **out, const struct gmi_profile *profile, enum gmi_job_kind kind,
		struct gmi_error *err)
{
	struct gmi_job *job = calloc(1, sizeof(*job));

	*out = NULL;
	if (!job)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a job");
	if (gmi_report_init(&job->report, err) < 0) {
		free(job);
		return -1;
	}
	pthread_mutex_init(&job->lock, NULL);
	pthread_mutex_init(&job->stream_lock, NULL);
	job->references = 1;
	job->kind = kind;
	job->profile = profile;
	job->started = (int64_t)time(NULL);
	job->began = gmi_clock_seconds();
	*out = job;
	return 0;
}

void gmi_job_put(struct gmi_job *job)
{
	if (!job || atomic_fetch_sub(&job->references, 1) > 1)
		return;
	if (job->thread_started)
		pthread_join(job->thread, NULL);
	gmi_backup_session_free(job->backup);
	gmi_pull_source_free(job->pull);
	pthread_mutex_destroy(&job->lock);
	pthread_mutex_destroy(&job->stream_lock);
	gmi_report_release(&job->report);
	free(job);
}

void gmi_job_end(struct gmi_job *job, const struct gmi_error *err)
{
	bool first;

	pthread_mutex_lock(&job->lock);
	first = job->state == GMI_JOB_RUNNING;
	if (first) {
		job->state = err ? GMI_JOB_FAILED : GMI_JOB_SUCCEEDED;
		if (err)
			job->error = *err;
		job->ended = (int64_t)time(NULL);
		job->took = gmi_clock_seconds() - job->began;
	}
	pthread_mutex_unlock(&job->lock);
	if (first && err)
		gmi_report_say(&job->report, "Failed: %s", err->message);
	gmi_report_touch(&job->report);
}

void gmi_job_view(struct gmi_job *job, struct gmi_job_view *view)
{
	memset(view, 0, sizeof(*view));
	view->progress = gmi_report_progress(&job->report);
	view->waiting = job->kind == GMI_JOB_RESTORE ? gmi_pull_source_is_alone(job->pull)
						     : !job->stream_opened;
	pthread_mutex_lock(&job->lock);
	view->id = job->id;
	view->kind = job->kind;
	view->state = job->state;
	view->waiting = view->waiting && job->state == GMI_JOB_RUNNING;
	view->rate = (uint64_t)job->rate.bytes_per_second;
	view->seconds_left = gmi_rate_seconds_left(&job->rate, &view->progress);
	view->started = job->started;
	view->ended = job->ended;
	view->seconds =
		job->state == GMI_JOB_RUNNING ? gmi_clock_seconds() - job->began : job->took;
	view->file_length = job->file_length;
	view->device = job->device;
	view->error = job->error;
	view->figures = job->figures;
	/* While it runs: from the first write on the device is not what it was. */
	if (job->restore && gmi_restore_is_touched(gmi_restore_session_engine(job->restore)))
		view->device = GMI_DEVICE_INCOMPLETE;
	pthread_mutex_unlock(&job->lock);
	snprintf(view->file_name, sizeof(view->file_name), "%s", job->file_name);
}

bool gmi_job_line(struct gmi_job *job, uint32_t index, struct gmi_report_line *line)
{
	return gmi_report_line(&job->report, index, line);
}

uint64_t gmi_job_wait(struct gmi_job *job, uint64_t seen, unsigned int milliseconds)
{
	return gmi_report_wait(&job->report, seen, milliseconds);
}

struct gmi_pull_source *gmi_job_pull(struct gmi_job *job)
{
	return job->kind == GMI_JOB_RESTORE ? job->pull : NULL;
}

bool gmi_job_is_running(struct gmi_job *job)
{
	bool running;

	pthread_mutex_lock(&job->lock);
	running = job->state == GMI_JOB_RUNNING;
	pthread_mutex_unlock(&job->lock);
	return running;
}
