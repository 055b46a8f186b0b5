/* Which job there is, and that there is only one. */
#include "job/job_internal.h"

#include "backup/estimate.h"
#include "base/checked.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* An estimate reads the disks and a busy hook starts a process: pages ask more often than that. */
#define ESTIMATE_SECONDS 60
#define BUSY_SECONDS 2
#define LOOK_NANOSECONDS 250000000

struct gmi_service {
	const struct gmi_profile *profile;
	pthread_mutex_t starting; /* held while a job begins, the device restarts or is estimated */
	pthread_mutex_t lock;     /* down to stopping; taken after starting, and never for long */
	struct gmi_job *current;
	uint64_t next_id;
	bool stopping;
	struct gmi_aftermath aftermath; /* has a lock of its own */
	pthread_t keeper;
	bool keeper_started;

	pthread_mutex_t view_lock; /* the cached answers below; taken before starting */
	struct gmi_device_view view;
	double estimated;
	double asked;
};

/* ---- the keeper: looks at the running job some times a second ---- */

static void look(struct gmi_job *job)
{
	struct gmi_progress progress = gmi_report_progress(&job->report);

	pthread_mutex_lock(&job->lock);
	gmi_rate_look(&job->rate, &progress, gmi_clock_seconds());
	pthread_mutex_unlock(&job->lock);
	if (job->kind == GMI_JOB_BACKUP && gmi_job_is_running(job))
		gmi_backup_job_look(job);
}

static struct gmi_job *take_current(struct gmi_service *service, bool *stopping)
{
	struct gmi_job *job;

	pthread_mutex_lock(&service->lock);
	*stopping = service->stopping;
	job = service->current;
	if (job)
		atomic_fetch_add(&job->references, 1);
	pthread_mutex_unlock(&service->lock);
	return job;
}

static void *keep(void *context)
{
	struct gmi_service *service = context;
	const struct timespec pause = { .tv_nsec = LOOK_NANOSECONDS };
	bool stopping = false;

	while (!stopping) {
		struct gmi_job *job = take_current(service, &stopping);

		if (job && !stopping)
			look(job);
		if (!job || !gmi_job_is_running(job))
			gmi_aftermath_settle(&service->aftermath);
		gmi_job_put(job);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* ---- the service ---- */

/*
 * Not 1 after each start of gmid: a page that lost the job of an earlier run must not take the
 * first job of this one for its own.
 */
static uint64_t first_id(void)
{
	uint32_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = (uint32_t)time(NULL);
	return (uint64_t)(random % 1000000) * 1000 + 1;
}

int gmi_service_new(struct gmi_service **out, const struct gmi_profile *profile,
		    struct gmi_error *err)
{
	struct gmi_service *service = calloc(1, sizeof(*service));

	*out = NULL;
	if (!service)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the service");
	service->profile = profile;
	service->next_id = first_id();
	pthread_mutex_init(&service->starting, NULL);
	pthread_mutex_init(&service->lock, NULL);
	pthread_mutex_init(&service->view_lock, NULL);
	gmi_aftermath_init(&service->aftermath, profile);
	if (pthread_create(&service->keeper, NULL, keep, service) != 0) {
		gmi_service_free(service);
		return gmi_fail(err, GMI_E_SYSTEM, "cannot start a thread");
	}
	service->keeper_started = true;
	*out = service;
	return 0;
}

void gmi_service_stop(struct gmi_service *service)
{
	struct gmi_error why;
	struct gmi_job *job;

	pthread_mutex_lock(&service->starting);
	pthread_mutex_lock(&service->lock);
	service->stopping = true;
	job = service->current;
	service->current = NULL;
	pthread_mutex_unlock(&service->lock);
	pthread_mutex_unlock(&service->starting);
	if (service->keeper_started)
		pthread_join(service->keeper, NULL);
	service->keeper_started = false;
	if (!job)
		return;
	gmi_fail(&why, GMI_E_CANCELLED, "gmid was stopped");
	if (job->kind == GMI_JOB_BACKUP)
		gmi_backup_job_stop(job, &why);
	else
		gmi_restore_job_stop(job);
	gmi_job_put(job);
}

void gmi_service_free(struct gmi_service *service)
{
	if (!service)
		return;
	gmi_service_stop(service);
	pthread_mutex_destroy(&service->starting);
	pthread_mutex_destroy(&service->lock);
	pthread_mutex_destroy(&service->view_lock);
	gmi_aftermath_release(&service->aftermath);
	free(service);
}

int gmi_service_find(struct gmi_service *service, uint64_t id, struct gmi_job **job,
		     struct gmi_error *err)
{
	bool stopping;

	*job = take_current(service, &stopping);
	if (*job && (id == 0 || (*job)->id == id))
		return 0;
	gmi_job_put(*job);
	*job = NULL;
	if (id == 0)
		return gmi_fail(err, GMI_E_NOT_FOUND, "no backup or restore has run yet");
	return gmi_fail(err, GMI_E_NOT_FOUND, "there is no job %llu", (unsigned long long)id);
}

/* Call with `starting`. */
static int check_free(struct gmi_service *service, struct gmi_error *err)
{
	int result = 0;

	pthread_mutex_lock(&service->lock);
	if (service->stopping)
		result = gmi_fail(err, GMI_E_CANCELLED, "gmid is being stopped");
	else if (service->current && gmi_job_is_running(service->current))
		result = gmi_fail(err, GMI_E_JOB_RUNS, "a %s is running",
				  service->current->kind == GMI_JOB_BACKUP ? "backup" : "restore");
	pthread_mutex_unlock(&service->lock);
	return result;
}

/*
 * Call with `starting`: two may not start at once, and a start takes as long as the quiesce hook.
 * Meanwhile anybody may ask for the device and the last job.
 */
static int check_start(struct gmi_service *service, struct gmi_job *job,
		       enum gmi_device_access access, struct gmi_error *err)
{
	struct gmi_mark mark;
	enum gmi_mark_state left;

	if (check_free(service, err) < 0)
		return -1;
	/* A device that was restarted without gmid: programs need not wait for the keeper to see
	 * it. */
	gmi_aftermath_settle(&service->aftermath);
	left = gmi_aftermath_state(&service->aftermath, &mark);
	/* What an earlier restore left unfinished is so until a later one has finished it. */
	if (left == GMI_MARK_INCOMPLETE)
		job->device = GMI_DEVICE_INCOMPLETE;
	return gmi_mark_check(left, access, err);
}

/* The cached answer is older than what has just been found. */
static void ask_again_what_runs(struct gmi_service *service)
{
	pthread_mutex_lock(&service->view_lock);
	service->asked = 0;
	pthread_mutex_unlock(&service->view_lock);
}

/* The new job takes the old one's place. */
static void install(struct gmi_service *service, struct gmi_job *job)
{
	pthread_mutex_lock(&service->lock);
	job->id = service->next_id++;
	gmi_job_put(service->current);
	service->current = job;
	atomic_fetch_add(&job->references, 1);
	pthread_mutex_unlock(&service->lock);
}

/* Call with `starting`, which is given back. A job that could not be started is put away. */
static int conclude_start(struct gmi_service *service, struct gmi_job **job, int result,
			  const struct gmi_error *err)
{
	if (result == 0)
		install(service, *job);
	pthread_mutex_unlock(&service->starting);
	if (result < 0) {
		if (err->code == GMI_E_PROGRAM_RUNS)
			ask_again_what_runs(service);
		gmi_job_put(*job);
		*job = NULL;
	}
	return result;
}

int gmi_service_start_backup(struct gmi_service *service, const struct gmi_backup_request *request,
			     struct gmi_job **job, struct gmi_error *err)
{
	int result;

	if (gmi_job_new(job, service->profile, GMI_JOB_BACKUP, err) < 0)
		return -1;
	pthread_mutex_lock(&service->starting);
	result = check_start(service, *job, GMI_DEVICE_READ, err);
	if (result == 0)
		result = gmi_backup_job_start(*job, request, err);
	return conclude_start(service, job, result, err);
}

int gmi_service_start_restore(struct gmi_service *service, const char *file_name,
			      uint64_t file_length, struct gmi_job **job, struct gmi_error *err)
{
	int result;

	if (gmi_job_new(job, service->profile, GMI_JOB_RESTORE, err) < 0)
		return -1;
	snprintf((*job)->file_name, sizeof((*job)->file_name), "%s", file_name);
	(*job)->file_length = file_length;
	(*job)->aftermath = &service->aftermath;
	pthread_mutex_lock(&service->starting);
	result = check_start(service, *job, GMI_DEVICE_WRITE, err);
	/* The session asks again; here it is asked so that the refusal is the request's answer. */
	if (result == 0)
		result = gmi_device_check_ready(service->profile, GMI_DEVICE_WRITE, err);
	if (result == 0)
		result = gmi_restore_job_start(*job, err);
	return conclude_start(service, job, result, err);
}

int gmi_service_restart(struct gmi_service *service, struct gmi_error *err)
{
	int result;

	pthread_mutex_lock(&service->starting);
	result = check_free(service, err);
	if (result == 0)
		result = gmi_device_restart(service->profile, err);
	if (result == 0)
		gmi_aftermath_restart(&service->aftermath);
	pthread_mutex_unlock(&service->starting);
	return result;
}

/* ---- what the page asks while no job runs ---- */

/* The slower of the two: making the file, or carrying it to the user's computer. */
static uint32_t backup_seconds(const struct gmi_profile *profile, const struct gmi_estimate *made)
{
	uint64_t carried =
		profile->link_rate ? made->file_bytes / (profile->link_rate * 1000000ull) : 0;

	return (uint32_t)gmi_max_u64(made->seconds, gmi_min_u64(carried, UINT32_MAX));
}

static int estimate(struct gmi_service *service, struct gmi_device_view *view,
		    struct gmi_error *err)
{
	struct gmi_estimate made;
	struct gmi_device device;
	int result;

	if (gmi_device_open(&device, service->profile, GMI_DEVICE_LOOK, err) < 0)
		return -1;
	view->disk_count = device.disk_count;
	for (uint32_t i = 0; i < device.disk_count; i++) {
		snprintf(view->disks[i].name, sizeof(view->disks[i].name), "%s",
			 device.disks[i]->name);
		view->disks[i].length = device.disks[i]->length;
	}
	result = gmi_estimate_make(&made, &device, err);
	gmi_device_close(&device);
	if (result < 0)
		return -1;
	view->estimated = true;
	view->total_bytes = made.total_bytes;
	view->used_bytes = made.used_bytes;
	view->file_bytes = made.file_bytes;
	view->backup_seconds = backup_seconds(service->profile, &made);
	return 0;
}

static bool is_idle(struct gmi_service *service)
{
	bool idle;

	pthread_mutex_lock(&service->lock);
	idle = !service->current || !gmi_job_is_running(service->current);
	pthread_mutex_unlock(&service->lock);
	return idle;
}

/* A job that begins meanwhile waits for its end, or it would find the disks taken. */
static int refresh_estimate(struct gmi_service *service, struct gmi_error *err)
{
	int result = 0;

	if (pthread_mutex_trylock(&service->starting) != 0)
		return 0;
	if (is_idle(service)) {
		service->view.estimated = false;
		service->estimated = gmi_clock_seconds();
		result = estimate(service, &service->view, err);
		/* A gmi on the command line may have the disks: no reason to say nothing at all. */
		if (result < 0 && err->code == GMI_E_JOB_RUNS)
			result = 0;
	}
	pthread_mutex_unlock(&service->starting);
	return result;
}

/*
 * Call with view_lock. After a restore and during a job the files that it is read from may be gone
 * with their filesystem: then what was read before stands, or what the mark says.
 */
static int refresh_identity(struct gmi_service *service, bool ours, const struct gmi_mark *mark,
			    struct gmi_error *err)
{
	struct gmi_device_view *view = &service->view;
	struct gmi_identity identity;

	if (!ours && view->id[0])
		return 0;
	if (gmi_identity_read(service->profile, &identity, err) < 0) {
		if (ours || !mark->device[0])
			return -1;
		snprintf(view->id, sizeof(view->id), "%s", mark->device);
		return 0;
	}
	snprintf(view->id, sizeof(view->id), "%s", identity.id);
	snprintf(view->model, sizeof(view->model), "%s", identity.model);
	snprintf(view->software, sizeof(view->software), "%s", identity.software);
	return 0;
}

/* Call with view_lock. */
static int refresh(struct gmi_service *service, bool idle, const struct gmi_mark *mark,
		   struct gmi_error *err)
{
	struct gmi_device_view *view = &service->view;
	bool ours = idle && mark->state == GMI_MARK_NONE;
	struct gmi_error busy;
	double now = gmi_clock_seconds();

	if (refresh_identity(service, ours, mark, err) < 0)
		return -1;
	/* While a job runs the disks are its own, and a hook would be read from them. */
	if (ours && (service->asked == 0 || now - service->asked > BUSY_SECONDS)) {
		/* A hook that fails is told when a job is begun; a page must open all the same. */
		if (gmi_programs_check(service->profile, view->program, &busy) < 0 &&
		    busy.code != GMI_E_PROGRAM_RUNS)
			view->program[0] = '\0';
		service->asked = gmi_clock_seconds();
	}
	if (!ours)
		view->program[0] = '\0'; /* or the job would not have begun */
	if (idle && (service->estimated == 0 || now - service->estimated > ESTIMATE_SECONDS))
		return refresh_estimate(service, err);
	return 0;
}

enum gmi_device_state gmi_service_device_state(struct gmi_service *service)
{
	struct gmi_job_view view;
	struct gmi_mark mark;
	struct gmi_job *job;
	bool stopping;

	switch (gmi_aftermath_state(&service->aftermath, &mark)) {
	case GMI_MARK_INCOMPLETE:
		return GMI_DEVICE_INCOMPLETE;
	case GMI_MARK_RESTORED:
		return GMI_DEVICE_RESTORED;
	case GMI_MARK_NONE:
		break;
	}
	/* One that is writing just now has left nothing yet, and where no mark is kept says so
	 * itself. */
	job = take_current(service, &stopping);
	if (!job)
		return GMI_DEVICE_UNCHANGED;
	gmi_job_view(job, &view);
	gmi_job_put(job);
	return view.state == GMI_JOB_RUNNING ? view.device : GMI_DEVICE_UNCHANGED;
}

int gmi_service_device(struct gmi_service *service, struct gmi_device_view *view,
		       struct gmi_error *err)
{
	enum gmi_device_state state;
	struct gmi_mark mark;
	bool idle = is_idle(service);
	int result;

	pthread_mutex_lock(&service->view_lock);
	gmi_mark_read(service->profile, &mark);
	result = refresh(service, idle, &mark, err);
	*view = service->view;
	pthread_mutex_unlock(&service->view_lock);
	state = gmi_service_device_state(service);
	view->needs_restart = idle && state != GMI_DEVICE_UNCHANGED;
	view->incomplete = state == GMI_DEVICE_INCOMPLETE;
	return result;
}
