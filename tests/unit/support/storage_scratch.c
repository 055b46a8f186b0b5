#include "support/storage_scratch.h"

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static pid_t owner;

static void remove_folder(void)
{
	char command[128];

	/* A child of a test must not take the folder away from its parent. */
	if (getpid() != owner)
		return;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s could not be removed\n", folder);
}

const char *storage_scratch(void)
{
	if (folder[0])
		return folder;
	/* In memory where that can be: mke2fs and others wait for the disk again and again. */
	snprintf(folder, sizeof(folder), "%s/gmi-unit-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(folder));
	owner = getpid();
	atexit(remove_folder);
	return folder;
}

const char *storage_path(const char *name)
{
	static char paths[4][256];
	static unsigned int turn;
	char *path = paths[turn++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", storage_scratch(), name);
	return path;
}

/* mke2fs and others lie where a user's PATH does not look; none of them may speak another language.
 */
static char *whole_command(const char *format, va_list args)
{
	char *command;
	char *whole;

	assert_true(vasprintf(&command, format, args) > 0);
	assert_true(
		asprintf(&whole,
			 "export PATH=$PATH:/usr/sbin:/sbin LC_ALL=C; cd %s || exit; { %s\n} 2>&1",
			 storage_scratch(), command) > 0);
	free(command);
	return whole;
}

static int run(const char *format, va_list args, char **output)
{
	char *command = whole_command(format, args);
	FILE *pipe = popen(command, "re");
	size_t room = 0;
	int status;

	assert_non_null(pipe);
	free(command);
	*output = NULL;
	if (getdelim(output, &room, '\0', pipe) < 0) {
		free(*output);
		*output = calloc(1, 1);
	}
	status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void storage_shell(const char *format, ...)
{
	char *output;
	va_list args;
	int status;

	va_start(args, format);
	status = run(format, args, &output);
	va_end(args);
	if (status != 0)
		fail_msg("%s\nended with status %d: %s", format, status, output);
	free(output);
}

int storage_shell_status(const char *format, ...)
{
	char *output;
	va_list args;
	int status;

	va_start(args, format);
	status = run(format, args, &output);
	va_end(args);
	free(output);
	return status;
}

char *storage_shell_output(const char *format, ...)
{
	char *output;
	va_list args;
	int status;

	va_start(args, format);
	status = run(format, args, &output);
	va_end(args);
	if (status != 0)
		fail_msg("%s\nended with status %d: %s", format, status, output);
	return output;
}

void storage_make_file(const char *name, uint64_t length)
{
	int fd = open(storage_path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)length), 0);
	close(fd);
}

uint8_t *storage_load(const char *name, size_t *length)
{
	FILE *file = fopen(storage_path(name), "re");
	struct stat status;
	uint8_t *data;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	*length = (size_t)status.st_size;
	data = malloc(*length + 1);
	assert_non_null(data);
	assert_int_equal(fread(data, 1, *length, file), *length);
	data[*length] = '\0';
	fclose(file);
	return data;
}

void storage_save(const char *name, const void *data, size_t length)
{
	FILE *file = fopen(storage_path(name), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

struct gmi_disk *storage_open(const char *name, bool writable)
{
	struct gmi_disk_config config = {
		.name = "disk",
		.path = storage_path(name),
		.writable = writable,
	};
	struct gmi_disk *disk;
	struct gmi_error err;

	assert_gmi_ok(gmi_disk_open(&disk, &config, &err), &err);
	return disk;
}
