#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/file.h"
#include "cli/options.h"
#include "cli/remote.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* As the service's GMI_RANGE_LENGTH_MAX; a device that asks for more is none of ours. */
#define RANGE_LENGTH_MAX (1u << 20)
/* How long a device that does not answer is waited for: a cable is plugged in again. */
#define PATIENCE_SECONDS 120

struct push_run {
	struct gmi_options options;
	struct gmi_opened_file opened;
	struct gmi_remote *remote; /* that serves ranges */
	struct gmi_remote *watch;  /* that shows the job, in its own thread */
	struct gmi_bar bar;
	char job_path[64];
	char name[256];
	uint8_t *bytes; /* RANGE_LENGTH_MAX */
	atomic_bool over;
	bool written; /* the device is not what it was: it needs its restart */
	char next[256];
};

static json_t *offer(const struct push_run *run)
{
	return json_pack("{s:s, s:I}", "fileName", run->name, "fileLength",
			 (json_int_t)run->opened.file.source.length);
}

static int begin(struct push_run *run, struct gmi_error *err)
{
	const char *slash = strrchr(run->options.arguments[1], '/');
	json_t *job;

	snprintf(run->name, sizeof(run->name), "%s", slash ? slash + 1 : run->options.arguments[1]);
	if (gmi_remote_call(run->remote, "POST", "/api/v1/restores", offer(run), &job, err) < 0)
		return -1;
	snprintf(run->job_path, sizeof(run->job_path), "/api/v1/jobs/%s",
		 json_string_value(json_object_get(job, "id")));
	json_decref(job);
	return 0;
}

static int send_range(struct push_run *run, const json_t *range, struct gmi_error *err)
{
	json_int_t offset = json_integer_value(json_object_get(range, "offset"));
	json_int_t length = json_integer_value(json_object_get(range, "length"));
	char path[128];

	if (offset < 0 || length < 1 || length > RANGE_LENGTH_MAX ||
	    !gmi_range_within((uint64_t)offset, (uint64_t)length, run->opened.file.source.length))
		return gmi_fail(err, GMI_E_USAGE, "the device asks for bytes outside of the file");
	if (gmi_source_read(&run->opened.file.source, (uint64_t)offset, run->bytes, (size_t)length,
			    err) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/bytes?offset=%lld", run->job_path, (long long)offset);
	return gmi_remote_put(run->remote, path, run->bytes, (size_t)length, err);
}

/* One question and its ranges. *running tells whether the job goes on. */
static int serve_once(struct push_run *run, bool *running, struct gmi_error *err)
{
	char path[128];
	json_t *answer;
	json_t *ranges;
	const char *state;
	int result = 0;

	snprintf(path, sizeof(path), "%s/wanted?wait=5", run->job_path);
	if (gmi_remote_call(run->remote, "GET", path, NULL, &answer, err) < 0)
		return -1;
	state = json_string_value(json_object_get(answer, "state"));
	ranges = json_object_get(answer, "ranges");
	*running = state && strcmp(state, "running") == 0;
	for (size_t i = 0; result == 0 && i < json_array_size(ranges); i++)
		result = send_range(run, json_array_get(ranges, i), err);
	json_decref(answer);
	return result;
}

/* The connection broke: offer the file again until the device answers, or patience ends. */
static int reconnect(struct push_run *run, struct gmi_error *err)
{
	const struct timespec pause = { .tv_sec = 1 };
	time_t until = time(NULL) + PATIENCE_SECONDS;
	char path[128];
	json_t *job;

	snprintf(path, sizeof(path), "%s/source", run->job_path);
	do {
		if (gmi_interrupted())
			return -1;
		nanosleep(&pause, NULL);
		if (gmi_remote_call(run->remote, "POST", path, offer(run), &job, err) == 0) {
			json_decref(job);
			return 0;
		}
	} while (err->code == GMI_E_CLIENT && time(NULL) < until);
	return -1;
}

static int serve(struct push_run *run, struct gmi_error *err)
{
	bool running = true;

	while (running) {
		if (gmi_interrupted())
			return gmi_fail(err, GMI_E_CANCELLED, "interrupted");
		if (serve_once(run, &running, err) == 0)
			continue;
		if (err->code != GMI_E_CLIENT || reconnect(run, err) < 0)
			return -1;
	}
	return 0;
}

static void *show(void *context)
{
	struct push_run *run = context;
	const struct timespec pause = { .tv_nsec = 300000000 };
	struct gmi_error ignored;
	size_t shown = 0;
	bool last = false;
	json_t *job;

	/* Once more after the end, for the last lines. */
	while (!last) {
		last = atomic_load(&run->over);
		if (gmi_remote_call(run->watch, "GET", run->job_path, NULL, &job, &ignored) == 0) {
			gmi_remote_show(job, &shown, &run->bar, run->options.quiet);
			json_decref(job);
		}
		if (!last)
			nanosleep(&pause, NULL);
	}
	gmi_bar_clear(&run->bar);
	return NULL;
}

static json_int_t counted(const json_t *job, const char *member)
{
	return json_integer_value(json_object_get(json_object_get(job, "summary"), member));
}

static int judge(struct push_run *run, struct gmi_error *err)
{
	json_t *job;
	int outcome;

	if (gmi_remote_call(run->remote, "GET", run->job_path, NULL, &job, err) < 0)
		return -1;
	outcome = gmi_remote_outcome(job, err);
	run->written = counted(job, "bytesWritten") + counted(job, "bytesDiscarded") > 0;
	if (outcome < 0)
		gmi_remote_next_step(job, run->next, sizeof(run->next));
	json_decref(job);
	return outcome < 0 ? -1 : 0;
}

static int push(struct push_run *run, struct gmi_error *err)
{
	pthread_t shower;
	bool shows;
	int result;

	if (begin(run, err) < 0) {
		snprintf(run->next, sizeof(run->next),
			 "Nothing was done; the device is unchanged.");
		return -1;
	}
	shows = pthread_create(&shower, NULL, show, run) == 0;
	result = serve(run, err);
	atomic_store(&run->over, true);
	if (shows)
		pthread_join(shower, NULL);
	if (result < 0) {
		snprintf(run->next, sizeof(run->next),
			 "The device waits some minutes for this file. Push it again, or look at "
			 "its "
			 "page for the state it is in.");
		return -1;
	}
	return judge(run, err);
}

static bool agreed(const struct gmi_command *command, struct push_run *run)
{
	const struct gmi_manifest *manifest = gmi_reader_manifest(run->opened.reader);

	if (run->options.yes)
		return true;
	fprintf(stderr,
		"This replaces all software, settings and data of %s by those of %s.\n"
		"What was made on the device since then will be gone.\n",
		manifest->device_id, gmi_text_utc(manifest->created).text);
	return gmi_confirm(command, manifest->device_id);
}

static int prepare(struct push_run *run, struct gmi_error *err)
{
	run->bytes = malloc(RANGE_LENGTH_MAX);
	if (!run->bytes)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for a range");
	/* A file that is no backup is told here, before the device is bothered. */
	if (gmi_opened_file_open(&run->opened, run->options.arguments[1], err) < 0)
		return -1;
	if (gmi_remote_new(&run->remote, run->options.arguments[0], err) < 0)
		return -1;
	return gmi_remote_new(&run->watch, run->options.arguments[0], err);
}

int gmi_cmd_push(const struct gmi_command *command, int argc, char **argv)
{
	static struct push_run run;
	struct gmi_error err;
	int exit_code = 0;

	if (!gmi_options_parse(&run.options, command, "yq", 2, 2, argc, argv, &exit_code))
		return exit_code;
	gmi_bar_init(&run.bar, run.options.quiet);
	if (prepare(&run, &err) < 0) {
		exit_code = gmi_exit_with(&err, "Nothing was done; the device is unchanged.");
	} else if (!agreed(command, &run)) {
		fprintf(stderr, "Nothing was done; the device is unchanged.\n");
		exit_code = gmi_exit_code(GMI_E_CANCELLED);
	} else {
		gmi_catch_interrupts();
		if (push(&run, &err) < 0)
			exit_code = gmi_exit_with(&err, run.next[0] ? run.next : NULL);
		else if (!run.options.quiet)
			fprintf(stderr, "Restore successful%s\n",
				run.written ? ". Restart the device before further use."
					    : ": the device already was as in the backup; nothing "
					      "was written.");
	}
	gmi_remote_free(run.remote);
	gmi_remote_free(run.watch);
	gmi_opened_file_close(&run.opened);
	free(run.bytes);
	return exit_code;
}
