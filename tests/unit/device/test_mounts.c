/* What the kernel's list of mounts says, line by line. What lies on real disks is tests/live's. */
#include "../unit.h"

#include "device/mounts.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sysmacros.h>

static void a_line_of_mountinfo_is_read(void **state)
{
	struct gmi_mount mount;

	(void)state;
	assert_true(gmi_mount_parse(&mount, "36 35 179:4 / /data rw,nosuid,noatime master:1 - ext4 "
					    "/dev/mmcblk0p4 rw,errors=remount-ro,stripe=8\n"));
	assert_string_equal(mount.point, "/data");
	assert_string_equal(mount.type, "ext4");
	assert_string_equal(mount.source, "/dev/mmcblk0p4");
	assert_string_equal(mount.options, "errors=remount-ro,stripe=8");
	assert_true(mount.device == makedev(179, 4));
	assert_int_equal(mount.flags, MS_NOSUID | MS_NOATIME);
	assert_true(mount.whole);
	assert_false(mount.read_only);
}

static void a_read_only_mount_of_a_writable_filesystem_is_not_at_rest(void **state)
{
	struct gmi_mount mount;

	(void)state;
	assert_true(gmi_mount_parse(&mount, "1 2 8:1 / /a ro,relatime - ext4 /dev/sda1 rw"));
	assert_false(mount.read_only);
	assert_true(mount.only_to_read);
	assert_true(gmi_mount_parse(&mount, "1 2 8:1 / /a ro,relatime - ext4 /dev/sda1 ro,sync"));
	assert_true(mount.read_only);
	assert_int_equal(mount.flags, MS_RELATIME | MS_SYNCHRONOUS);
}

static void a_state_is_no_option(void **state)
{
	struct gmi_mount mount;

	(void)state;
	assert_true(gmi_mount_parse(&mount, "1 2 8:1 / /a rw - ext4 /dev/sda1 "
					    "rw,emergency_ro,shutdown,stripe=8"));
	assert_string_equal(mount.options, "stripe=8");
}

static void names_with_blanks_come_back_as_they_are(void **state)
{
	struct gmi_mount mount;

	(void)state;
	assert_true(
		gmi_mount_parse(&mount, "1 2 8:1 /part /my\\040data\\134x rw - vfat /dev/a rw"));
	assert_string_equal(mount.point, "/my data\\x");
	assert_false(mount.whole);
}

static void lines_that_make_no_sense_are_told(void **state)
{
	static const char *const wrong[] = {
		"",
		"1 2 8:1 / /a rw",
		"1 2 8:1 / /a rw -",
		"1 2 8:1 / /a rw - ext4 /dev/a",
		"1 2 eight / /a rw - ext4 /dev/a rw",
	};
	struct gmi_mount mount;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(gmi_mount_parse(&mount, wrong[i]));
}

static void of_a_name_that_is_too_long_the_device_is_known(void **state)
{
	struct gmi_mount mount;
	char line[600];

	(void)state;
	snprintf(line, sizeof(line), "1 2 8:1 / /%0300d rw - ext4 /dev/sda1 rw", 0);
	assert_false(gmi_mount_parse(&mount, line));
	assert_true(mount.device == makedev(8, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_of_mountinfo_is_read),
		cmocka_unit_test(a_read_only_mount_of_a_writable_filesystem_is_not_at_rest),
		cmocka_unit_test(a_state_is_no_option),
		cmocka_unit_test(names_with_blanks_come_back_as_they_are),
		cmocka_unit_test(lines_that_make_no_sense_are_told),
		cmocka_unit_test(of_a_name_that_is_too_long_the_device_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
