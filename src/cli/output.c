#include "cli/output.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int open_standard_output(struct gmi_output *output, struct gmi_error *err)
{
	if (isatty(STDOUT_FILENO))
		return gmi_fail(
			err, GMI_E_USAGE,
			"this would fill the terminal with bytes: send it to a file or a pipe");
	snprintf(output->path, sizeof(output->path), "standard output");
	output->fd = dup(STDOUT_FILENO);
	if (output->fd < 0)
		return gmi_fail_errno(err, "standard output");
	gmi_fd_sink_init(&output->sink, output->fd, output->path);
	return 0;
}

int gmi_output_open(struct gmi_output *output, const char *path, bool force, struct gmi_error *err)
{
	memset(output, 0, sizeof(*output));
	output->fd = -1;
	if (strcmp(path, "-") == 0)
		return open_standard_output(output, err);
	if (strlen(path) >= sizeof(output->path))
		return gmi_fail(err, GMI_E_USAGE, "the file's name is too long");
	snprintf(output->path, sizeof(output->path), "%s", path);
	snprintf(output->temporary, sizeof(output->temporary), "%s.part", path);
	if (!force && access(path, F_OK) == 0)
		return gmi_fail(err, GMI_E_USAGE,
				"%s exists already; --force overwrites it, -o names another", path);
	output->fd = open(output->temporary, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (output->fd < 0)
		return gmi_fail_errno(err, "%s: cannot create", output->temporary);
	/* What an earlier gmi left half done is written over, what another one writes now is not.
	 */
	if (flock(output->fd, LOCK_EX | LOCK_NB) < 0) {
		output->temporary[0] = '\0';
		return gmi_fail(err, GMI_E_JOB_RUNS, "another gmi is writing %s", path);
	}
	if (ftruncate(output->fd, 0) < 0)
		return gmi_fail_errno(err, "%s: cannot empty", output->temporary);
	gmi_fd_sink_init(&output->sink, output->fd, output->path);
	return 0;
}

int gmi_output_commit(struct gmi_output *output, struct gmi_error *err)
{
	if (gmi_close_written(&output->fd, output->path, err) < 0) {
		gmi_output_abandon(output);
		return -1;
	}
	if (!output->temporary[0])
		return 0;
	if (rename(output->temporary, output->path) < 0) {
		gmi_fail_errno(err, "%s: cannot give it its name", output->path);
		gmi_output_abandon(output);
		return -1;
	}
	output->temporary[0] = '\0';
	return 0;
}

void gmi_output_abandon(struct gmi_output *output)
{
	if (output->fd >= 0)
		close(output->fd);
	output->fd = -1;
	if (output->temporary[0])
		unlink(output->temporary);
	output->temporary[0] = '\0';
}
