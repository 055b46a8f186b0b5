#include "base/cleanup.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/file.h"
#include "cli/filesystem.h"
#include "cli/options.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

static void mode_text(uint32_t mode, char text[11])
{
	static const char bits[] = "rwxrwxrwx";

	text[0] = S_ISDIR(mode)    ? 'd'
		  : S_ISLNK(mode)  ? 'l'
		  : S_ISCHR(mode)  ? 'c'
		  : S_ISBLK(mode)  ? 'b'
		  : S_ISFIFO(mode) ? 'p'
		  : S_ISSOCK(mode) ? 's'
				   : '-';
	for (int i = 0; i < 9; i++)
		text[1 + i] = mode >> (8 - i) & 1 ? bits[i] : '-';
	if (mode & S_ISUID)
		text[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & S_IXOTH ? 't' : 'T';
	text[10] = '\0';
}

/* A name from a file that anybody may have made must not steer the terminal. */
static void print_safely(const char *name)
{
	for (; *name; name++) {
		unsigned char first = (unsigned char)name[0];
		unsigned char second = (unsigned char)name[1];
		bool wide = first == 0xc2 && second >= 0x80 && second < 0xa0;

		putchar(first < 0x20 || first == 0x7f || wide ? '?' : *name);
		name += wide;
	}
}

static int print_entry(void *context, const struct gmi_ext_entry *entry)
{
	char mode[11];

	(void)context;
	mode_text(entry->mode, mode);
	printf("%s %5u %5u %12" PRIu64 " %s ", mode, entry->uid, entry->gid, entry->size,
	       gmi_text_utc(entry->modified).text);
	print_safely(entry->name);
	if (entry->target[0]) {
		printf(" -> ");
		print_safely(entry->target);
	}
	putchar('\n');
	return 0;
}

static int list_volumes(const struct gmi_manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->volume_count; i++)
		printf("%-20s %-9s %10s\n", manifest->volumes[i].name, manifest->volumes[i].content,
		       gmi_text_bytes(manifest->volumes[i].length).text);
	return 0;
}

static int list(struct gmi_ext *ext, const char *path, struct gmi_error *err)
{
	return gmi_ext_list(ext, path, print_entry, NULL, err);
}

int gmi_cmd_ls(const struct gmi_command *command, int argc, char **argv)
{
	GMI_CLEANUP(gmi_opened_file_close) struct gmi_opened_file opened = { .reader = NULL };
	struct gmi_options options;
	struct gmi_error err;
	int exit_code;

	if (!gmi_options_parse(&options, command, "", 1, 2, argc, argv, &exit_code))
		return exit_code;
	if (gmi_opened_file_open(&opened, options.arguments[0], &err) < 0)
		return gmi_exit_with(&err, NULL);
	if (options.argument_count == 1)
		return list_volumes(gmi_reader_manifest(opened.reader));
	if (gmi_with_filesystem(&opened, options.arguments[1], list, &err) < 0)
		return gmi_exit_with(&err, NULL);
	return 0;
}
