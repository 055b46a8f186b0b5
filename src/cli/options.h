/*
 * The options that commands share, parsed in one place: a command says which of them it takes.
 */
#ifndef GMI_CLI_OPTIONS_H
#define GMI_CLI_OPTIONS_H

#include "cli/cli.h"

#include <stdbool.h>
#include <stdint.h>

#define GMI_ARGUMENTS_MAX 3

struct gmi_options {
	const char *profile;
	const char *output;
	int level; /* 0: not given */
	unsigned int workers;
	uint32_t chunk_length; /* bytes; 0: not given */
	bool all_blocks;
	bool keep_going;
	bool dry_run;
	bool force;
	bool json;
	bool quiet;
	bool yes;
	const char *arguments[GMI_ARGUMENTS_MAX]; /* what is no option */
	int argument_count;
};

/*
 * Takes the options whose letters are in `allowed` (P profile, o output, l level, a all-blocks, k
 * keep-going, c chunk-length, w workers, f force, n dry-run, j json, q quiet, y yes) and between
 * least and most arguments. Returns true; or false with the exit code, after --help or a sentence
 * about what is wrong.
 */
bool gmi_options_parse(struct gmi_options *options, const struct gmi_command *command,
		       const char *allowed, int least, int most, int argc, char **argv,
		       int *exit_code);

#endif
