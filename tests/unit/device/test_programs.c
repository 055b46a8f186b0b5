/* Programs and jobs keep each other out: the busy hook, and a lock file with real second processes.
 */
#include "../unit.h"

#include "device/device.h"
#include "device/programs.h"
#include "support/device_profile.h"
#include "support/storage_scratch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void device_with_lock(struct gmi_profile *profile)
{
	storage_make_file("emmc.img", 4096);
	storage_shell("rm -f lock");
	device_load_profile(profile,
			    "[device]\nid = bb1\nlock = lock\n[disk emmc]\npath = emmc.img\n");
}

/* ---- a program: a process of its own that holds the lock until it is ended ---- */

struct program {
	pid_t pid;
};

static struct program start_program(const char *name, int operation)
{
	struct program program;
	int ends[2];
	char ready;

	assert_int_equal(pipe(ends), 0);
	program.pid = fork();
	assert_true(program.pid >= 0);
	if (program.pid == 0) {
		int fd = open(storage_path("lock"), O_RDONLY | O_CREAT, 0644);

		prctl(PR_SET_NAME, name);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd < 0 || flock(fd, operation) < 0 || write(ends[1], "!", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], &ready, 1), 1);
	close(ends[0]);
	return program;
}

static void end_program(struct program *program)
{
	kill(program->pid, SIGKILL);
	waitpid(program->pid, NULL, 0);
}

/* Whether a program could start now. */
static bool may_start(void)
{
	return storage_shell_status("flock -s -n lock true") == 0;
}

/* ---- the busy hook ---- */

static int ask_hook(const char *busy, char program[GMI_PROGRAM_LENGTH], struct gmi_error *err)
{
	struct gmi_profile profile;

	device_load_profile(&profile, "[device]\nid = bb1\n[disk emmc]\npath = emmc.img\n");
	snprintf(profile.hooks.busy, sizeof(profile.hooks.busy), "%s", busy);
	return gmi_programs_check(&profile, program, err);
}

static void the_busy_hook_says_idle_busy_or_nothing(void **state)
{
	char program[GMI_PROGRAM_LENGTH];
	struct gmi_error err;

	(void)state;
	assert_gmi_ok(ask_hook("", program, &err), &err);
	assert_gmi_ok(ask_hook("echo ignored", program, &err), &err);
	assert_string_equal(program, "");
	assert_int_equal(ask_hook("echo Measure; exit 1", program, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	assert_string_equal(program, "Measure");
	assert_string_equal(err.message, "the device is running Measure");
	assert_int_equal(ask_hook("exit 1", program, &err), -1);
	assert_string_equal(program, "a program");
	/* Whatever else: it is not known, so nothing starts. */
	assert_int_equal(ask_hook("echo broken; exit 2", program, &err), -1);
	assert_int_equal(err.code, GMI_E_HOOK);
	assert_non_null(strstr(err.message, "status 2, so it is not known whether a program runs: "
					    "broken"));
	assert_string_equal(program, "");
}

/* ---- looking ---- */

static void who_holds_the_lock_file_is_the_program_that_runs(void **state)
{
	char program[GMI_PROGRAM_LENGTH];
	struct gmi_profile profile;
	struct gmi_error err;
	struct program measure;

	(void)state;
	device_with_lock(&profile);
	assert_gmi_ok(gmi_programs_check(&profile, program, &err), &err);
	assert_string_equal(program, "");
	measure = start_program("measure", LOCK_SH);
	assert_int_equal(gmi_programs_check(&profile, program, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	assert_string_equal(program, "measure");
	assert_string_equal(err.message, "the device is running measure");
	end_program(&measure);
	assert_gmi_ok(gmi_programs_check(&profile, program, &err), &err);
	assert_string_equal(program, "");
}

static void looking_does_not_take_the_lock(void **state)
{
	char program[GMI_PROGRAM_LENGTH];
	struct gmi_profile profile;
	struct gmi_error err;

	(void)state;
	device_with_lock(&profile);
	assert_gmi_ok(gmi_programs_check(&profile, program, &err), &err);
	storage_shell("test ! -e lock");
	storage_shell("flock -x -n lock true");
	assert_gmi_ok(gmi_programs_check(&profile, program, &err), &err);
	assert_true(may_start());
}

static void a_program_under_the_tool_flock_has_its_own_name(void **state)
{
	char program[GMI_PROGRAM_LENGTH];
	struct gmi_profile profile;
	struct gmi_error err;

	(void)state;
	device_with_lock(&profile);
	storage_shell("flock -s lock sleep 1000 > sleep.log 2>&1 & pid=$!; "
		      "children=/proc/$pid/task/$pid/children; "
		      "until child=$(cat $children) && grep -q sleep /proc/$(echo $child)/comm; do "
		      "sleep 0.01; done 2> sleep.log; echo $child > pid");
	assert_int_equal(gmi_programs_check(&profile, program, &err), -1);
	assert_string_equal(program, "sleep");
	storage_shell("kill $(cat pid)");
}

/* `flock 9` in a script: who took the lock has gone, and the script has it. */
static void a_lock_whose_taker_has_gone_is_of_a_program_without_a_name(void **state)
{
	char program[GMI_PROGRAM_LENGTH];
	struct gmi_profile profile;
	struct gmi_error err;

	(void)state;
	device_with_lock(&profile);
	storage_shell("exec 9> lock; flock -s 9; sleep 1000 > sleep.log 2>&1 & echo $! > pid");
	assert_int_equal(gmi_programs_check(&profile, program, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	assert_string_equal(program, "a program");
	storage_shell("kill $(cat pid)");
}

static void another_gmi_is_no_program(void **state)
{
	char program[GMI_PROGRAM_LENGTH];
	struct gmi_programs_lock lock = { 0 };
	struct gmi_profile profile;
	struct gmi_error err;
	struct program other;

	(void)state;
	device_with_lock(&profile);
	other = start_program("gmi", LOCK_EX);
	assert_gmi_ok(gmi_programs_check(&profile, program, &err), &err);
	assert_int_equal(gmi_programs_keep_out(&lock, &profile, &err), -1);
	assert_int_equal(err.code, GMI_E_JOB_RUNS);
	assert_false(lock.held);
	end_program(&other);
}

/* ---- keeping out ---- */

static void neither_starts_while_the_other_runs(void **state)
{
	struct gmi_programs_lock lock = { 0 };
	struct gmi_profile profile;
	struct program measure;
	struct gmi_error err;

	(void)state;
	device_with_lock(&profile);
	measure = start_program("measure", LOCK_SH);
	assert_int_equal(gmi_programs_keep_out(&lock, &profile, &err), -1);
	assert_int_equal(err.code, GMI_E_PROGRAM_RUNS);
	assert_string_equal(err.message, "the device is running measure");
	assert_false(lock.held);
	end_program(&measure);

	assert_gmi_ok(gmi_programs_keep_out(&lock, &profile, &err), &err);
	assert_false(may_start());
	gmi_programs_let_in(&lock);
	assert_true(may_start());
	gmi_programs_let_in(&lock);
}

static void what_this_process_holds_already_is_enough(void **state)
{
	struct gmi_programs_lock first = { 0 };
	struct gmi_programs_lock second = { 0 };
	struct gmi_profile profile;
	struct gmi_error err;

	(void)state;
	device_with_lock(&profile);
	assert_gmi_ok(gmi_programs_keep_out(&first, &profile, &err), &err);
	assert_gmi_ok(gmi_programs_keep_out(&second, &profile, &err), &err);
	gmi_programs_let_in(&second);
	assert_false(may_start());
	gmi_programs_let_in(&first);
	assert_true(may_start());
}

static void a_process_that_was_forked_meanwhile_does_not_keep_the_lock(void **state)
{
	struct gmi_programs_lock lock = { 0 };
	struct gmi_profile profile;
	struct gmi_error err;
	pid_t child;

	(void)state;
	device_with_lock(&profile);
	assert_gmi_ok(gmi_programs_keep_out(&lock, &profile, &err), &err);
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	gmi_programs_let_in(&lock);
	assert_true(may_start());
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void a_missing_lock_file_is_made_readable_for_everybody(void **state)
{
	struct gmi_programs_lock lock = { 0 };
	struct gmi_profile profile;
	mode_t before = umask(0077);
	struct gmi_error err;
	struct stat status;

	(void)state;
	device_with_lock(&profile);
	assert_gmi_ok(gmi_programs_keep_out(&lock, &profile, &err), &err);
	umask(before);
	gmi_programs_let_in(&lock);
	assert_int_equal(stat(storage_path("lock"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	/* One that is there stays as it is. */
	storage_shell("chmod 0660 lock");
	assert_gmi_ok(gmi_programs_keep_out(&lock, &profile, &err), &err);
	gmi_programs_let_in(&lock);
	assert_int_equal(stat(storage_path("lock"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
}

static void a_missing_folder_is_told(void **state)
{
	struct gmi_programs_lock lock = { 0 };
	struct gmi_profile profile;
	struct gmi_error err;

	(void)state;
	device_with_lock(&profile);
	strcat(profile.lock, ".d/instrument.lock");
	assert_int_equal(gmi_programs_keep_out(&lock, &profile, &err), -1);
	assert_int_equal(err.code, GMI_E_PROFILE);
	assert_non_null(strstr(err.message, "lock.d/instrument.lock: its folder does not exist"));
}

static void a_device_at_work_keeps_programs_out_until_it_is_released(void **state)
{
	struct gmi_profile profile;
	struct gmi_device device;
	struct gmi_report report;
	struct gmi_error err;

	(void)state;
	assert_gmi_ok(gmi_report_init(&report, &err), &err);
	device_with_lock(&profile);
	assert_gmi_ok(gmi_device_open(&device, &profile, GMI_DEVICE_READ, &err), &err);
	assert_false(may_start());
	/* What a hook starts does not inherit the lock. */
	strcpy(profile.hooks.quiesce, "sleep 1000 & echo $! > service");
	assert_gmi_ok(gmi_device_quiesce(&device, &report, &err), &err);
	assert_gmi_ok(gmi_device_release(&device, &report, &err), &err);
	assert_true(may_start());
	gmi_device_close(&device);
	gmi_report_release(&report);
	storage_shell("kill $(cat service)");

	assert_gmi_ok(gmi_device_open(&device, &profile, GMI_DEVICE_WRITE, &err), &err);
	assert_false(may_start());
	gmi_device_close(&device);
	assert_true(may_start());
	/* Who only looks is in nobody's way. */
	assert_gmi_ok(gmi_device_open(&device, &profile, GMI_DEVICE_LOOK, &err), &err);
	assert_true(may_start());
	gmi_device_close(&device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_busy_hook_says_idle_busy_or_nothing),
		cmocka_unit_test(who_holds_the_lock_file_is_the_program_that_runs),
		cmocka_unit_test(looking_does_not_take_the_lock),
		cmocka_unit_test(a_program_under_the_tool_flock_has_its_own_name),
		cmocka_unit_test(a_lock_whose_taker_has_gone_is_of_a_program_without_a_name),
		cmocka_unit_test(another_gmi_is_no_program),
		cmocka_unit_test(neither_starts_while_the_other_runs),
		cmocka_unit_test(what_this_process_holds_already_is_enough),
		cmocka_unit_test(a_process_that_was_forked_meanwhile_does_not_keep_the_lock),
		cmocka_unit_test(a_missing_lock_file_is_made_readable_for_everybody),
		cmocka_unit_test(a_missing_folder_is_told),
		cmocka_unit_test(a_device_at_work_keeps_programs_out_until_it_is_released),
	};

	return cmocka_run_group_tests_name("device/programs", tests, NULL, NULL);
}
