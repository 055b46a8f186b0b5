/*
 * Exit codes: a published table (docs/cli.md), so that scripts can tell what happened. The one
 * place where a code becomes a number and a message becomes a line on standard error.
 */
#ifndef GMI_CLI_EXIT_H
#define GMI_CLI_EXIT_H

#include "base/error.h"

#define GMI_EXIT_USAGE 2
/* What gmi doctor found. Apart from the others, which are those of failures. */
#define GMI_EXIT_WARNINGS 20
#define GMI_EXIT_PROBLEMS 21
#define GMI_EXIT_UNREADABLE 22 /* no error's: a backup was made, but places could not be read */

int gmi_exit_code(enum gmi_code code);

/* Prints "gmi: <message>", and, if not NULL, what to do next on a line of its own. */
int gmi_exit_with(const struct gmi_error *err, const char *next);

#endif
