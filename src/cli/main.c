/* gmi, the command line: finds the command. */
#include "base/io.h"
#include "device/memory.h"
#include "cli/cli.h"
#include "cli/exit.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PROFILE_OPTION "  --profile P         the device's profile\n"

static const struct gmi_command commands[] = {
	{ "backup", "--profile P [-o FILE|-] [--level N] [--all-blocks] [--keep-going]",
	  "everything on the device into one file",
	  PROFILE_OPTION
	  "  -o, --output FILE   where to; \"-\" is standard output. Unless told:\n"
	  "                      backup-of-<id>-<date>.gmi in the current folder\n"
	  "  -f, --force         overwrite FILE\n"
	  "  --level N           zstd level, 1 (fastest, the default) to 19 (smallest)\n"
	  "  --all-blocks        a forensic copy: unused space too\n"
	  "  --keep-going        record what a failing disk does not give, instead of ending\n"
	  "  --chunk-length N    KiB, a power of two from 64 to 4096\n"
	  "  --workers N         threads; two more than cores unless told\n"
	  "  -q, --quiet         only errors\n"
	  "  --json              the summary as JSON on standard output\n",
	  gmi_cmd_backup },
	{ "restore", "--profile P FILE [--dry-run] [--yes]", "the device back to what FILE holds",
	  PROFILE_OPTION
	  "  -n, --dry-run       all checks and the list of what would change; writes nothing\n"
	  "  -y, --yes           do not ask\n"
	  "  --workers N         threads; three more than cores unless told\n"
	  "  -q, --quiet         only errors\n"
	  "  --json              the list of changes as JSON on standard output\n",
	  gmi_cmd_restore },
	{ "doctor", "--profile P [--json]", "whether P fits this machine; changes nothing",
	  PROFILE_OPTION "  --json              for programs\n", gmi_cmd_doctor },
	{ "info", "FILE [--json]", "what FILE is a backup of",
	  "  --json              for programs\n", gmi_cmd_info },
	{ "verify", "FILE", "whether every byte of FILE is sound",
	  "  --workers N         threads; as many as cores unless told\n"
	  "  -q, --quiet         only errors; the exit code tells the verdict\n",
	  gmi_cmd_verify },
	{ "extract", "FILE VOLUME [-o IMAGE|-]", "a volume as an image",
	  "  -o, --output IMAGE  where to, sparse; \"-\" is standard output; VOLUME.img unless "
	  "told\n"
	  "  -f, --force         overwrite IMAGE\n",
	  gmi_cmd_extract },
	{ "ls", "FILE [VOLUME[:PATH]]", "look into a backed-up filesystem", "", gmi_cmd_ls },
	{ "cat", "FILE VOLUME:PATH", "one file out of a backed-up filesystem", "", gmi_cmd_cat },
	{ "pull", "URL [-o FILE] [--level N]", "backup from a running gmid",
	  "  -o, --output FILE   where to; the name that the device proposes unless told\n"
	  "  -f, --force         overwrite FILE\n"
	  "  --level N           zstd level, 1 to 19\n"
	  "  -q, --quiet         only errors\n",
	  gmi_cmd_pull },
	{ "push", "URL FILE [--yes]", "restore to a running gmid",
	  "  -y, --yes           do not ask\n"
	  "  -q, --quiet         only errors\n",
	  gmi_cmd_push },
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static int print_overview(FILE *to)
{
	fprintf(to, "gmi %s: whole-device backup and restore\n\nusage: gmi COMMAND ...\n\n",
		GMI_VERSION);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(to, "  gmi %-8s %s\n", commands[i].name, commands[i].summary);
	fprintf(to,
		"\n\"gmi COMMAND --help\" tells more about one; \"gmi --version\" the version.\n");
	return to == stdout ? 0 : GMI_EXIT_USAGE;
}

int gmi_print_help(const struct gmi_command *command)
{
	printf("usage: gmi %s %s\n\n%s\n%s%s", command->name, command->usage, command->summary,
	       *command->options ? "\n" : "", command->options);
	return 0;
}

int gmi_usage_error(const struct gmi_command *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "gmi %s: ", command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nusage: gmi %s %s\n", command->name, command->usage);
	return GMI_EXIT_USAGE;
}

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

void gmi_catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = on_interrupt };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

bool gmi_interrupted(void)
{
	return interrupted;
}

bool gmi_confirm(const struct gmi_command *command, const char *word)
{
	char answer[128];

	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr,
			"gmi %s: nobody is there to be asked; add --yes if this is meant.\n",
			command->name);
		return false;
	}
	fprintf(stderr, "Type %s to go on: ", word);
	if (!fgets(answer, sizeof(answer), stdin))
		return false;
	answer[strcspn(answer, "\n")] = '\0';
	return strcmp(answer, word) == 0;
}

/* What was asked for must have gone out: a full disk or a closed pipe is no success. */
static int finish(int exit_code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return exit_code;
	fprintf(stderr, "gmi: standard output: cannot write: %s\n", strerror(errno));
	return exit_code ? exit_code : gmi_exit_code(GMI_E_SYSTEM);
}

int main(int argc, char **argv)
{
	if (gmi_hold_standard_descriptors() < 0)
		return gmi_exit_code(GMI_E_SYSTEM);
	gmi_memory_prepare();
	/* A reader that goes away (gmi cat ... | head) ends the writing with EPIPE, not with a
	 * signal in the middle of something that wants to be cleaned up. */
	signal(SIGPIPE, SIG_IGN);
	/* Whoever started us may have ignored it, and then no child could be waited for. */
	signal(SIGCHLD, SIG_DFL);
	if (argc < 2)
		return print_overview(stderr);
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return print_overview(stdout);
	if (strcmp(argv[1], "--version") == 0) {
		printf("gmi %s\n", GMI_VERSION);
		return 0;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return finish(commands[i].run(&commands[i], argc - 1, argv + 1));
	}
	fprintf(stderr, "gmi: there is no command %s\n\n", argv[1]);
	return print_overview(stderr);
}
