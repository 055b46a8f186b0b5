#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int gmi_fail(struct gmi_error *err, enum gmi_code code, const char *format, ...)
{
	va_list args;

	err->code = code;
	err->sys = 0;
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	return -1;
}

int gmi_fail_errno(struct gmi_error *err, const char *format, ...)
{
	int sys = errno;
	size_t used;
	va_list args;

	err->code = GMI_E_SYSTEM;
	err->sys = sys;
	va_start(args, format);
	vsnprintf(err->message, sizeof(err->message), format, args);
	va_end(args);
	used = strlen(err->message);
	snprintf(err->message + used, sizeof(err->message) - used, ": %s", strerror(sys));
	return -1;
}

int gmi_error_prefix(struct gmi_error *err, const char *format, ...)
{
	char text[sizeof(err->message)];
	char joined[2 * sizeof(err->message) + 2];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(joined, sizeof(joined), "%s: %s", text, err->message);
	/* A message too long loses its end: the front names the thing the reader can act on. */
	memcpy(err->message, joined, sizeof(err->message) - 1);
	err->message[sizeof(err->message) - 1] = '\0';
	return -1;
}

const char *gmi_code_name(enum gmi_code code)
{
	switch (code) {
	case GMI_OK:
		return "ok";
	case GMI_E_SYSTEM:
		return "system";
	case GMI_E_USAGE:
		return "usage";
	case GMI_E_PROFILE:
		return "profile";
	case GMI_E_NOT_GMI:
		return "not-gmi";
	case GMI_E_DAMAGED:
		return "damaged";
	case GMI_E_VERSION:
		return "version";
	case GMI_E_WRONG_DEVICE:
		return "wrong-device";
	case GMI_E_LAYOUT:
		return "layout";
	case GMI_E_PROGRAM_RUNS:
		return "program-running";
	case GMI_E_JOB_RUNS:
		return "job-running";
	case GMI_E_CLIENT:
		return "client";
	case GMI_E_HOOK:
		return "hook";
	case GMI_E_VERIFY:
		return "verify";
	case GMI_E_NOT_FOUND:
		return "not-found";
	case GMI_E_CANCELLED:
		return "cancelled";
	case GMI_E_CONFLICT:
		return "conflict";
	case GMI_E_RESTART:
		return "needs-restart";
	case GMI_E_INCOMPLETE:
		return "incomplete";
	case GMI_CODE_COUNT:
		break;
	}
	return "unknown";
}
