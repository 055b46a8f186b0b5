#include "base/text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "device/mark.h"
#include "restore/session.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

struct restore_run {
	struct gmi_options options;
	struct gmi_profile profile;
	struct gmi_report report;
	struct gmi_progress_view view;
	struct gmi_file_source file;
	struct gmi_restore_session *session;
};

static void cancel_if_interrupted(void *context)
{
	struct restore_run *run = context;

	if (gmi_interrupted())
		gmi_restore_cancel(gmi_restore_session_engine(run->session));
}

/* Checked, and not yet begun: says what is going to happen and asks. */
static bool agreed(const struct gmi_command *command, struct restore_run *run)
{
	const struct gmi_restore *engine = gmi_restore_session_engine(run->session);
	const struct gmi_manifest *manifest = gmi_reader_manifest(gmi_restore_reader(engine));
	uint64_t left_alone;
	const char *disk;

	if (run->options.dry_run || run->options.yes)
		return true;
	fprintf(stderr,
		"\nThis replaces all software, settings and data of %s by those of %s.\n"
		"What was made on the device since then will be gone.\n",
		manifest->device_id, gmi_text_utc(manifest->created).text);
	for (uint32_t i = 0; gmi_restore_larger_disk(engine, i, &disk, &left_alone); i++)
		fprintf(stderr,
			"Disk %s is larger than the backup's by %s. Is this the right file? If so, "
			"that part is left alone, and no volume of the backup reaches into it.\n",
			disk, gmi_text_bytes(left_alone).text);
	return gmi_confirm(command, manifest->device_id);
}

static void tell_changes(const struct gmi_restore *engine)
{
	struct gmi_restore_change change;

	printf("%-20s %12s %14s %14s\n", "volume", "chunks", "would write", "would discard");
	for (uint32_t i = 0; gmi_restore_change(engine, i, &change); i++)
		printf("%-20s %12" PRIu64 " %14s %14s\n", change.volume, change.chunks_changed,
		       gmi_text_bytes(change.bytes_changed).text,
		       gmi_text_bytes(change.bytes_discarded).text);
}

static void tell_json(const struct gmi_restore *engine, bool dry_run)
{
	struct gmi_restore_summary summary = gmi_restore_summary(engine);
	struct gmi_restore_change change;
	json_t *volumes = json_array();
	json_t *json;

	for (uint32_t i = 0; gmi_restore_change(engine, i, &change); i++)
		json_array_append_new(
			volumes,
			json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "volume", change.volume,
				  "chunks_changed", (json_int_t)change.chunks_changed,
				  "bytes_changed", (json_int_t)change.bytes_changed, "bytes_zeroed",
				  (json_int_t)change.bytes_zeroed, "bytes_discarded",
				  (json_int_t)change.bytes_discarded, "bytes_unreadable",
				  (json_int_t)change.bytes_unreadable));
	json = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "dry_run", dry_run,
			 "bytes_compared", (json_int_t)summary.bytes_compared, "bytes_changed",
			 (json_int_t)summary.bytes_changed, "bytes_moved",
			 (json_int_t)summary.bytes_moved, "bytes_written",
			 (json_int_t)summary.bytes_written, "bytes_zeroed",
			 (json_int_t)summary.bytes_zeroed, "bytes_discarded",
			 (json_int_t)summary.bytes_discarded, "bytes_verified",
			 (json_int_t)summary.bytes_verified, "bytes_unreadable",
			 (json_int_t)summary.bytes_unreadable, "volumes", volumes);
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

static void tell(const struct restore_run *run, const struct gmi_restore *engine)
{
	struct gmi_restore_summary summary = gmi_restore_summary(engine);

	if (run->options.json)
		tell_json(engine, run->options.dry_run);
	else if (run->options.dry_run)
		tell_changes(engine);
	if (run->options.quiet)
		return;
	if (run->options.dry_run)
		fprintf(stderr, "Rehearsal successful: the file fits, and what would be taken "
				"from it is sound; nothing was written.\n");
	else if (!gmi_restore_is_touched(engine))
		fprintf(stderr, "Restore successful: the device already was as in the backup; "
				"nothing was written.\n");
	else
		fprintf(stderr, "Restore successful: %s written, all read back.\n",
			gmi_text_bytes(summary.bytes_written + summary.bytes_zeroed).text);
	if (summary.bytes_unreadable > 0)
		fprintf(stderr,
			"%s could not be read when the backup was made and %s as they are.\n",
			gmi_text_bytes(summary.bytes_unreadable).text,
			run->options.dry_run ? "would be left" : "were left");
	/* Programs could: the lock that kept them out ends with this process. */
	if (!run->options.dry_run && gmi_restore_needs_restart(engine))
		fprintf(stderr, "Restart the device before further use. Start no program on it "
				"before that.\n");
}

static const char *state_after_failure(const struct restore_run *run)
{
	const struct gmi_restore *engine =
		run->session ? gmi_restore_session_engine(run->session) : NULL;
	struct gmi_mark mark;

	gmi_mark_read(&run->profile, &mark);
	if (mark.state != GMI_MARK_INCOMPLETE && (!engine || !gmi_restore_is_touched(engine)))
		return mark.state == GMI_MARK_RESTORED
			       ? "Nothing was written. Restart the device."
			       : "Nothing was written; the device is unchanged.";
	return "The device is INCOMPLETE: do not use it. Repeat the restore from the same file; "
	       "it goes on where it was.";
}

/* From the check to the end; the file and the report are open. */
static int restore(const struct gmi_command *command, struct restore_run *run)
{
	struct gmi_restore_session_options options = {
		.engine = { .workers = run->options.workers },
		.dry_run = run->options.dry_run,
	};
	const int outside[] = { STDOUT_FILENO, STDERR_FILENO, run->file.fd };
	const struct gmi_restore *engine;
	struct gmi_error err;
	int result;

	options.outside = outside;
	options.outside_count = 3;
	run->view =
		(struct gmi_progress_view){ .report = &run->report, .quiet = run->options.quiet };
	gmi_progress_view_start(&run->view);
	result = gmi_restore_session_new(&run->session, &run->profile, &run->file.source, &options,
					 &run->report, &err);
	gmi_progress_view_stop(&run->view);
	if (result < 0)
		return gmi_exit_with(&err, state_after_failure(run));
	if (!agreed(command, run)) {
		fprintf(stderr, "Nothing was done; the device is unchanged.\n");
		return gmi_exit_code(GMI_E_CANCELLED);
	}
	gmi_catch_interrupts();
	run->view.tick = cancel_if_interrupted;
	run->view.context = run;
	gmi_progress_view_start(&run->view);
	result = gmi_restore_session_run(run->session, &err);
	gmi_progress_view_stop(&run->view);
	engine = gmi_restore_session_engine(run->session);
	if (result < 0)
		return gmi_exit_with(&err, state_after_failure(run));
	tell(run, engine);
	return 0;
}

int gmi_cmd_restore(const struct gmi_command *command, int argc, char **argv)
{
	static struct restore_run run; /* large, and there is one */
	struct gmi_error err;
	int exit_code;

	if (!gmi_options_parse(&run.options, command, "Pnywjq", 1, 1, argc, argv, &exit_code))
		return exit_code;
	if (gmi_profile_load(&run.profile, run.options.profile, &err) < 0 ||
	    gmi_file_source_open(&run.file, run.options.arguments[0], &err) < 0)
		return gmi_exit_with(&err, state_after_failure(&run));
	if (gmi_report_init(&run.report, &err) < 0) {
		gmi_file_source_close(&run.file);
		return gmi_exit_with(&err, state_after_failure(&run));
	}
	exit_code = restore(command, &run);
	gmi_restore_session_free(run.session);
	gmi_report_release(&run.report);
	gmi_file_source_close(&run.file);
	return exit_code;
}
