#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

int gmi_pread_full(int fd, const char *name, uint64_t offset, void *data, size_t length,
		   struct gmi_error *err)
{
	uint8_t *at = data;

	while (length > 0) {
		ssize_t got = pread(fd, at, length, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return gmi_fail_errno(err, "%s: cannot read %zu bytes at byte %" PRIu64,
					      name, length, offset);
		if (got == 0)
			return gmi_fail(err, GMI_E_SYSTEM,
					"%s: ends at byte %" PRIu64 ", %zu bytes too early", name,
					offset, length);
		at += got;
		offset += (uint64_t)got;
		length -= (size_t)got;
	}
	return 0;
}

int gmi_pwrite_full(int fd, const char *name, uint64_t offset, const void *data, size_t length,
		    struct gmi_error *err)
{
	const uint8_t *at = data;

	while (length > 0) {
		ssize_t put = pwrite(fd, at, length, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return gmi_fail_errno(err, "%s: cannot write %zu bytes at byte %" PRIu64,
					      name, length, offset);
		at += put;
		offset += (uint64_t)put;
		length -= (size_t)put;
	}
	return 0;
}

int gmi_write_full(int fd, const char *name, const void *data, size_t length, struct gmi_error *err)
{
	const uint8_t *at = data;

	while (length > 0) {
		ssize_t put = write(fd, at, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return gmi_fail_errno(err, "%s: cannot write", name);
		at += put;
		length -= (size_t)put;
	}
	return 0;
}

int gmi_read_some(int fd, const char *name, void *data, size_t length, size_t *got,
		  struct gmi_error *err)
{
	uint8_t *at = data;

	*got = 0;
	while (*got < length) {
		ssize_t part = read(fd, at + *got, length - *got);

		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return gmi_fail_errno(err, "%s: cannot read", name);
		if (part == 0)
			break;
		*got += (size_t)part;
	}
	return 0;
}

int gmi_read_text_file(const char *path, char *text, size_t size, struct gmi_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t got = 0;
	int result;

	if (fd < 0)
		return gmi_fail_errno(err, "%s: cannot open", path);
	result = gmi_read_some(fd, path, text, size, &got, err);
	close(fd);
	if (result < 0)
		return -1;
	if (got == size)
		return gmi_fail(err, GMI_E_SYSTEM,
				"%s: longer than the %zu bytes that are expected", path, size - 1);
	text[got] = '\0';
	return 0;
}

int gmi_close_written(int *fd, const char *name, struct gmi_error *err)
{
	int taken = *fd;

	*fd = -1;
	/* Pipes and sockets cannot be synced and say EINVAL or EROFS; that is not a loss of data.
	 */
	if (fsync(taken) < 0 && errno != EINVAL && errno != EROFS) {
		gmi_fail_errno(err, "%s: cannot bring to the disk", name);
		close(taken);
		return -1;
	}
	if (close(taken) < 0)
		return gmi_fail_errno(err, "%s: cannot close", name);
	return 0;
}

_Bool gmi_lock_soon(int fd, int operation)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	for (int tries = 0; tries < 30; tries++) {
		if (flock(fd, operation | LOCK_NB) == 0)
			return 1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int gmi_hold_standard_descriptors(void)
{
	int fd;

	/* The kernel gives out the lowest number that is free. */
	do
		fd = open("/dev/null", O_RDONLY); /* a write fails, as it would have */
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

_Bool gmi_is_zero(const void *data, size_t length)
{
	const uint8_t *p = data;
	static const uint8_t zeros[16];

	if (length < sizeof(zeros))
		return memcmp(p, zeros, length) == 0;
	if (memcmp(p, zeros, sizeof(zeros)) != 0)
		return 0;
	/* If the first 16 are zero and each byte equals the one 16 before it, all are zero. */
	return memcmp(p, p + sizeof(zeros), length - sizeof(zeros)) == 0;
}
