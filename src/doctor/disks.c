/* Each disk of the profile: is it there, whole, readable, and does the kernel help? And what other
 * disks does the machine have? */
#include "doctor/checks.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SAMPLE 4096u
/* sysfs counts in these whatever the disk's sectors are. */
#define SYSFS_SECTOR 512u
/* Documentation/admin-guide/devices.txt: /dev/mtdN is character device 90, minor 2N. */
#define MTD_MAJOR 90u

/* ---- sysfs ---- */

/* A figure of a disk, or of the disk of which it is a partition; false: there is none. */
static bool queue_figure(const struct gmi_doctor *doctor, dev_t device, const char *name,
			 uint64_t *figure)
{
	char line[64];

	if (!gmi_doctor_read_line(doctor, line, sizeof(line), "/sys/dev/block/%u:%u/queue/%s",
				  major(device), minor(device), name) &&
	    !gmi_doctor_read_line(doctor, line, sizeof(line), "/sys/dev/block/%u:%u/../queue/%s",
				  major(device), minor(device), name))
		return false;
	*figure = strtoull(line, NULL, 10);
	return true;
}

static bool is_partition(const struct gmi_doctor *doctor, dev_t device)
{
	char line[64];

	return gmi_doctor_read_line(doctor, line, sizeof(line), "/sys/dev/block/%u:%u/partition",
				    major(device), minor(device));
}

static bool parent_of(const struct gmi_doctor *doctor, dev_t device, dev_t *parent)
{
	unsigned int numbers[2];
	char line[64];

	if (!is_partition(doctor, device) ||
	    !gmi_doctor_read_line(doctor, line, sizeof(line), "/sys/dev/block/%u:%u/../dev",
				  major(device), minor(device)) ||
	    sscanf(line, "%u:%u", &numbers[0], &numbers[1]) != 2)
		return false;
	*parent = makedev(numbers[0], numbers[1]);
	return true;
}

static bool counts_writes(const struct gmi_doctor *doctor, dev_t device)
{
	uint64_t counting;
	char line[256];

	return gmi_doctor_read_line(doctor, line, sizeof(line), "/sys/dev/block/%u:%u/stat",
				    major(device), minor(device)) &&
	       queue_figure(doctor, device, "iostats", &counting) && counting != 0;
}

void gmi_doctor_check_queue(struct gmi_doctor *doctor, const struct gmi_disk *disk)
{
	const char *name = disk->name;
	dev_t device = disk->rdev;
	bool counting = counts_writes(doctor, device);
	uint64_t discard = 0;
	char line[32];

	(void)queue_figure(doctor, device, "discard_max_bytes", &discard);
	if (disk->direct || counting || discard)
		gmi_doctor_find(
			doctor, GMI_SEVERITY_OK, "disk %s:%s%s%s; written in multiples of %u bytes",
			name, disk->direct ? " direct reading (O_DIRECT)," : "",
			discard ? " discard," : "",
			counting ? " write counters" : " no write counters", disk->write_unit);
	if (!disk->direct) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
				"disk %s cannot be read past the page cache (O_DIRECT)", name);
		gmi_doctor_advise(doctor, "Nothing to do: gmi drops the cache when the disk stands "
					  "still. Only memory is used for it.");
	}
	if (!counting) {
		gmi_doctor_find(doctor, GMI_SEVERITY_WARNING,
				"the kernel does not count the writes to disk %s", name);
		gmi_doctor_advise(
			doctor,
			"When the system starts: echo 1 > /sys/dev/block/%u:%u/queue/iostats. "
			"By this count gmi proves that the disk stood still.",
			major(device), minor(device));
	}
	if (!discard) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "disk %s takes no discard", name);
		gmi_doctor_advise(doctor,
				  "Nothing to do: what a restore frees keeps its old bytes.");
	}
	if (gmi_doctor_read_line(doctor, line, sizeof(line), "/sys/dev/block/%u:%u/ro",
				 major(device), minor(device)) &&
	    strcmp(line, "1") == 0) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM,
				"disk %s is write-protected: a restore would fail", name);
		gmi_doctor_advise(doctor, "Release its switch, or let the system release it "
					  "(blockdev --setrw, force_ro).");
	}
}

/* ---- one disk ---- */

/* At its start, in its middle and at its end. */
static void check_sample(struct gmi_doctor *doctor, struct gmi_disk *disk)
{
	uint64_t length = disk->length < SAMPLE ? disk->length : SAMPLE;
	uint64_t offsets[] = { 0, disk->length / 2 / SAMPLE * SAMPLE, disk->length - length };
	uint8_t sample[SAMPLE];
	struct gmi_error err;

	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		uint64_t rest = disk->length - offsets[i];

		if (gmi_disk_read(disk, offsets[i], sample, rest < length ? rest : length, &err) ==
		    0)
			continue;
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "%s", err.message);
		gmi_doctor_advise(doctor, "The disk may be failing: save what you can, then "
					  "replace it.");
		return;
	}
}

static const char *kind_of(const struct gmi_disk *disk, const struct stat *node)
{
	if (disk->flash)
		return S_ISREG(node->st_mode) ? "image file of raw flash" : "raw flash";
	return S_ISREG(node->st_mode) ? "image file" : "block device";
}

static void describe(struct gmi_doctor *doctor, const struct gmi_disk *disk,
		     const struct stat *node)
{
	char sectors[48] = "";

	if (!disk->flash)
		snprintf(sectors, sizeof(sectors), ", sectors of %u bytes", disk->sector_length);
	gmi_doctor_find(doctor, GMI_SEVERITY_OK, "disk %s (%s): %s, %s%s", disk->name, disk->path,
			kind_of(disk, node), gmi_text_bytes(disk->length).text, sectors);
}

static void tell_unopened(struct gmi_doctor *doctor, const struct gmi_error *err)
{
	if (gmi_doctor_is_forbidden(err->sys)) {
		gmi_doctor_unseen(doctor, "%s", err->message);
		return;
	}
	if (err->code == GMI_E_JOB_RUNS) {
		gmi_doctor_find(doctor, GMI_SEVERITY_WARNING, "%s: it was not looked at",
				err->message);
		gmi_doctor_advise(doctor,
				  "If a backup or restore runs, ask again when it is over.");
		return;
	}
	gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "%s", err->message);
	gmi_doctor_advise(doctor,
			  err->code == GMI_E_LAYOUT
				  ? "Connect it, or correct its path in the profile."
				  : "Find out why the system refuses it: gmid would fail too.");
}

static void check_whole(struct gmi_doctor *doctor, const struct gmi_disk *disk, dev_t device)
{
	if (!is_partition(doctor, device))
		return;
	gmi_doctor_find(
		doctor, GMI_SEVERITY_WARNING,
		"disk %s (%s) is a partition, not a whole disk: partition table, boot code and "
		"the other partitions are neither backed up nor restored",
		disk->name, disk->path);
	gmi_doctor_advise(doctor, "Name the whole disk, unless this is meant.");
}

static bool is_same(const struct gmi_doctor *doctor, const struct stat *a, const struct stat *b)
{
	dev_t parent;

	if (S_ISREG(a->st_mode) || S_ISREG(b->st_mode))
		return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
	if ((a->st_mode & S_IFMT) != (b->st_mode & S_IFMT))
		return false;
	return a->st_rdev == b->st_rdev ||
	       (parent_of(doctor, a->st_rdev, &parent) && parent == b->st_rdev) ||
	       (parent_of(doctor, b->st_rdev, &parent) && parent == a->st_rdev);
}

/* The same bytes under two names would be restored twice, and the second time wrongly. */
static void check_twice(struct gmi_doctor *doctor, uint32_t number)
{
	const struct gmi_profile_disk *disks = doctor->profile.disks;
	struct stat own;
	struct stat other;

	for (uint32_t i = 0; i < number; i++) {
		if (stat(disks[number].path, &own) < 0 || stat(disks[i].path, &other) < 0 ||
		    !is_same(doctor, &own, &other))
			continue;
		gmi_doctor_find(
			doctor, GMI_SEVERITY_PROBLEM,
			"disks %s (%s) and %s (%s) are the same, or one is a part of the other",
			disks[i].name, disks[i].path, disks[number].name, disks[number].path);
		gmi_doctor_advise(doctor, "Name each disk once, and whole.");
	}
}

static void check_disk(struct gmi_doctor *doctor, uint32_t number)
{
	const struct gmi_profile_disk *told = &doctor->profile.disks[number];
	const struct gmi_disk_config config = {
		.name = told->name,
		.path = told->path,
		.flash = told->flash,
	};
	struct gmi_disk **disk = &doctor->device.disks[doctor->device.disk_count];
	struct gmi_error err;
	struct stat node;

	check_twice(doctor, number);
	if (gmi_disk_open(disk, &config, &err) < 0) {
		tell_unopened(doctor, &err);
		return;
	}
	doctor->device.disk_count++;
	if (stat(told->path, &node) < 0)
		memset(&node, 0, sizeof(node));
	describe(doctor, *disk, &node);
	check_sample(doctor, *disk);
	if (!S_ISBLK(node.st_mode))
		return;
	check_whole(doctor, *disk, node.st_rdev);
	gmi_doctor_check_queue(doctor, *disk);
}

void gmi_doctor_check_disks(struct gmi_doctor *doctor)
{
	for (uint32_t i = 0; i < doctor->profile.disk_count; i++)
		check_disk(doctor, i);
}

/* ---- the machine's other disks ---- */

/* Made of other things, or not of the machine. */
static bool is_no_disk(const char *name)
{
	static const char *const others[] = { ".",  "loop", "ram", "zram", "dm-",
					      "md", "nbd",  "sr",  "fd" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strncmp(name, others[i], strlen(others[i])) == 0)
			return true;
	}
	return false;
}

/* Whether the profile names it, a partition of it, or flash by its other name. */
static bool is_told(const struct gmi_doctor *doctor, const char *name, dev_t device)
{
	unsigned int number;
	struct stat node;
	dev_t parent;

	for (uint32_t i = 0; i < doctor->profile.disk_count; i++) {
		if (stat(doctor->profile.disks[i].path, &node) < 0)
			continue;
		if (S_ISBLK(node.st_mode) &&
		    (node.st_rdev == device ||
		     (parent_of(doctor, node.st_rdev, &parent) && parent == device)))
			return true;
		if (S_ISCHR(node.st_mode) && major(node.st_rdev) == MTD_MAJOR &&
		    sscanf(name, "mtdblock%u", &number) == 1 && minor(node.st_rdev) / 2 == number)
			return true;
	}
	return false;
}

static void check_other_disk(struct gmi_doctor *doctor, const char *name)
{
	unsigned int numbers[2];
	char removable[16] = "";
	char sectors[32] = "";
	uint64_t length;
	char line[32];

	if (is_no_disk(name) ||
	    !gmi_doctor_read_line(doctor, line, sizeof(line), "/sys/block/%s/dev", name) ||
	    sscanf(line, "%u:%u", &numbers[0], &numbers[1]) != 2)
		return;
	(void)gmi_doctor_read_line(doctor, sectors, sizeof(sectors), "/sys/block/%s/size", name);
	(void)gmi_doctor_read_line(doctor, removable, sizeof(removable), "/sys/block/%s/removable",
				   name);
	length = strtoull(sectors, NULL, 10) * SYSFS_SECTOR;
	if (length == 0 || strcmp(removable, "1") == 0 ||
	    is_told(doctor, name, makedev(numbers[0], numbers[1])))
		return;
	if (strncmp(name, "mmcblk", 6) == 0 && strstr(name, "boot")) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
				"the card's boot area %s (%s) is not in the profile", name,
				gmi_text_bytes(length).text);
		gmi_doctor_advise(doctor, "If the device starts from it, add a [disk] for it.");
		return;
	}
	gmi_doctor_find(
		doctor, GMI_SEVERITY_WARNING,
		"disk %s (%s) of this machine is not in the profile: what is on it is neither "
		"backed up nor restored",
		name, gmi_text_bytes(length).text);
	gmi_doctor_advise(doctor,
			  "Add a [disk] for it, if it holds anything of the device's state.");
}

/* A profile of image files is a trial on somebody's computer, whose disks are nobody's business. */
static bool is_trial(const struct gmi_doctor *doctor)
{
	bool image = false;
	struct stat node;

	for (uint32_t i = 0; i < doctor->profile.disk_count; i++) {
		if (stat(doctor->profile.disks[i].path, &node) < 0)
			continue;
		if (!S_ISREG(node.st_mode))
			return false;
		image = true;
	}
	return image;
}

void gmi_doctor_check_other_disks(struct gmi_doctor *doctor)
{
	char path[PATH_MAX];
	struct dirent **names;
	int count;

	if (is_trial(doctor)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
				"all disks are image files: a trial, not a device");
		gmi_doctor_advise(doctor,
				  "Nothing to do: the disks of this machine itself were not "
				  "looked at.");
		return;
	}
	snprintf(path, sizeof(path), "%s/sys/block", doctor->root);
	count = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		check_other_disk(doctor, names[i]->d_name);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}
