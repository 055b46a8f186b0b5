#include "../unit.h"

#include "base/report.h"

#include <stdio.h>

static void log_keeps_the_first_lines_and_counts_the_rest(void **state)
{
	struct gmi_report report;
	struct gmi_report_line line;
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_report_init(&report, &err), 0);
	for (int i = 0; i < GMI_REPORT_LINES + 5; i++)
		gmi_report_say(&report, "line %d", i);
	assert_true(gmi_report_line(&report, 0, &line));
	assert_string_equal(line.text, "line 0");
	assert_false(gmi_report_line(&report, GMI_REPORT_LINES, &line));
	assert_int_equal(report.dropped, 5);
	gmi_report_release(&report);
}

static void progress_never_passes_its_total(void **state)
{
	struct gmi_report report;
	struct gmi_error err;

	(void)state;
	assert_int_equal(gmi_report_init(&report, &err), 0);
	gmi_report_phase(&report, GMI_PHASE_READ, 100);
	gmi_report_done(&report, 70);
	gmi_report_done(&report, 70);
	assert_int_equal(gmi_report_progress(&report).done, 100);
	gmi_report_phase(&report, GMI_PHASE_FINISH, 0);
	assert_int_equal(gmi_report_progress(&report).done, 0);
	gmi_report_release(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_keeps_the_first_lines_and_counts_the_rest),
		cmocka_unit_test(progress_never_passes_its_total),
	};

	return cmocka_run_group_tests_name("base/report", tests, NULL, NULL);
}
