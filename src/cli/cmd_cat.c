#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/filesystem.h"
#include "cli/options.h"

#include <string.h>
#include <unistd.h>

static int cat(struct gmi_ext *ext, const char *path, struct gmi_error *err)
{
	struct gmi_fd_sink sink;

	gmi_fd_sink_init(&sink, STDOUT_FILENO, "standard output");
	return gmi_ext_cat(ext, path, &sink.sink, err);
}

int gmi_cmd_cat(const struct gmi_command *command, int argc, char **argv)
{
	GMI_CLEANUP(gmi_opened_file_close) struct gmi_opened_file opened = { .reader = NULL };
	struct gmi_options options;
	struct gmi_error err;
	int exit_code;

	if (!gmi_options_parse(&options, command, "", 2, 2, argc, argv, &exit_code))
		return exit_code;
	if (!strchr(options.arguments[1], ':'))
		return gmi_usage_error(command,
				       "VOLUME:PATH has no path; gmi ls shows what there is");
	if (gmi_opened_file_open(&opened, options.arguments[0], &err) < 0 ||
	    gmi_with_filesystem(&opened, options.arguments[1], cat, &err) < 0)
		return gmi_exit_with(&err, NULL);
	return 0;
}
