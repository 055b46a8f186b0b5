/*
 * The doctor's checks of what a kernel tells, with a folder in place of /proc, /sys and /etc. What
 * takes a real machine is in tests/system/test_cli_doctor.py and tests/live/test_doctor.py.
 */
#include "../unit.h"

#include "doctor/doctor.h"
#include "doctor/checks.h"
#include "support/device_profile.h"
#include "support/storage_scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

static struct gmi_doctor *doctor;

/* One for each case, with an empty root. */
static int begin(void **state)
{
	struct gmi_error err;

	(void)state;
	storage_shell("rm -rf root && mkdir root");
	assert_gmi_ok(gmi_doctor_new(&doctor, storage_path("root"), &err), &err);
	return 0;
}

static int end(void **state)
{
	(void)state;
	gmi_doctor_free(doctor);
	doctor = NULL;
	return 0;
}

static void tell(const char *path, const char *text)
{
	storage_shell("mkdir -p \"$(dirname 'root%s')\"; printf '%%s\\n' '%s' > 'root%s'", path,
		      text, path);
}

static void assert_finding(enum gmi_severity severity, const char *words)
{
	for (uint32_t i = 0; i < doctor->finding_count; i++) {
		const struct gmi_finding *finding = &doctor->findings[i];

		if (!strstr(finding->what, words))
			continue;
		assert_int_equal(finding->severity, severity);
		/* Whatever is not in order says what to do, and what is has nothing to do. */
		assert_int_equal(finding->next[0] == '\0', severity == GMI_SEVERITY_OK);
		return;
	}
	for (uint32_t i = 0; i < doctor->finding_count; i++)
		print_error("%s\n", doctor->findings[i].what);
	fail_msg("there is no finding \"%s\"", words);
}

static void assert_no_finding(const char *words)
{
	for (uint32_t i = 0; i < doctor->finding_count; i++) {
		if (strstr(doctor->findings[i].what, words))
			fail_msg("\"%s\" was found", doctor->findings[i].what);
	}
}

/* ---- findings ---- */

static void the_worst_finding_counts(void **state)
{
	(void)state;
	assert_int_equal(gmi_doctor_worst(doctor), GMI_SEVERITY_OK);
	gmi_doctor_find(doctor, GMI_SEVERITY_WARNING, "w");
	gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "n");
	assert_int_equal(gmi_doctor_worst(doctor), GMI_SEVERITY_WARNING);
	gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "p");
	gmi_doctor_find(doctor, GMI_SEVERITY_OK, "o");
	assert_int_equal(gmi_doctor_worst(doctor), GMI_SEVERITY_PROBLEM);
}

static void more_findings_than_there_is_room_for_still_count(void **state)
{
	(void)state;
	for (int i = 0; i < GMI_FINDINGS_MAX + 10; i++) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "finding %d", i);
		gmi_doctor_advise(doctor, "advice %d", i);
	}
	assert_int_equal(doctor->finding_count, GMI_FINDINGS_MAX);
	assert_int_equal(doctor->counts[GMI_SEVERITY_PROBLEM], GMI_FINDINGS_MAX + 10);
	assert_string_equal(doctor->findings[0].next, "advice 0");
	assert_string_equal(doctor->findings[GMI_FINDINGS_MAX - 1].next, "advice 265");
}

static void what_comes_from_elsewhere_is_fit_for_a_terminal(void **state)
{
	(void)state;
	gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "%s", "a\033[31m\nb");
	assert_string_equal(doctor->findings[0].what, "a [31m b");
}

/* ---- disks ---- */

static void tell_of_a_good_disk(void)
{
	tell("/sys/dev/block/7:0/stat", "1 2 3 4 5 6 7 8 9 10 11");
	tell("/sys/dev/block/7:0/ro", "0");
	tell("/sys/dev/block/7:0/queue/iostats", "1");
	tell("/sys/dev/block/7:0/queue/discard_max_bytes", "4096");
}

static void check_queue(dev_t device, bool direct)
{
	const struct gmi_disk disk = {
		.name = "emmc", .rdev = device, .direct = direct, .write_unit = 4096
	};

	gmi_doctor_check_queue(doctor, &disk);
}

static void a_good_disk_is_one_finding(void **state)
{
	(void)state;
	tell_of_a_good_disk();
	check_queue(makedev(7, 0), true);
	assert_int_equal(doctor->finding_count, 1);
	assert_finding(GMI_SEVERITY_OK, "disk emmc: direct reading (O_DIRECT), discard, write "
					"counters; written in multiples of 4096 bytes");
}

static void what_a_disk_cannot_do_is_told(void **state)
{
	(void)state;
	tell_of_a_good_disk();
	tell("/sys/dev/block/7:0/queue/iostats", "0");
	tell("/sys/dev/block/7:0/queue/discard_max_bytes", "0");
	tell("/sys/dev/block/7:0/ro", "1");
	check_queue(makedev(7, 0), false);
	assert_no_finding("written in multiples");
	assert_finding(GMI_SEVERITY_NOTE, "disk emmc cannot be read past the page cache");
	assert_finding(GMI_SEVERITY_WARNING, "the kernel does not count the writes to disk emmc");
	assert_finding(GMI_SEVERITY_NOTE, "disk emmc takes no discard");
	assert_finding(GMI_SEVERITY_PROBLEM, "disk emmc is write-protected");
}

static void a_partition_has_the_queue_of_its_disk(void **state)
{
	(void)state;
	tell("/sys/block/loop0/queue/iostats", "1");
	tell("/sys/block/loop0/queue/discard_max_bytes", "512");
	tell("/sys/block/loop0/loop0p1/partition", "1");
	tell("/sys/block/loop0/loop0p1/stat", "1 2 3 4 5 6 7 8 9 10 11");
	storage_shell("mkdir -p root/sys/dev/block; "
		      "ln -s ../../block/loop0/loop0p1 root/sys/dev/block/259:0");
	check_queue(makedev(259, 0), true);
	assert_finding(GMI_SEVERITY_OK, "discard, write counters");
}

static void tell_of_a_block_device(const char *name, const char *sectors, const char *removable)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/block/%s/dev", name);
	tell(path, "300:0");
	snprintf(path, sizeof(path), "/sys/block/%s/size", name);
	tell(path, sectors);
	snprintf(path, sizeof(path), "/sys/block/%s/removable", name);
	tell(path, removable);
}

static void disks_that_the_profile_forgets_are_named(void **state)
{
	(void)state;
	device_load_profile(&doctor->profile, "[device]\nid = x\n[disk emmc]\npath = /dev/gone\n");
	tell_of_a_block_device("mmcblk1", "2000000", "0");
	tell_of_a_block_device("mmcblk0boot0", "8192", "0");
	tell_of_a_block_device("loop3", "2000000", "0");
	tell_of_a_block_device("zram0", "2000000", "0");
	tell_of_a_block_device("dm-0", "2000000", "0");
	tell_of_a_block_device("sdb", "2000000", "1");
	tell_of_a_block_device("sdc", "0", "0");
	gmi_doctor_check_other_disks(doctor);
	assert_int_equal(doctor->finding_count, 2);
	assert_finding(GMI_SEVERITY_WARNING, "disk mmcblk1 (1.02 GB) of this machine is not in the "
					     "profile: what is on it is neither backed up");
	assert_finding(GMI_SEVERITY_NOTE, "boot area mmcblk0boot0");
}

static void a_trial_with_images_leaves_the_computers_disks_alone(void **state)
{
	(void)state;
	storage_make_file("emmc.img", 4096);
	device_load_profile(&doctor->profile, "[device]\nid = x\n[disk emmc]\npath = emmc.img\n");
	tell_of_a_block_device("sda", "2000000", "0");
	gmi_doctor_check_other_disks(doctor);
	assert_int_equal(doctor->finding_count, 1);
	assert_finding(GMI_SEVERITY_NOTE, "a trial, not a device");
}

/* ---- hooks ---- */

static void a_hooks_program_is_the_word_that_the_shell_would_run(void **state)
{
	static const struct {
		const char *command;
		const char *program; /* NULL: the shell itself */
	} cases[] = {
		{ "/sbin/reboot", "/sbin/reboot" },
		{ "  ./busy --now", "./busy" },
		{ "reboot;sync", "reboot" },
		{ "exec /x/y z", "/x/y" },
		{ "LANG=C A=1 prog", "prog" },
		{ "'/with blank/p' x", "/with blank/p" },
		{ "\"/a b\"", "/a b" },
		{ "stop>/dev/null", "stop" },
		{ "stop&&go", "stop" },
		{ "echo Measure; exit 1", NULL },
		{ "[ ! -e /run/x ]", NULL },
		{ "if true; then x; fi", NULL },
		{ "$HOME/busy", NULL },
		{ "(cd / && ls)", NULL },
		{ "{ x; }", NULL },
		{ "`x`", NULL },
		{ "! x", NULL },
		{ "A=1", NULL },
		{ "", NULL },
		{ ";", NULL },
		{ "'unclosed", NULL },
	};
	char word[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = gmi_doctor_program_of(cases[i].command, word);

		if (found != (cases[i].program != NULL) ||
		    (found && strcmp(word, cases[i].program) != 0))
			fail_msg("\"%s\" is taken for \"%s\"", cases[i].command,
				 found ? word : "the shell");
	}
}

/* ---- memory, clock, network ---- */

static void too_little_memory_is_a_problem(void **state)
{
	(void)state;
	tell("/proc/meminfo", "MemTotal: 1000000 kB\nMemFree: 10 kB\nMemAvailable:   65535 kB");
	gmi_doctor_check_machine(doctor);
	assert_finding(GMI_SEVERITY_PROBLEM, "only 67.1 MB of memory are available");
	tell("/proc/meminfo", "MemAvailable:   65536 kB");
	gmi_doctor_check_machine(doctor);
	assert_finding(GMI_SEVERITY_OK, "67.1 MB of memory are available; gmi needs");
	storage_shell("rm root/proc/meminfo");
	gmi_doctor_check_machine(doctor);
	assert_finding(GMI_SEVERITY_NOTE, "how much memory is free is not known");
}

static void a_clock_that_was_never_set_is_told(void **state)
{
	(void)state;
	unsetenv("TZ");
	gmi_doctor_check_clock(doctor, 3600);
	assert_finding(GMI_SEVERITY_WARNING, "the clock says 1970-01-01T01:00:00Z");
	assert_finding(GMI_SEVERITY_NOTE, "no timezone is set");
}

static void a_clock_and_a_timezone_that_are_set_are_fine(void **state)
{
	(void)state;
	unsetenv("TZ");
	tell("/etc/localtime", "TZif");
	gmi_doctor_check_clock(doctor, 1767966224);
	assert_int_equal(doctor->finding_count, 1);
	assert_finding(GMI_SEVERITY_OK, "the clock says 2026-01-09T13:43:44Z");
}

static void who_can_reach_gmid_is_told(void **state)
{
	static const struct {
		const char *listen;
		enum gmi_severity severity;
		const char *words;
	} cases[] = {
		{ "127.0.0.1:8420", GMI_SEVERITY_OK, "only this machine" },
		{ "127.9.9.9:1", GMI_SEVERITY_OK, "only this machine" },
		{ "[::1]:80", GMI_SEVERITY_OK, "only this machine" },
		{ "0.0.0.0:8420", GMI_SEVERITY_WARNING, "every network of the device" },
		{ "[::]:8420", GMI_SEVERITY_WARNING, "every network of the device" },
		{ "192.0.2.77:80", GMI_SEVERITY_NOTE, "no network interface has this address" },
		{ "[2001:db8::77]:80", GMI_SEVERITY_NOTE, "no network interface has this address" },
		{ "device.example:80", GMI_SEVERITY_NOTE, "who can reach that is not known" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		doctor->finding_count = 0;
		snprintf(doctor->profile.listen, sizeof(doctor->profile.listen), "%s",
			 cases[i].listen);
		gmi_doctor_check_network(doctor);
		assert_int_equal(doctor->finding_count, 1);
		assert_finding(cases[i].severity, cases[i].words);
		assert_finding(cases[i].severity, cases[i].listen);
	}
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(the_worst_finding_counts),
		CASE(more_findings_than_there_is_room_for_still_count),
		CASE(what_comes_from_elsewhere_is_fit_for_a_terminal),
		CASE(a_good_disk_is_one_finding),
		CASE(what_a_disk_cannot_do_is_told),
		CASE(a_partition_has_the_queue_of_its_disk),
		CASE(disks_that_the_profile_forgets_are_named),
		CASE(a_trial_with_images_leaves_the_computers_disks_alone),
		CASE(a_hooks_program_is_the_word_that_the_shell_would_run),
		CASE(too_little_memory_is_a_problem),
		CASE(a_clock_that_was_never_set_is_told),
		CASE(a_clock_and_a_timezone_that_are_set_are_fine),
		CASE(who_can_reach_gmid_is_told),
	};

	return cmocka_run_group_tests_name("doctor/doctor", tests, NULL, NULL);
}
