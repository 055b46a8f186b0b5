/*
 * What the commands share: their table, how they end, how they ask and how they show progress.
 *
 * Data goes to standard output, words for people to standard error. Each command stands in its own
 * cmd_*.c and returns an exit code (exit.h).
 */
#ifndef GMI_CLI_CLI_H
#define GMI_CLI_CLI_H

#include "base/error.h"
#include "base/report.h"

#include <stdbool.h>

struct gmi_command {
	const char *name;
	const char *usage;   /* behind "gmi <name> " */
	const char *summary; /* one line */
	const char *options; /* lines for --help, may be empty */
	int (*run)(const struct gmi_command *command, int argc, char **argv);
};

int gmi_cmd_backup(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_cat(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_doctor(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_extract(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_info(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_ls(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_pull(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_push(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_restore(const struct gmi_command *command, int argc, char **argv);
int gmi_cmd_verify(const struct gmi_command *command, int argc, char **argv);

/* "gmi verify: <message>" and the usage line; returns the exit code for wrong usage. */
int gmi_usage_error(const struct gmi_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the command's help to standard output; returns 0. */
int gmi_print_help(const struct gmi_command *command);

/* Whether Ctrl-C or a polite kill has arrived since gmi_catch_interrupts(). */
void gmi_catch_interrupts(void);
bool gmi_interrupted(void);

/*
 * On a terminal: asks to type `word`, true if it was typed. Elsewhere false, with a sentence that
 * --yes is needed.
 */
bool gmi_confirm(const struct gmi_command *command, const char *word);

#endif
