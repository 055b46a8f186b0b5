/* The profile: each key, and each refusal with its file and line. */
#include "../unit.h"

#include "device/profile.h"
#include "support/device_profile.h"
#include "support/storage_scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALLEST "[device]\nid = x\n[disk emmc]\npath = /dev/emmc\n"

static void every_key_is_read(void **state)
{
	struct gmi_profile profile;

	(void)state;
	device_load_profile(&profile,
			    "; a comment; of two parts\n[device]\nid = file:/etc/hostname\n"
			    "model = Bacto Box\nsoftware = v2026.02-beta.3\n"
			    "# another comment\n"
			    "[disk emmc]\npath = /dev/mmcblk0\ntype = block\n"
			    "[disk nor-1]\ntype = flash\npath = flash.img\n"
			    "[hooks]\nbusy = ./busy --now\nquiesce = q\nrelease = r\n"
			    "restart = sync; reboot\nhook_timeout = 60\n"
			    "[service]\nlisten = [::1]:80\nclient_wait = 86400\n"
			    "link_rate = 25\n");
	assert_int_equal(profile.link_rate, 25);
	assert_string_equal(profile.path, storage_path("profile.ini"));
	assert_string_equal(profile.folder, storage_scratch());
	assert_string_equal(profile.id, "file:/etc/hostname");
	assert_string_equal(profile.model, "Bacto Box");
	assert_string_equal(profile.software, "v2026.02-beta.3");
	assert_int_equal(profile.disk_count, 2);
	assert_string_equal(profile.disks[0].name, "emmc");
	assert_string_equal(profile.disks[0].path, "/dev/mmcblk0");
	assert_false(profile.disks[0].flash);
	assert_string_equal(profile.disks[1].name, "nor-1");
	assert_string_equal(profile.disks[1].path, storage_path("flash.img"));
	assert_true(profile.disks[1].flash);
	assert_string_equal(profile.hooks.busy, "./busy --now");
	assert_string_equal(profile.hooks.quiesce, "q");
	assert_string_equal(profile.hooks.release, "r");
	assert_string_equal(profile.hooks.restart, "sync; reboot");
	assert_int_equal(profile.hooks.timeout, 60);
	assert_string_equal(profile.listen, "[::1]:80");
	assert_int_equal(profile.client_wait, 86400);
}

static void what_is_not_told_has_its_default(void **state)
{
	struct gmi_profile profile;

	(void)state;
	device_load_profile(&profile, "%s", SMALLEST);
	assert_string_equal(profile.model, "");
	assert_string_equal(profile.hooks.quiesce, "");
	assert_int_equal(profile.hooks.timeout, 30);
	assert_int_equal(profile.client_wait, 300);
	assert_string_equal(profile.listen, "127.0.0.1:8420");
}

static void windows_line_ends_and_a_missing_last_one_are_fine(void **state)
{
	struct gmi_profile profile;

	(void)state;
	device_load_profile(&profile, "[device]\r\nid = x\r\n[disk emmc]\r\npath = /dev/emmc");
	assert_string_equal(profile.id, "x");
	assert_string_equal(profile.disks[0].path, "/dev/emmc");
}

/* Loads the profile that was written; the message must begin with its path and hold `words`. */
static void assert_refusal(const char *words)
{
	struct gmi_profile profile;
	const char *path = storage_path("profile.ini");
	struct gmi_error err;

	if (gmi_profile_load(&profile, path, &err) == 0)
		fail_msg("a profile was accepted that should have been refused: %s", words);
	assert_int_equal(err.code, GMI_E_PROFILE);
	if (strncmp(err.message, path, strlen(path)) != 0 ||
	    strcmp(err.message + strlen(path), words) != 0)
		fail_msg("\"%s\" is not \"PROFILE%s\"", err.message, words);
}

static void refusals_name_file_and_line(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} wrong[] = {
		{ "[hooks]\nquiese = x\n", ":6: [hooks] quiese: is not known" },
		{ "[hoks]\nquiesce = x\n", ":6: [hoks] quiesce: is not known" },
		{ "[device]\nid = y\n", ":6: [device] id: is given twice" },
		{ "[disk emmc]\npath = y\n", ":6: [disk emmc] path: is given twice" },
		{ "type = block\ntype = flash\n", ":6: [disk emmc] type: is given twice" },
		{ "[hooks]\nhook_timeout = 5\nhook_timeout = 6\n",
		  ":7: [hooks] hook_timeout: is given twice" },
		{ "[service]\nclient_wait = 5\nclient_wait = 5\n",
		  ":7: [service] client_wait: is given twice" },
		{ "[hooks]\nbusy =\n", ":6: [hooks] busy: is empty" },
		{ "type = nand\n", ":5: [disk emmc] type: is either block or flash" },
		{ "size = 5\n", ":5: [disk emmc] size: is not a key of a disk (path, type)" },
		{ "[disk Emmc]\npath = y\n", ":5: [disk Emmc]: the name of a disk has 1 to 32 "
					     "of the characters a-z, 0-9 and -" },
		{ "[disk -x]\npath = y\n", ":5: [disk -x]: the name of a disk has 1 to 32 of "
					   "the characters a-z, 0-9 and -" },
		{ "[disk ]\npath = y\n", ":5: [disk ]: the name of a disk has 1 to 32 of the "
					 "characters a-z, 0-9 and -" },
		{ "[hooks]\nhook_timeout = 0\n",
		  ":6: [hooks] hook_timeout: takes seconds, from 1 to 86400" },
		{ "[hooks]\nhook_timeout = -1\n",
		  ":6: [hooks] hook_timeout: takes seconds, from 1 to 86400" },
		{ "[hooks]\nhook_timeout = 5s\n",
		  ":6: [hooks] hook_timeout: takes seconds, from 1 to 86400" },
		{ "[hooks]\nhook_timeout = 99999999999999999999\n",
		  ":6: [hooks] hook_timeout: takes seconds, from 1 to 86400" },
		{ "[service]\nclient_wait = 86401\n",
		  ":6: [service] client_wait: takes seconds, from 1 to 86400" },
		{ "[service]\nlink_rate = 0\n",
		  ":6: [service] link_rate: takes megabytes a second, from 1 to 100000" },
		{ "[hooks]\nbusy = stop a ; stop b\n",
		  ":6: a semicolon behind a blank would cut the line off: put a comment on a line "
		  "of its own, a command of several parts into a script" },
		{ "[hooks]\nbusy = stop a\t;\n",
		  ":6: a semicolon behind a blank would cut the line off: put a comment on a line "
		  "of its own, a command of several parts into a script" },
		{ "[disk sd]\npath = /dev/../dev/null\n[disk se]\npath = /dev/null\n",
		  ": disks sd and se are the same: /dev/null" },
		{ "just words\n", ":5: is neither [section] nor key = value" },
		{ "[disk flash]\ntype = flash\n", ": [disk flash] has no path" },
		{ "[disk flash]\n# path = /dev/mtd0\n", ": [disk flash] has no path" },
		{ "[disk sd]\npath = /dev/emmc\n", ": disks emmc and sd are the same: /dev/emmc" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		device_write_profile("%s%s", SMALLEST, wrong[i].text);
		assert_refusal(wrong[i].words);
	}
}

static void what_must_be_there_is_missed(void **state)
{
	(void)state;
	device_write_profile("[disk emmc]\npath = x\n");
	assert_refusal(": [device] has no id");
	device_write_profile("[device]\nid = x\n");
	assert_refusal(": no [disk NAME]: nothing to back up");
	device_write_profile("%s", "");
	assert_refusal(": [device] has no id");
}

static void a_long_line_is_refused_and_not_cut(void **state)
{
	char command[400];
	struct gmi_profile profile;

	(void)state;
	memset(command, 'x', sizeof(command));
	command[300] = '\0';
	device_write_profile("%s[hooks]\nquiesce = %s\n", SMALLEST, command);
	assert_refusal(
		":6: the line is longer than 198 characters; put a long command into a script");
	/* The longest one that fits, with and without a line's end behind it. */
	command[198 - strlen("quiesce = ")] = '\0';
	device_load_profile(&profile, "%s[hooks]\nquiesce = %s\n", SMALLEST, command);
	assert_string_equal(profile.hooks.quiesce, command);
	device_load_profile(&profile, "%s[hooks]\nquiesce = %s", SMALLEST, command);
	assert_string_equal(profile.hooks.quiesce, command);
}

static void a_line_that_goes_on_in_the_next_is_refused(void **state)
{
	(void)state;
	device_write_profile("%s[hooks]\nquiesce = stop a\n    stop b\n", SMALLEST);
	assert_refusal(":7: [hooks] quiesce: is given twice");
}

static void sixteen_disks_are_the_limit(void **state)
{
	char text[2000] = "[device]\nid = x\n";
	struct gmi_profile profile;

	(void)state;
	for (int i = 0; i < 16; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "[disk d%d]\npath = d%d\n", i, i);
	device_load_profile(&profile, "%s", text);
	assert_int_equal(profile.disk_count, 16);
	device_write_profile("%s[disk one-more]\npath = y\n", text);
	assert_refusal(":35: [disk one-more]: more than 16 disks");
}

static void a_profile_that_is_not_there_is_named(void **state)
{
	struct gmi_profile profile;
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_profile_load(&profile, storage_path("none.ini"), &err), -1);
	assert_int_equal(err.code, GMI_E_PROFILE);
	assert_non_null(strstr(err.message, "none.ini: No such file or directory"));
	assert_int_equal(gmi_profile_load(&profile, storage_scratch(), &err), -1);
	assert_int_equal(err.code, GMI_E_PROFILE);
}

/* Relative paths are relative to where the profile really lies, not to a link to it. */
static void a_link_to_a_profile_is_followed(void **state)
{
	struct gmi_profile profile;
	struct gmi_error err;

	(void)state;
	device_write_profile("[device]\nid = x\n[disk emmc]\npath = disk.img\n");
	storage_shell("mkdir -p links && ln -sf ../profile.ini links/p.ini");
	assert_gmi_ok(gmi_profile_load(&profile, storage_path("links/p.ini"), &err), &err);
	assert_string_equal(profile.disks[0].path, storage_path("disk.img"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(what_is_not_told_has_its_default),
		cmocka_unit_test(windows_line_ends_and_a_missing_last_one_are_fine),
		cmocka_unit_test(refusals_name_file_and_line),
		cmocka_unit_test(what_must_be_there_is_missed),
		cmocka_unit_test(a_long_line_is_refused_and_not_cut),
		cmocka_unit_test(a_line_that_goes_on_in_the_next_is_refused),
		cmocka_unit_test(sixteen_disks_are_the_limit),
		cmocka_unit_test(a_profile_that_is_not_there_is_named),
		cmocka_unit_test(a_link_to_a_profile_is_followed),
	};

	return cmocka_run_group_tests_name("device/profile", tests, NULL, NULL);
}
