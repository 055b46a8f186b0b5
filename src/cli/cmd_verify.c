#include "base/cleanup.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/file.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "format/verify.h"

#include <stdio.h>

int gmi_cmd_verify(const struct gmi_command *command, int argc, char **argv)
{
	GMI_CLEANUP(gmi_opened_file_close) struct gmi_opened_file opened = { .reader = NULL };
	struct gmi_progress_view view = { .report = NULL };
	struct gmi_options options;
	struct gmi_report report;
	struct gmi_error err;
	uint64_t unreadable;
	int exit_code;
	int result;

	if (!gmi_options_parse(&options, command, "wq", 1, 1, argc, argv, &exit_code))
		return exit_code;
	if (gmi_opened_file_open(&opened, options.arguments[0], &err) < 0 ||
	    gmi_report_init(&report, &err) < 0)
		return gmi_exit_with(&err, NULL);
	view.report = &report;
	view.quiet = options.quiet;
	gmi_progress_view_start(&view);
	result = gmi_verify(opened.reader, options.workers, &report, &err);
	gmi_progress_view_stop(&view);
	gmi_report_release(&report);
	if (result < 0) {
		gmi_error_prefix(&err, "%s", options.arguments[0]);
		return gmi_exit_with(&err,
				     "Do not restore from this file; make or fetch it again.");
	}
	if (options.quiet)
		return 0;
	unreadable = gmi_index_unreadable_total(gmi_reader_index(opened.reader));
	printf("%s is sound: %s of device %s, made %s\n", options.arguments[0],
	       gmi_text_bytes(opened.file.source.length).text,
	       gmi_reader_manifest(opened.reader)->device_id,
	       gmi_text_utc(gmi_reader_manifest(opened.reader)->created).text);
	if (unreadable > 0)
		printf("But %s could not be read from the device when it was made, and are not in "
		       "it.\n",
		       gmi_text_bytes(unreadable).text);
	return 0;
}
