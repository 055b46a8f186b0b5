#include "device/mounts.h"

#include "storage/sysfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Devices on devices on devices: deeper than anybody builds, shallow enough to end. */
#define DEPTH_MAX 8
/* sysfs counts partitions in these whatever the disk's sectors are. */
#define SYSFS_SECTOR 512u

struct place {
	struct gmi_disk *const *disks;
	uint32_t disk_count;
	uint32_t disk;
	bool direct;
	uint64_t start;
	int partition;
};

/* ---- one line ---- */

void gmi_mount_unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		unsigned int code;

		if (from[0] == '\\' && sscanf(from + 1, "%3o", &code) == 1 && code < 256) {
			*to = (char)code;
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

static const struct {
	const char *word;
	unsigned long flag;
} mount_flags[] = {
	{ "nosuid", MS_NOSUID },     { "nodev", MS_NODEV },           { "noexec", MS_NOEXEC },
	{ "noatime", MS_NOATIME },   { "nodiratime", MS_NODIRATIME }, { "relatime", MS_RELATIME },
	{ "sync", MS_SYNCHRONOUS },  { "dirsync", MS_DIRSYNC },       { "mand", MS_MANDLOCK },
	{ "lazytime", MS_LAZYTIME },
};

static unsigned long flag_of(const char *word)
{
	for (size_t i = 0; i < sizeof(mount_flags) / sizeof(mount_flags[0]); i++) {
		if (strcmp(mount_flags[i].word, word) == 0)
			return mount_flags[i].flag;
	}
	return 0;
}

/* The mount's own options: nothing but flags, and ro or rw. */
static void read_flags(struct gmi_mount *mount, char *options)
{
	char *rest;

	for (char *word = strtok_r(options, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		mount->flags |= flag_of(word);
		mount->only_to_read |= strcmp(word, "ro") == 0;
	}
}

/* ext4 since Linux 6.15 shows its state among its options, and as an option it knows it not. */
static bool is_state(const char *word)
{
	return strcmp(word, "shutdown") == 0 || strcmp(word, "emergency_ro") == 0;
}

/* The filesystem's options: flags, ro or rw, and what its own driver reads. */
static bool read_options(struct gmi_mount *mount, char *options)
{
	size_t length = 0;
	char *rest;

	for (char *word = strtok_r(options, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
		if (strcmp(word, "ro") == 0)
			mount->read_only = true;
		if (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0 || is_state(word))
			continue;
		if (flag_of(word)) {
			mount->flags |= flag_of(word);
			continue;
		}
		if (length + strlen(word) + 2 > sizeof(mount->options))
			return false;
		length += (size_t)snprintf(mount->options + length, sizeof(mount->options) - length,
					   "%s%s", length ? "," : "", word);
	}
	return true;
}

static bool copy(char *to, size_t size, char *from)
{
	if (!from || strlen(from) >= size)
		return false;
	gmi_mount_unescape(from);
	snprintf(to, size, "%s", from);
	return true;
}

/*
 * proc_pid_mountinfo(5): id, parent, major:minor, root, mount point, options, optional fields, "-",
 * type, source, the filesystem's options.
 */
bool gmi_mount_parse(struct gmi_mount *mount, const char *line)
{
	char text[GMI_MOUNT_LINE];
	char *fields[6];
	char *rest;
	char *word;
	unsigned int major;
	unsigned int minor;
	char *options;

	memset(mount, 0, sizeof(*mount));
	snprintf(mount->line, sizeof(mount->line), "%s", line);
	mount->line[strcspn(mount->line, "\n")] = '\0';
	snprintf(text, sizeof(text), "%s", mount->line);
	word = strtok_r(text, " ", &rest);
	for (size_t i = 0; i < 6; i++, word = strtok_r(NULL, " ", &rest)) {
		if (!word)
			return false;
		fields[i] = word;
	}
	while (word && strcmp(word, "-") != 0)
		word = strtok_r(NULL, " ", &rest);
	if (!word || sscanf(fields[2], "%u:%u", &major, &minor) != 2)
		return false;
	/* First, for what cannot be read any further must not be overlooked. */
	mount->device = makedev(major, minor);
	if (!copy(mount->point, sizeof(mount->point), fields[4]) ||
	    !copy(mount->type, sizeof(mount->type), strtok_r(NULL, " ", &rest)) ||
	    !copy(mount->source, sizeof(mount->source), strtok_r(NULL, " ", &rest)))
		return false;
	mount->whole = strcmp(fields[3], "/") == 0;
	options = strtok_r(NULL, " ", &rest);
	read_flags(mount, fields[5]);
	return options && read_options(mount, options);
}

/* ---- what lies on what ---- */

static bool read_line(const char *folder, const char *name, char *line, size_t size)
{
	char path[PATH_MAX];
	FILE *file;
	bool read;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	read = fgets(line, (int)size, file) != NULL;
	fclose(file);
	if (read)
		line[strcspn(line, "\n")] = '\0';
	return read;
}

static bool read_device(const char *folder, const char *name, dev_t *device)
{
	unsigned int major;
	unsigned int minor;
	char line[32];

	if (!read_line(folder, name, line, sizeof(line)) ||
	    sscanf(line, "%u:%u", &major, &minor) != 2)
		return false;
	*device = makedev(major, minor);
	return true;
}

static bool is_the_file(const struct gmi_disk *disk, const struct stat *file)
{
	struct stat own;

	return disk->fd >= 0 && fstat(disk->fd, &own) == 0 && S_ISREG(own.st_mode) &&
	       own.st_dev == file->st_dev && own.st_ino == file->st_ino;
}

static bool find_disk(struct place *place, dev_t device)
{
	for (uint32_t i = 0; i < place->disk_count; i++) {
		if (place->disks[i]->rdev == device) {
			place->disk = i;
			return true;
		}
	}
	return false;
}

static bool locate(struct place *place, dev_t device, int depth);

/* A loop device lies on its file: on a disk that is this very file, or on the file's filesystem. */
static bool locate_loop(struct place *place, const char *folder, int depth)
{
	char path[PATH_MAX];
	struct stat file;

	if (!read_line(folder, "loop/backing_file", path, sizeof(path)) || stat(path, &file) < 0)
		return false;
	for (uint32_t i = 0; i < place->disk_count; i++) {
		if (is_the_file(place->disks[i], &file)) {
			place->disk = i;
			return true;
		}
	}
	place->direct = false;
	return locate(place, file.st_dev, depth - 1);
}

/* Device-mapper and RAID: on one of our disks if any of their parts is. */
static bool locate_slaves(struct place *place, const char *folder, int depth)
{
	char path[PATH_MAX];
	struct dirent **names;
	bool found = false;
	dev_t device;
	int count;

	if (snprintf(path, sizeof(path), "%s/slaves", folder) >= (int)sizeof(path))
		return false;
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		char name[NAME_MAX + 16];

		snprintf(name, sizeof(name), "slaves/%s/dev", names[i]->d_name);
		if (!found && names[i]->d_name[0] != '.' && read_device(folder, name, &device))
			found = locate(place, device, depth - 1);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	if (found)
		place->direct = false;
	return found;
}

static bool locate(struct place *place, dev_t device, int depth)
{
	char link[64];
	char folder[PATH_MAX];
	char line[32];
	dev_t parent;

	if (depth == 0)
		return false;
	if (find_disk(place, device))
		return true;
	gmi_sysfs_folder(link, device);
	if (!realpath(link, folder))
		return false;
	if (read_line(folder, "partition", line, sizeof(line))) {
		place->partition = atoi(line);
		if (read_line(folder, "start", line, sizeof(line)))
			place->start += strtoull(line, NULL, 10) * SYSFS_SECTOR;
		return read_device(folder, "../dev", &parent) && locate(place, parent, depth - 1);
	}
	return locate_slaves(place, folder, depth) || locate_loop(place, folder, depth);
}

bool gmi_mounts_disk_of(struct gmi_disk *const *disks, uint32_t disk_count, dev_t device,
			uint32_t *disk)
{
	struct place place = { .disks = disks, .disk_count = disk_count };

	if (!locate(&place, device, DEPTH_MAX))
		return false;
	*disk = place.disk;
	return true;
}

/* Some filesystems (btrfs) show a device number of their own; then what was mounted tells. */
static bool locate_mount(struct gmi_mount *mount, struct gmi_disk *const *disks,
			 uint32_t disk_count)
{
	struct place place = { .disks = disks, .disk_count = disk_count, .direct = true };
	struct stat node;
	dev_t device = mount->device;

	if (major(device) == 0) {
		if (mount->source[0] != '/' || stat(mount->source, &node) < 0 ||
		    !S_ISBLK(node.st_mode))
			return false;
		device = node.st_rdev;
	}
	if (!locate(&place, device, DEPTH_MAX))
		return false;
	mount->disk = place.disk;
	mount->direct = place.direct;
	mount->start = place.direct ? place.start : 0;
	mount->partition = place.direct ? place.partition : 0;
	return true;
}

/* ---- a file ---- */

/* "upperdir=/data/up", "lowerdir=/a:/b": whether any of these folders lies on one of the disks. */
static bool any_layer_is_on_disk(char *layers, struct gmi_disk *const *disks, uint32_t disk_count,
				 uint32_t *disk)
{
	struct stat folder;
	char *rest;

	for (char *layer = strtok_r(layers, ":", &rest); layer;
	     layer = strtok_r(NULL, ":", &rest)) {
		gmi_mount_unescape(layer);
		if (stat(layer, &folder) == 0 &&
		    gmi_mounts_disk_of(disks, disk_count, folder.st_dev, disk))
			return true;
	}
	return false;
}

static bool overlay_is_on_disk(struct gmi_mount *overlay, bool written,
			       struct gmi_disk *const *disks, uint32_t disk_count, uint32_t *disk)
{
	char *rest;

	for (char *word = strtok_r(overlay->options, ",", &rest); word;
	     word = strtok_r(NULL, ",", &rest)) {
		char *layers = strstr(word, "dir=");

		if (layers && (!written || strncmp(word, "lowerdir", strlen("lowerdir")) != 0) &&
		    any_layer_is_on_disk(layers + strlen("dir="), disks, disk_count, disk))
			return true;
	}
	return false;
}

/* By which mount a descriptor was opened (proc_pid_fdinfo(5)); -1: the kernel does not tell. */
static int mount_id_of(int fd)
{
	char path[64];
	char line[64];
	int id = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && id < 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, "mnt_id: %d", &id);
	if (file)
		fclose(file);
	return id;
}

bool gmi_mounts_disk_of_file(struct gmi_disk *const *disks, uint32_t disk_count, int fd,
			     uint32_t *disk)
{
	struct gmi_mount mount;
	struct stat status;
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	FILE *table;
	int id;

	if (fstat(fd, &status) < 0)
		return false;
	if (major(status.st_dev) != 0)
		return gmi_mounts_disk_of(disks, disk_count, status.st_dev, disk);
	/* An overlay's or a subvolume's number is no device: what was mounted tells. */
	id = mount_id_of(fd);
	table = fopen("/proc/self/mountinfo", "re");
	while (table && id >= 0 && getline(&line, &size, table) >= 0) {
		if (atoi(line) != id)
			continue;
		id = -1;
		if (!gmi_mount_parse(&mount, line))
			continue;
		found = locate_mount(&mount, disks, disk_count);
		if (found)
			*disk = mount.disk;
		else if (strcmp(mount.type, "overlay") == 0)
			found = overlay_is_on_disk(&mount,
						   (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY,
						   disks, disk_count, disk);
	}
	free(line);
	if (table)
		fclose(table);
	return found;
}

/* ---- all of them ---- */

static int add(struct gmi_mounts *mounts, const struct gmi_mount *mount, struct gmi_error *err)
{
	struct gmi_mount *grown =
		realloc(mounts->list, (mounts->count + 1) * sizeof(*mounts->list));

	if (!grown)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the list of mounts");
	mounts->list = grown;
	mounts->list[mounts->count++] = *mount;
	return 0;
}

int gmi_mounts_find(struct gmi_mounts *mounts, struct gmi_disk *const *disks, uint32_t disk_count,
		    struct gmi_error *err)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct gmi_mount mount;
	char *line = NULL;
	size_t size = 0;
	int result = 0;

	*mounts = (struct gmi_mounts){ NULL, 0 };
	if (!file)
		return gmi_fail_errno(err, "cannot see what is mounted: /proc/self/mountinfo");
	while (result == 0 && getline(&line, &size, file) >= 0) {
		bool sound = gmi_mount_parse(&mount, line);

		if (mount.device == 0 || !locate_mount(&mount, disks, disk_count))
			continue;
		result = sound && strlen(line) < sizeof(mount.line)
				 ? add(mounts, &mount, err)
				 : gmi_fail(err, GMI_E_LAYOUT,
					    "disk %s is mounted in a way that gmi cannot read: "
					    "%.200s",
					    disks[mount.disk]->name, line);
	}
	free(line);
	fclose(file);
	if (result < 0)
		gmi_mounts_release(mounts);
	return result;
}

void gmi_mounts_release(struct gmi_mounts *mounts)
{
	free(mounts->list);
	*mounts = (struct gmi_mounts){ NULL, 0 };
}

bool gmi_mounts_any_of(const struct gmi_mounts *mounts, uint32_t disk)
{
	for (uint32_t i = 0; i < mounts->count; i++) {
		if (mounts->list[i].disk == disk)
			return true;
	}
	return false;
}
