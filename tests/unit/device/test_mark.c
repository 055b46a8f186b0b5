/* The restart mark: kept for devices with real disks, gone with the system's restart. */
#include "../unit.h"

#include "device/mark.h"
#include "support/device_profile.h"
#include "support/storage_scratch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Nothing of a disk but its kind matters here: a device file stands for a real one. */
static void real_device(struct gmi_profile *profile)
{
	storage_shell("rm -rf run");
	device_load_profile(profile,
			    "[device]\nid = bb1\nruntime = run\n"
			    "[disk emmc]\npath = emmc.img\n[disk flash]\npath = /dev/null\n");
}

static enum gmi_mark_state state_of(const struct gmi_profile *profile)
{
	struct gmi_mark mark;

	gmi_mark_read(profile, &mark);
	return mark.state;
}

static void make(const struct gmi_profile *profile, enum gmi_mark_state state)
{
	struct gmi_error err;

	assert_gmi_ok(gmi_mark_make(profile, state, "bb1", &err), &err);
}

static void a_mark_tells_state_device_and_time(void **state)
{
	struct gmi_profile profile;
	struct gmi_mark mark;
	time_t before = time(NULL);

	(void)state;
	real_device(&profile);
	assert_int_equal(state_of(&profile), GMI_MARK_NONE);
	make(&profile, GMI_MARK_INCOMPLETE);
	gmi_mark_read(&profile, &mark);
	assert_int_equal(mark.state, GMI_MARK_INCOMPLETE);
	assert_string_equal(mark.device, "bb1");
	assert_true(mark.made >= before && mark.made <= time(NULL));
}

static void a_later_mark_takes_the_place_of_an_earlier_one(void **state)
{
	struct gmi_profile profile;

	(void)state;
	real_device(&profile);
	make(&profile, GMI_MARK_INCOMPLETE);
	make(&profile, GMI_MARK_RESTORED);
	assert_int_equal(state_of(&profile), GMI_MARK_RESTORED);
	storage_shell("test \"$(ls run)\" = restart");
}

static void the_runtime_folder_is_made_for_gmi_alone_but_not_its_parents(void **state)
{
	struct gmi_profile profile;
	struct gmi_error err;
	struct stat status;

	(void)state;
	real_device(&profile);
	make(&profile, GMI_MARK_INCOMPLETE);
	assert_int_equal(stat(storage_path("run"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);

	strcat(profile.runtime, "/missing/gmi");
	assert_int_equal(gmi_mark_make(&profile, GMI_MARK_INCOMPLETE, "bb1", &err), -1);
	assert_non_null(strstr(err.message, "cannot make the folder"));
	assert_non_null(strstr(err.message, "run/missing/gmi"));
	assert_int_equal(state_of(&profile), GMI_MARK_NONE);
}

static void a_mark_of_an_earlier_run_of_the_system_is_removed(void **state)
{
	struct gmi_profile profile;

	(void)state;
	real_device(&profile);
	make(&profile, GMI_MARK_RESTORED);
	storage_shell("sed -i 's/^boot=..../boot=0000/' run/restart");
	assert_int_equal(state_of(&profile), GMI_MARK_NONE);
	storage_shell("test ! -e run/restart");
}

static void a_mark_that_makes_no_sense_counts_as_incomplete(void **state)
{
	static const char *const wrong[] = { "", "state=", "state=restoredly\n", "nonsense\n" };
	struct gmi_profile profile;

	(void)state;
	real_device(&profile);
	storage_shell("mkdir run");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		storage_save("run/restart", wrong[i], strlen(wrong[i]));
		assert_int_equal(state_of(&profile), GMI_MARK_INCOMPLETE);
	}
	storage_shell("head -c 100000 /dev/zero > run/restart");
	assert_int_equal(state_of(&profile), GMI_MARK_INCOMPLETE);
}

static void a_device_of_image_files_keeps_no_mark(void **state)
{
	struct gmi_profile profile;

	(void)state;
	real_device(&profile);
	make(&profile, GMI_MARK_RESTORED);
	storage_save("flash.img", "", 0);
	strcpy(profile.disks[1].path, storage_path("flash.img"));
	assert_false(gmi_mark_is_kept(&profile));
	/* Whose ever mark lies there: it is not this device's. */
	assert_int_equal(state_of(&profile), GMI_MARK_NONE);
	storage_shell("rm -r run");
	make(&profile, GMI_MARK_RESTORED);
	storage_shell("test ! -e run");
}

static enum gmi_code check(enum gmi_mark_state mark, enum gmi_device_access access)
{
	struct gmi_error err = { .code = GMI_OK };

	if (gmi_mark_check(mark, access, &err) == 0)
		return GMI_OK;
	assert_true(strlen(err.message) > 20);
	return err.code;
}

static void a_restored_device_takes_no_job_and_an_incomplete_one_only_a_restore(void **state)
{
	(void)state;
	assert_int_equal(check(GMI_MARK_NONE, GMI_DEVICE_READ), GMI_OK);
	assert_int_equal(check(GMI_MARK_NONE, GMI_DEVICE_WRITE), GMI_OK);
	assert_int_equal(check(GMI_MARK_RESTORED, GMI_DEVICE_READ), GMI_E_RESTART);
	assert_int_equal(check(GMI_MARK_RESTORED, GMI_DEVICE_WRITE), GMI_E_RESTART);
	assert_int_equal(check(GMI_MARK_INCOMPLETE, GMI_DEVICE_READ), GMI_E_INCOMPLETE);
	assert_int_equal(check(GMI_MARK_INCOMPLETE, GMI_DEVICE_WRITE), GMI_OK);
	assert_int_equal(check(GMI_MARK_RESTORED, GMI_DEVICE_LOOK), GMI_OK);
	assert_int_equal(check(GMI_MARK_INCOMPLETE, GMI_DEVICE_LOOK), GMI_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_tells_state_device_and_time),
		cmocka_unit_test(a_later_mark_takes_the_place_of_an_earlier_one),
		cmocka_unit_test(the_runtime_folder_is_made_for_gmi_alone_but_not_its_parents),
		cmocka_unit_test(a_mark_of_an_earlier_run_of_the_system_is_removed),
		cmocka_unit_test(a_mark_that_makes_no_sense_counts_as_incomplete),
		cmocka_unit_test(a_device_of_image_files_keeps_no_mark),
		cmocka_unit_test(
			a_restored_device_takes_no_job_and_an_incomplete_one_only_a_restore),
	};

	return cmocka_run_group_tests_name("device/mark", tests, NULL, NULL);
}
