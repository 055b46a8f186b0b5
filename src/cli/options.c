#include "cli/options.h"

#include "cli/exit.h"
#include "format/format.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct option long_options[] = {
	{ "profile", required_argument, NULL, 'P' },
	{ "output", required_argument, NULL, 'o' },
	{ "level", required_argument, NULL, 'l' },
	{ "all-blocks", no_argument, NULL, 'a' },
	{ "keep-going", no_argument, NULL, 'k' },
	{ "chunk-length", required_argument, NULL, 'c' },
	{ "workers", required_argument, NULL, 'w' },
	{ "force", no_argument, NULL, 'f' },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "yes", no_argument, NULL, 'y' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static bool number(const char *text, int least, int most, int *value)
{
	char *rest;
	long parsed = strtol(text, &rest, 10);

	if (*text < '0' || *text > '9' || *rest || parsed < least || parsed > most)
		return false;
	*value = (int)parsed;
	return true;
}

/* KiB, a power of two that the format takes. */
static bool chunk_length(const char *text, uint32_t *bytes)
{
	int kib;

	if (!number(text, GMI_CHUNK_LENGTH_MIN >> 10, GMI_CHUNK_LENGTH_MAX >> 10, &kib) ||
	    (kib & (kib - 1)) != 0)
		return false;
	*bytes = (uint32_t)kib << 10;
	return true;
}

/* False if the value is wrong. */
static bool set(struct gmi_options *options, int letter, const char *value)
{
	int workers;

	switch (letter) {
	case 'P':
		options->profile = value;
		return true;
	case 'o':
		options->output = value;
		return *value != '\0';
	case 'l':
		return number(value, 1, 19, &options->level);
	case 'c':
		return chunk_length(value, &options->chunk_length);
	case 'w':
		if (!number(value, 1, 64, &workers))
			return false;
		options->workers = (unsigned int)workers;
		return true;
	case 'a':
		options->all_blocks = true;
		return true;
	case 'k':
		options->keep_going = true;
		return true;
	case 'f':
		options->force = true;
		return true;
	case 'n':
		options->dry_run = true;
		return true;
	case 'j':
		options->json = true;
		return true;
	case 'q':
		options->quiet = true;
		return true;
	case 'y':
		options->yes = true;
		return true;
	default:
		return false;
	}
}

static const char *long_name(int letter)
{
	for (const struct option *option = long_options; option->name; option++) {
		if (option->val == letter)
			return option->name;
	}
	return "?";
}

/* What set() takes of the options that it may refuse. */
static const char *wanted(int letter)
{
	switch (letter) {
	case 'l':
		return "a number from 1 to 19";
	case 'c':
		return "KiB, a power of two from 64 to 4096,";
	case 'w':
		return "a number from 1 to 64";
	default:
		return "a name";
	}
}

static bool parse_flags(struct gmi_options *options, const struct gmi_command *command,
			const char *allowed, int argc, char **argv, int *exit_code)
{
	int letter;

	opterr = 0;
	optind = 1;
	while ((letter = getopt_long(argc, argv, ":o:fnqyh", long_options, NULL)) != -1) {
		if (letter == 'h') {
			*exit_code = gmi_print_help(command);
			return false;
		}
		if (letter == ':') {
			*exit_code = gmi_usage_error(command, "%s needs a value", argv[optind - 1]);
			return false;
		}
		if (letter == '?' || !strchr(allowed, letter)) {
			*exit_code =
				gmi_usage_error(command, "%s is not understood", argv[optind - 1]);
			return false;
		}
		if (!set(options, letter, optarg)) {
			*exit_code = gmi_usage_error(command, "--%s \"%s\": %s is needed",
						     long_name(letter), optarg, wanted(letter));
			return false;
		}
	}
	return true;
}

bool gmi_options_parse(struct gmi_options *options, const struct gmi_command *command,
		       const char *allowed, int least, int most, int argc, char **argv,
		       int *exit_code)
{
	memset(options, 0, sizeof(*options));
	if (!parse_flags(options, command, allowed, argc, argv, exit_code))
		return false;
	options->argument_count = argc - optind;
	if (options->argument_count < least) {
		*exit_code = gmi_usage_error(command, "an argument is missing");
		return false;
	}
	if (options->argument_count > most) {
		*exit_code = gmi_usage_error(command, "%s is one argument too many",
					     argv[optind + most]);
		return false;
	}
	for (int i = 0; i < options->argument_count; i++)
		options->arguments[i] = argv[optind + i];
	if (strchr(allowed, 'P') && !options->profile) {
		*exit_code = gmi_usage_error(command, "--profile is missing");
		return false;
	}
	return true;
}
