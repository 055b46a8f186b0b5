#include "base/cleanup.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/file.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A device that does not answer cannot be let go; whoever pressed Ctrl-C does not wait for it. */
#define LET_GO_SECONDS 5

struct pull_run {
	struct gmi_options options;
	struct gmi_remote *remote; /* of the download */
	struct gmi_remote *watch;  /* of the questions beside it */
	struct gmi_output output;
	struct gmi_bar bar;
	char job_path[64];
	size_t shown;
	time_t asked;
	char next[256];
};

static int ask(struct pull_run *run, json_t **job, struct gmi_error *err)
{
	if (gmi_remote_call(run->watch, "GET", run->job_path, NULL, job, err) < 0)
		return -1;
	gmi_remote_show(*job, &run->shown, &run->bar, run->options.quiet);
	return 0;
}

static int tick(void *context)
{
	struct pull_run *run = context;
	struct gmi_error ignored;
	json_t *job = NULL;

	if (gmi_interrupted())
		return 1;
	if (time(NULL) != run->asked) {
		run->asked = time(NULL);
		if (ask(run, &job, &ignored) == 0)
			json_decref(job);
	}
	return 0;
}

static int refuse(struct gmi_sink *sink, const void *data, size_t length, struct gmi_error *err)
{
	(void)sink, (void)data, (void)length;
	return gmi_fail(err, GMI_E_CANCELLED, "not wanted");
}

static int stop_when_late(void *context)
{
	const time_t *late = context;

	return time(NULL) > *late;
}

/*
 * A backup that was begun and that nobody takes would hold the device, its services stopped, until
 * its patience ends. One that breaks off lets it go at once: so the download is opened and left.
 */
static void let_go(struct pull_run *run, const char *download)
{
	struct gmi_sink sink = { .write = refuse };
	time_t late = time(NULL) + LET_GO_SECONDS;
	struct gmi_error ignored;

	(void)!gmi_remote_download(run->remote, download, &sink, stop_when_late, &late, &ignored);
}

static int begin(struct pull_run *run, char download[128], struct gmi_error *err)
{
	json_t *body = json_object();
	json_t *job;
	char name[256];
	char id[32];

	if (run->options.level)
		json_object_set_new(body, "level", json_integer(run->options.level));
	if (gmi_remote_call(run->remote, "POST", "/api/v1/backups", body, &job, err) < 0)
		return -1;
	gmi_remote_text(job, "download", download, 128);
	gmi_remote_text(job, "fileName", name, sizeof(name));
	gmi_remote_text(job, "id", id, sizeof(id));
	json_decref(job);
	snprintf(run->job_path, sizeof(run->job_path), "/api/v1/jobs/%s", id);
	/* The device proposes a name, not a place. */
	if (!download[0] || !name[0] || strchr(name, '/') || name[0] == '.')
		return gmi_fail(err, GMI_E_CLIENT, "the device's answer makes no sense");
	if (gmi_output_open(&run->output, run->options.output ? run->options.output : name,
			    run->options.force, err) == 0)
		return 0;
	let_go(run, download);
	return -1;
}

/* The job's end follows the last byte by a moment. */
static int wait_for_end(struct pull_run *run, struct gmi_error *err)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	json_t *job;
	int outcome = 0;

	for (int tries = 0; outcome == 0 && tries < 100; tries++) {
		if (ask(run, &job, err) < 0)
			return -1;
		outcome = gmi_remote_outcome(job, err);
		if (outcome < 0)
			gmi_remote_next_step(job, run->next, sizeof(run->next));
		json_decref(job);
		if (outcome == 0)
			nanosleep(&pause, NULL);
	}
	if (outcome == 0)
		return gmi_fail(err, GMI_E_CLIENT, "the device does not end the backup");
	return outcome < 0 ? -1 : 0;
}

/* What has arrived is opened as every reader would: a device's "successful" is not taken on trust.
 */
static int check(const char *path, struct gmi_error *err)
{
	GMI_CLEANUP(gmi_opened_file_close) struct gmi_opened_file opened = { .reader = NULL };

	return gmi_opened_file_open(&opened, path, err);
}

static int pull(struct pull_run *run, struct gmi_error *err)
{
	struct gmi_error end;
	char download[128];
	int result;

	if (gmi_remote_new(&run->remote, run->options.arguments[0], err) < 0 ||
	    gmi_remote_new(&run->watch, run->options.arguments[0], err) < 0 ||
	    begin(run, download, err) < 0)
		return -1;
	result = gmi_remote_download(run->remote, download, &run->output.sink, tick, run, err);
	if (result < 0 && err->code == GMI_E_CANCELLED)
		let_go(run, download);
	/* The job knows better why the stream broke than the socket does. */
	if (wait_for_end(run, &end) < 0 && (result == 0 || end.code != GMI_E_CLIENT)) {
		*err = end;
		return -1;
	}
	if (result < 0)
		return -1;
	if (run->output.temporary[0] && check(run->output.temporary, err) < 0)
		return -1;
	return gmi_output_commit(&run->output, err);
}

int gmi_cmd_pull(const struct gmi_command *command, int argc, char **argv)
{
	static struct pull_run run;
	struct gmi_error err;
	int exit_code;
	int result;

	if (!gmi_options_parse(&run.options, command, "olfq", 1, 1, argc, argv, &exit_code))
		return exit_code;
	run.output.fd = -1;
	/* Before the device begins a backup that nobody takes. */
	if (run.options.output && !run.options.force && strcmp(run.options.output, "-") != 0) {
		FILE *there = fopen(run.options.output, "r");

		if (there) {
			fclose(there);
			gmi_fail(&err, GMI_E_USAGE, "%s exists already; --force overwrites it",
				 run.options.output);
			return gmi_exit_with(&err, NULL);
		}
	}
	gmi_catch_interrupts();
	gmi_bar_init(&run.bar, run.options.quiet);
	result = pull(&run, &err);
	gmi_bar_clear(&run.bar);
	gmi_output_abandon(&run.output);
	gmi_remote_free(run.remote);
	gmi_remote_free(run.watch);
	if (result < 0)
		return gmi_exit_with(&err, run.next[0] ? run.next : "No backup was made.");
	if (!run.options.quiet)
		fprintf(stderr, "Backup successful: %s\n", run.output.path);
	return 0;
}
