/*
 * Errors: one struct that the caller owns, filled by the function that fails.
 *
 * A function that can fail returns 0, or -1 after having filled *err. The message says what failed,
 * on what and where, in lower case, and reads as part of a sentence; each caller that knows more
 * puts it in front with gmi_error_prefix(). Nothing is allocated, nothing is global, so errors work
 * when memory is short and in every thread. How a code is shown to a program (exit code, HTTP
 * problem) is decided in one place each: src/cli/exit.c and src/http/problem.c.
 */
#ifndef GMI_BASE_ERROR_H
#define GMI_BASE_ERROR_H

#include <stdarg.h>

#define GMI_MUST_CHECK __attribute__((warn_unused_result))

/* A code exists only where a caller branches on it or a person must be told something else. */
enum gmi_code {
	GMI_OK = 0,
	GMI_E_SYSTEM,       /* the kernel or a library refused: I/O, memory, a missing file */
	GMI_E_USAGE,        /* the request itself makes no sense: options, parameters */
	GMI_E_PROFILE,      /* the profile cannot be used */
	GMI_E_NOT_GMI,      /* the file is something else */
	GMI_E_DAMAGED,      /* a GMI file that is cut short, altered or inconsistent */
	GMI_E_VERSION,      /* a GMI file of a format version that this gmi does not know */
	GMI_E_WRONG_DEVICE, /* a GMI file of another device */
	GMI_E_LAYOUT,       /* the device's disks do not fit the GMI file: missing, too small */
	GMI_E_PROGRAM_RUNS, /* the instrument runs a program */
	GMI_E_JOB_RUNS,     /* another backup or restore runs */
	GMI_E_CLIENT,       /* the client stalled, vanished or broke the protocol */
	GMI_E_HOOK,         /* a hook of the profile failed or took too long */
	GMI_E_VERIFY,       /* what was written reads back differently */
	GMI_E_NOT_FOUND,    /* a named volume, path or job does not exist */
	GMI_E_CANCELLED,    /* another part of the same work failed first */
	GMI_E_CONFLICT,     /* the request does not fit the job that runs */
	GMI_E_RESTART,      /* the device was restored and has not been restarted since */
	GMI_E_INCOMPLETE,   /* a restore did not reach its end: only another one may follow */
	GMI_CODE_COUNT,
};

struct gmi_error {
	enum gmi_code code;
	int sys; /* errno where the kernel gave one, else 0 */
	char message[512];
};

/* Fills *err and returns -1, so that `return gmi_fail(...)` is the whole failure path. */
int gmi_fail(struct gmi_error *err, enum gmi_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same with GMI_E_SYSTEM and the text of errno behind the message. Reads errno first. */
int gmi_fail_errno(struct gmi_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Puts "<text>: " in front of the message. Always returns -1. */
int gmi_error_prefix(struct gmi_error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A short stable word for a code ("damaged", "wrong-device"), used in JSON and problem types. */
const char *gmi_code_name(enum gmi_code code);

#endif
