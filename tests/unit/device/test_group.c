/* A hook's process group, ended by somebody who did not start it. */
#include "../unit.h"

#include "device/group.h"
#include "support/storage_scratch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The group of a shell that leads one, once the shell has said that it runs. */
static struct gmi_group start(const char *command)
{
	struct gmi_group group;
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		dup2(ready[1], 1);
		close(ready[0]);
		close(ready[1]);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_true(gmi_group_of(pid, &group));
	assert_int_equal(group.leader, pid);
	return group;
}

static bool lives(pid_t pid)
{
	struct gmi_group ignored;

	return gmi_group_of(pid, &ignored);
}

static void a_group_is_ended_with_all_that_belongs_to_it(void **state)
{
	struct gmi_group group = start("trap '' TERM; (sleep 1000 & echo x; wait); wait");
	struct gmi_error err;

	(void)state;
	assert_gmi_ok(gmi_group_end(&group, &err), &err);
	assert_false(lives(group.leader));
	/* Once its status was asked for, the whole group is gone but for what init has to reap. */
	waitpid(group.leader, NULL, 0);
	for (int i = 0; i < 500 && kill(-group.leader, 0) == 0; i++)
		usleep(10000);
	assert_int_equal(kill(-group.leader, 0), -1);
	assert_gmi_ok(gmi_group_end(&group, &err), &err);
}

static void a_pid_that_was_used_again_is_left_alone(void **state)
{
	struct gmi_group group = start("echo x; sleep 1000");
	struct gmi_error err;

	(void)state;
	group.started--;
	assert_gmi_ok(gmi_group_end(&group, &err), &err);
	assert_true(lives(group.leader));
	kill(-group.leader, SIGKILL);
	waitpid(group.leader, NULL, 0);
}

static void what_a_hook_that_is_done_left_behind_is_left_alone(void **state)
{
	struct gmi_group group = start("sleep 1000 & echo x; wait");
	struct gmi_error err;

	(void)state;
	kill(group.leader, SIGKILL);
	while (lives(group.leader))
		usleep(1000);
	assert_gmi_ok(gmi_group_end(&group, &err), &err);
	waitpid(group.leader, NULL, 0);
	assert_int_equal(kill(-group.leader, 0), 0);
	kill(-group.leader, SIGKILL);
}

static void who_leads_no_group_is_none(void **state)
{
	struct gmi_group group;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		pause();
		_exit(0);
	}
	assert_false(gmi_group_of(child, &group));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	assert_false(gmi_group_of(child, &group));
}

static void what_was_noted_is_understood_and_nothing_else_is(void **state)
{
	static const char *const wrong[] = { "", "quiesce", "12", "0 5", "1 5", "-7 5", "12 x" };
	struct gmi_group group = { 4711, 18446744073709551615u };
	struct gmi_group read;
	char text[GMI_GROUP_TEXT];

	(void)state;
	gmi_group_print(&group, text);
	assert_true(gmi_group_parse(text, &read));
	assert_int_equal(read.leader, group.leader);
	assert_true(read.started == group.started);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(gmi_group_parse(wrong[i], &read));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_ended_with_all_that_belongs_to_it),
		cmocka_unit_test(a_pid_that_was_used_again_is_left_alone),
		cmocka_unit_test(what_a_hook_that_is_done_left_behind_is_left_alone),
		cmocka_unit_test(who_leads_no_group_is_none),
		cmocka_unit_test(what_was_noted_is_understood_and_nothing_else_is),
	};

	return cmocka_run_group_tests_name("device/group", tests, NULL, NULL);
}
