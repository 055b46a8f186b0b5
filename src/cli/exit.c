#include "cli/exit.h"

#include <stdio.h>

int gmi_exit_code(enum gmi_code code)
{
	switch (code) {
	case GMI_OK:
		return 0;
	case GMI_E_SYSTEM:
		return 1;
	case GMI_E_USAGE:
		return GMI_EXIT_USAGE;
	case GMI_E_PROFILE:
		return 3;
	case GMI_E_NOT_GMI:
		return 4;
	case GMI_E_DAMAGED:
		return 5;
	case GMI_E_VERSION:
		return 6;
	case GMI_E_WRONG_DEVICE:
		return 7;
	case GMI_E_LAYOUT:
		return 8;
	case GMI_E_PROGRAM_RUNS:
		return 9;
	case GMI_E_JOB_RUNS:
		return 10;
	case GMI_E_CLIENT:
		return 11;
	case GMI_E_HOOK:
		return 12;
	case GMI_E_VERIFY:
		return 13;
	case GMI_E_NOT_FOUND:
		return 14;
	case GMI_E_CANCELLED:
		return 15;
	case GMI_E_CONFLICT:
		return 16;
	case GMI_E_RESTART:
		return 17;
	case GMI_E_INCOMPLETE:
		return 18;
	case GMI_CODE_COUNT:
		break;
	}
	return 1;
}

int gmi_exit_with(const struct gmi_error *err, const char *next)
{
	fprintf(stderr, "gmi: %s\n", err->message);
	if (next)
		fprintf(stderr, "%s\n", next);
	return gmi_exit_code(err->code);
}
