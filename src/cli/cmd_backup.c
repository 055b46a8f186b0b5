#include "backup/session.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "storage/rescue.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NEXT "No backup was made; the device is unchanged."
#define NEXT_ON_A_MARKED_DEVICE "No backup was made."
#define NEXT_AT_A_BAD_PLACE \
	NEXT " The disk may be failing: --keep-going saves what can still be read."

struct backup_run {
	struct gmi_options options;
	struct gmi_profile profile;
	struct gmi_report report;
	struct gmi_progress_view view;
	struct gmi_backup_session *session;
	struct gmi_output output;
	char file_name[1024];
	struct gmi_backup_summary summary;
};

static int copy_out(struct backup_run *run, struct gmi_error *err)
{
	const void *data;
	size_t length;

	for (;;) {
		if (gmi_interrupted())
			return gmi_fail(err, GMI_E_CANCELLED, "interrupted");
		if (gmi_backup_session_next(run->session, &data, &length, err) < 0)
			return -1;
		if (length == 0)
			return 0;
		if (gmi_sink_write(&run->output.sink, data, length, err) < 0)
			return -1;
	}
}

static int backup(struct backup_run *run, struct gmi_error *err)
{
	struct gmi_backup_options options = {
		.level = run->options.level,
		.workers = run->options.workers,
		.chunk_length = run->options.chunk_length,
		.all_blocks = run->options.all_blocks,
		.keep_going = run->options.keep_going,
		.created = (int64_t)time(NULL),
	};
	int outside[3] = { STDOUT_FILENO, STDERR_FILENO };

	if (gmi_profile_load(&run->profile, run->options.profile, err) < 0)
		return -1;
	/* The device's id is asked for before its services are stopped: the name may be taken. */
	if (run->options.output) {
		snprintf(run->file_name, sizeof(run->file_name), "%s", run->options.output);
	} else {
		struct gmi_identity identity;

		if (gmi_identity_read(&run->profile, &identity, err) < 0)
			return -1;
		gmi_backup_file_name(run->file_name, identity.id, options.created);
	}
	if (gmi_output_open(&run->output, run->file_name, run->options.force, err) < 0)
		return -1;
	outside[2] = run->output.fd;
	options.outside = outside;
	options.outside_count = 3;
	if (gmi_backup_session_new(&run->session, &run->profile, &options, &run->report, err) < 0)
		return -1;
	if (copy_out(run, err) < 0)
		return -1;
	run->summary = gmi_backup_session_summary(run->session);
	/* What the kernel still holds may take a while: the bar must not stand at its end in
	 * silence. */
	gmi_report_phase(&run->report, GMI_PHASE_FINISH, 0);
	if (run->output.temporary[0])
		gmi_report_say(&run->report, "Bringing the file to the disk");
	return gmi_output_commit(&run->output, err);
}

static void tell(const struct backup_run *run, double seconds)
{
	char hex[GMI_SHA256_HEX];

	gmi_sha256_to_hex(run->summary.root_hash, hex);
	if (run->options.json) {
		json_t *json =
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:s, s:f}", "file", run->output.path,
				  "file_bytes", (json_int_t)run->summary.file_bytes, "used_bytes",
				  (json_int_t)run->summary.used_bytes, "total_bytes",
				  (json_int_t)run->summary.total_bytes, "unreadable_bytes",
				  (json_int_t)run->summary.unreadable_bytes, "root_hash", hex,
				  "seconds", seconds);

		json_dumpf(json, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(json);
	}
	if (!run->options.quiet)
		fprintf(stderr, "Backup %s: %s, %s from %s in use, in %s\n",
			run->summary.unreadable_bytes ? "made, but not whole" : "successful",
			run->output.path, gmi_text_bytes(run->summary.file_bytes).text,
			gmi_text_bytes(run->summary.used_bytes).text,
			gmi_text_seconds((uint64_t)(seconds + 0.5)).text);
}

/* As an error, so that --quiet does not hide it. */
static int tell_unreadable(const struct backup_run *run)
{
	if (run->summary.unreadable_bytes == 0)
		return 0;
	fprintf(stderr,
		"gmi: %s in %llu %s could not be read and are not in the file\n"
		"A restore from it leaves such places as they are. Replace the disk.\n",
		gmi_text_bytes(run->summary.unreadable_bytes).text,
		(unsigned long long)run->summary.unreadable_places,
		run->summary.unreadable_places == 1 ? "place" : "places");
	return GMI_EXIT_UNREADABLE;
}

static const char *next_after(const struct gmi_error *err)
{
	if (err->code == GMI_E_RESTART || err->code == GMI_E_INCOMPLETE)
		return NEXT_ON_A_MARKED_DEVICE;
	return gmi_disk_is_bad_place(err) ? NEXT_AT_A_BAD_PLACE : NEXT;
}

int gmi_cmd_backup(const struct gmi_command *command, int argc, char **argv)
{
	static struct backup_run run; /* large, and there is one */
	double began = gmi_clock_seconds();
	struct gmi_error err;
	int exit_code;
	int result;

	if (!gmi_options_parse(&run.options, command, "Polakcwfjq", 0, 0, argc, argv, &exit_code))
		return exit_code;
	if (run.options.json && run.options.output && strcmp(run.options.output, "-") == 0)
		return gmi_usage_error(command, "--json and -o - both want standard output");
	run.output.fd = -1;
	if (gmi_report_init(&run.report, &err) < 0)
		return gmi_exit_with(&err, NULL);
	gmi_catch_interrupts();
	run.view = (struct gmi_progress_view){ .report = &run.report, .quiet = run.options.quiet };
	gmi_progress_view_start(&run.view);
	result = backup(&run, &err);
	gmi_backup_session_free(run.session);
	gmi_output_abandon(&run.output);
	gmi_progress_view_stop(&run.view);
	gmi_report_release(&run.report);
	if (result < 0)
		return gmi_exit_with(&err, next_after(&err));
	tell(&run, gmi_clock_seconds() - began);
	return tell_unreadable(&run);
}
