/* How an error reaches a browser: RFC 9457, with our two members "device" and "next". */
#include "../unit.h"

#include "http/problem.h"

#include <stdio.h>
#include <string.h>

static const char *member(const json_t *problem, const char *name)
{
	const char *text = json_string_value(json_object_get(problem, name));

	assert_non_null(text);
	return text;
}

static json_t *problem_of(enum gmi_code code, enum gmi_device_state device, enum gmi_job_kind kind,
			  const char *message)
{
	struct gmi_error err;
	json_t *problem;

	gmi_fail(&err, code, "%s", message);
	problem = gmi_problem_json(&err, device, kind);
	assert_non_null(problem);
	return problem;
}

static void every_code_has_type_status_title_and_a_next_step(void **state)
{
	(void)state;
	for (int code = GMI_OK + 1; code < GMI_CODE_COUNT; code++) {
		json_t *problem =
			problem_of((enum gmi_code)code, GMI_DEVICE_UNCHANGED, GMI_JOB_RESTORE, "x");
		json_int_t status = json_integer_value(json_object_get(problem, "status"));
		char type[64];

		snprintf(type, sizeof(type), "urn:gmi:problem:%s",
			 gmi_code_name((enum gmi_code)code));
		assert_string_equal(member(problem, "type"), type);
		assert_true(strlen(member(problem, "title")) > 5);
		assert_true(strlen(member(problem, "next")) > 5);
		assert_string_equal(member(problem, "device"), "unchanged");
		assert_in_range(status, 400, 599);
		assert_int_equal(status, gmi_problem_status((enum gmi_code)code));
		json_decref(problem);
	}
}

static void the_message_becomes_a_sentence(void **state)
{
	json_t *problem;

	(void)state;
	problem = problem_of(GMI_E_DAMAGED, GMI_DEVICE_UNCHANGED, GMI_JOB_RESTORE,
			     "the file ends early");
	assert_string_equal(member(problem, "detail"), "The file ends early.");
	json_decref(problem);
	problem = problem_of(GMI_E_DAMAGED, GMI_DEVICE_UNCHANGED, GMI_JOB_RESTORE, "It ends.");
	assert_string_equal(member(problem, "detail"), "It ends.");
	json_decref(problem);
	problem = problem_of(GMI_E_DAMAGED, GMI_DEVICE_UNCHANGED, GMI_JOB_RESTORE, "");
	assert_string_equal(member(problem, "detail"), "");
	json_decref(problem);
}

static void the_longest_message_fits(void **state)
{
	char message[sizeof(((struct gmi_error *)0)->message)];
	json_t *problem;

	(void)state;
	memset(message, 'x', sizeof(message));
	message[sizeof(message) - 1] = '\0';
	problem = problem_of(GMI_E_SYSTEM, GMI_DEVICE_UNCHANGED, GMI_JOB_BACKUP, message);
	assert_int_equal(strlen(member(problem, "detail")), sizeof(message));
	json_decref(problem);
}

/* The name of a file on the user's computer, or a message cut within a character. */
static void a_message_that_is_no_utf8_is_told_all_the_same(void **state)
{
	json_t *problem;

	(void)state;
	problem = problem_of(GMI_E_CLIENT, GMI_DEVICE_UNCHANGED, GMI_JOB_RESTORE, "caf\351 it is");
	assert_string_equal(member(problem, "detail"), "Caf? it is.");
	assert_string_equal(member(problem, "type"), "urn:gmi:problem:client");
	json_decref(problem);
}

static void an_incomplete_device_has_one_next_step_whatever_the_reason(void **state)
{
	(void)state;
	for (int code = GMI_OK + 1; code < GMI_CODE_COUNT; code++) {
		json_t *problem = problem_of((enum gmi_code)code, GMI_DEVICE_INCOMPLETE,
					     GMI_JOB_RESTORE, "x");

		assert_string_equal(member(problem, "device"), "incomplete");
		assert_non_null(strstr(member(problem, "next"), "Repeat the restore"));
		json_decref(problem);
	}
}

static void a_broken_download_says_to_throw_the_file_away(void **state)
{
	json_t *problem = problem_of(GMI_E_CLIENT, GMI_DEVICE_UNCHANGED, GMI_JOB_BACKUP, "x");

	(void)state;
	assert_non_null(strstr(member(problem, "next"), "Throw the unfinished file away"));
	json_decref(problem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_code_has_type_status_title_and_a_next_step),
		cmocka_unit_test(the_message_becomes_a_sentence),
		cmocka_unit_test(the_longest_message_fits),
		cmocka_unit_test(a_message_that_is_no_utf8_is_told_all_the_same),
		cmocka_unit_test(an_incomplete_device_has_one_next_step_whatever_the_reason),
		cmocka_unit_test(a_broken_download_says_to_throw_the_file_away),
	};

	return cmocka_run_group_tests_name("http/problem", tests, NULL, NULL);
}
