#include "support/storage_loop.h"

#include "support/storage_scratch.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a test that failed has left behind. */
static struct storage_loop attached[8];

static void detach_all(void)
{
	for (size_t i = 0; i < sizeof(attached) / sizeof(attached[0]); i++) {
		if (attached[i].path[0])
			(void)storage_shell_status("for node in %s*; do umount -q $node; done; "
						   "partx -d %s; losetup -d %s",
						   attached[i].path, attached[i].path,
						   attached[i].path);
	}
}

/* The place in `attached` that holds this path. */
static struct storage_loop *place_of(const char *path)
{
	for (size_t i = 0; i < sizeof(attached) / sizeof(attached[0]); i++) {
		if (strcmp(attached[i].path, path) == 0)
			return &attached[i];
	}
	fail_msg("no place for another loop device");
	return NULL;
}

void storage_loop_attach(struct storage_loop *loop, const char *name, unsigned int sector)
{
	static bool registered;
	char *told;

	/* The folder is made before, so that it is cleared after. */
	(void)storage_scratch();
	if (!registered)
		atexit(detach_all);
	registered = true;
	if (geteuid() != 0 || storage_shell_status("losetup -f >/dev/null 2>&1") != 0) {
		print_message("only root makes loop devices: this test is skipped\n");
		skip();
	}
	told = storage_shell_output("losetup -f --show -b %u %s", sector, name);
	snprintf(loop->path, sizeof(loop->path), "%.*s", (int)strcspn(told, "\n"), told);
	free(told);
	*place_of("") = *loop;
}

void storage_loop_detach(const struct storage_loop *loop)
{
	/* The kernel lets go of the device when the last one has closed it, and of its partitions
	 * never.
	 */
	(void)storage_shell_status("partx -d %s 2>/dev/null", loop->path);
	storage_shell("losetup -d %s", loop->path);
	place_of(loop->path)->path[0] = '\0';
}

struct gmi_disk *storage_loop_open(const struct storage_loop *loop, bool writable)
{
	struct gmi_disk_config config = {
		.name = "disk",
		.path = loop->path,
		.writable = writable,
	};
	struct gmi_disk *disk;
	struct gmi_error err;

	assert_gmi_ok(gmi_disk_open(&disk, &config, &err), &err);
	return disk;
}

void storage_gpt(const char *path, const char *partitions)
{
	storage_shell(
		"printf 'label: gpt\\n%s' | sfdisk -q --no-reread --no-tell-kernel %s >/dev/null",
		partitions, path);
}
