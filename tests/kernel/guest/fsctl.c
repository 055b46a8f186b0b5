/*
 * What the scripts need of filesystems and no command of busybox does:
 *
 *   fsctl freeze PATH, thaw PATH     FIFREEZE and FITHAW
 *   fsctl shutdown PATH FLAG         EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN; 2 is "without the log"
 *   fsctl stop PATH                  freeze, shutdown without the log and thaw, all through one
 * descriptor fsctl dirty FILE                 keeps a mapping of FILE dirty and holds it open,
 * until it is killed fsctl append FILE                appends to FILE, syncing now and then, until
 * it is killed; errors are no reason to end
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHUTDOWN _IOR('X', 125, uint32_t)

static int on_path(const char *path, unsigned long request, void *argument)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 || ioctl(fd, request, argument) < 0) {
		fprintf(stderr, "fsctl: %s: %s\n", path, strerror(errno));
		return 1;
	}
	return 0;
}

static int stop(const char *path)
{
	uint32_t without_log = 2;
	int fd = open(path, O_RDONLY);
	int frozen = ioctl(fd, FIFREEZE, 0) < 0 ? errno : 0;
	int down = ioctl(fd, SHUTDOWN, &without_log) < 0 ? errno : 0;
	int thawed = ioctl(fd, FITHAW, 0) < 0 ? errno : 0;

	printf("freeze=%d shutdown=%d thaw=%d ", frozen, down, thawed);
	return frozen || down || thawed;
}

static int keep_dirty(const char *path)
{
	size_t length = 1 << 20;
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	unsigned char *bytes;

	if (fd < 0 || ftruncate(fd, (off_t)length) < 0)
		return 1;
	bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return 1;
	for (unsigned char value = 0;; value++) {
		for (size_t i = 0; i < length; i += 4096)
			bytes[i] = value;
		usleep(20000);
	}
}

static int keep_appending(const char *path)
{
	static char block[16384];
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);

	if (fd < 0)
		return 1;
	for (unsigned round = 0;; round++) {
		memset(block, (int)round, sizeof(block));
		if (write(fd, block, sizeof(block)) < 0 || (round % 16 == 0 && fsync(fd) < 0))
			usleep(10000);
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	uint32_t flag = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;

	if (argc > 2 && strcmp(argv[1], "freeze") == 0)
		return on_path(argv[2], FIFREEZE, 0);
	if (argc > 2 && strcmp(argv[1], "thaw") == 0)
		return on_path(argv[2], FITHAW, 0);
	if (argc > 3 && strcmp(argv[1], "shutdown") == 0)
		return on_path(argv[2], SHUTDOWN, &flag);
	if (argc > 2 && strcmp(argv[1], "stop") == 0)
		return stop(argv[2]);
	if (argc > 2 && strcmp(argv[1], "dirty") == 0)
		return keep_dirty(argv[2]);
	if (argc > 2 && strcmp(argv[1], "append") == 0)
		return keep_appending(argv[2]);
	return 2;
}
