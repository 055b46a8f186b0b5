#include "cli/output.h"

#include "base/checked.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Small enough that little is left for the end, large enough to be rare. */
#define WRITEBACK_LENGTH (16u << 20)

/*
 * Left to itself the kernel gathers gigabytes and brings them to the disk at the very end. Begun
 * early, that work runs beside ours. Only a hint: what it cannot do (a pipe) it need not.
 */
static void advance(struct gmi_output *output, uint64_t length)
{
	output->length += length;
	if (output->length - output->handed < WRITEBACK_LENGTH)
		return;
	(void)sync_file_range(output->fd, (off_t)output->handed,
			      (off_t)(output->length - output->handed), SYNC_FILE_RANGE_WRITE);
	output->handed = output->length;
}

static int output_write(struct gmi_sink *self, const void *data, size_t length,
			struct gmi_error *err)
{
	struct gmi_output *output = (struct gmi_output *)self;

	if (gmi_write_full(output->fd, output->path, data, length, err) < 0)
		return -1;
	advance(output, length);
	return 0;
}

int gmi_output_zeros(struct gmi_output *output, uint64_t length, struct gmi_error *err)
{
	static const uint8_t zeros[64 << 10];

	/* In a file a hole will do; a pipe wants every byte. */
	if (output->temporary[0]) {
		if (lseek(output->fd, (off_t)length, SEEK_CUR) < 0)
			return gmi_fail_errno(err, "%s: cannot seek", output->path);
		advance(output, length);
		return 0;
	}
	while (length > 0) {
		size_t part = (size_t)gmi_min_u64(length, sizeof(zeros));

		if (output_write(&output->sink, zeros, part, err) < 0)
			return -1;
		length -= part;
	}
	return 0;
}

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
	return 0;
}

int gmi_output_open(struct gmi_output *output, const char *path, bool force, struct gmi_error *err)
{
	memset(output, 0, sizeof(*output));
	output->fd = -1;
	output->sink.write = output_write;
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
	return 0;
}

int gmi_output_commit(struct gmi_output *output, struct gmi_error *err)
{
	/* A hole at the end is only there if the file is told how long it is. */
	if (output->temporary[0] && ftruncate(output->fd, (off_t)output->length) < 0) {
		gmi_fail_errno(err, "%s: cannot set its length", output->path);
		gmi_output_abandon(output);
		return -1;
	}
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
