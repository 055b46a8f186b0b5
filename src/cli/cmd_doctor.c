#include "base/cleanup.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "doctor/doctor.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define INDENT 2
#define COLUMN 10 /* of the sentences: the longest severity and blanks */
#define WIDTH_MAX 100

/* ---- sentences ---- */

/* Lines are broken for a terminal only: elsewhere a sentence stays one line, for grep. */
static size_t line_width(void)
{
	struct winsize window;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) < 0 ||
	    window.ws_col < 40)
		return 0;
	return window.ws_col < WIDTH_MAX ? window.ws_col : WIDTH_MAX;
}

/* Bytes of text that fit a line of that many columns; all of it where no line is that long. */
static size_t fitting(const char *text, size_t columns)
{
	size_t length = strlen(text);
	size_t fits = columns;

	if (columns == 0 || length <= columns)
		return length;
	while (fits > 0 && text[fits] != ' ')
		fits--;
	return fits ? fits : strcspn(text, " ");
}

static void print_sentence(const char *first, const char *text, size_t width)
{
	size_t columns = width ? width - INDENT - COLUMN : 0;

	for (const char *lead = first; *text; lead = "") {
		size_t length = fitting(text, columns);

		printf("%*s%-*s%.*s\n", INDENT, "", COLUMN, lead, (int)length, text);
		text += length;
		text += *text == ' ';
	}
}

/* "2 problems, 1 warning, 3 notes" */
static void count_findings(const struct gmi_doctor *doctor, char *text, size_t size)
{
	size_t length = 0;

	text[0] = '\0';
	for (int i = GMI_SEVERITY_PROBLEM; i > GMI_SEVERITY_OK; i--) {
		uint32_t count = doctor->counts[i];

		if (count && length < size)
			length += (size_t)snprintf(text + length, size - length, "%s%u %s%s",
						   length ? ", " : "", count,
						   gmi_severity_name((enum gmi_severity)i),
						   count == 1 ? "" : "s");
	}
}

static bool only_a_restore_minds(const struct gmi_doctor *doctor)
{
	for (uint32_t i = 0; i < doctor->finding_count; i++) {
		if (doctor->findings[i].severity == GMI_SEVERITY_PROBLEM &&
		    doctor->findings[i].group != GMI_FINDING_RESTORE)
			return false;
	}
	return true;
}

static void sum_up(const struct gmi_doctor *doctor, char *text, size_t size)
{
	const char *verdict = "ready for backup and restore";
	char counts[96];

	count_findings(doctor, counts, sizeof(counts));
	switch (gmi_doctor_worst(doctor)) {
	case GMI_SEVERITY_PROBLEM:
		verdict = only_a_restore_minds(doctor)
				  ? "a restore would be refused or fail"
				  : "a backup or restore would be refused or fail";
		break;
	case GMI_SEVERITY_WARNING:
		verdict = "a backup and a restore would work, but mind the warnings";
		break;
	case GMI_SEVERITY_OK:
	case GMI_SEVERITY_NOTE:
	case GMI_SEVERITY_COUNT:
		break;
	}
	snprintf(text, size, "%s%s%s", counts, *counts ? ": " : "", verdict);
}

/* ---- for people ---- */

static void print_layout(const struct gmi_doctor *doctor)
{
	size_t name_width = strlen("volume");

	for (uint32_t i = 0; i < doctor->layout.count; i++) {
		size_t length = strlen(doctor->layout.volumes[i].name);

		name_width = length > name_width ? length : name_width;
	}
	if (doctor->layout.count == 0)
		return;
	printf("\n%*s%-*s  %14s %14s  %-9s %14s\n", INDENT, "", (int)name_width, "volume", "offset",
	       "length", "content", "in use");
	for (uint32_t i = 0; i < doctor->layout.count; i++) {
		const struct gmi_volume *volume = &doctor->layout.volumes[i];

		printf("%*s%-*s  %14llu %14llu  %-9s %14llu\n", INDENT, "", (int)name_width,
		       volume->name, (unsigned long long)volume->offset,
		       (unsigned long long)volume->length,
		       volume->content[0] ? volume->content : "unknown",
		       (unsigned long long)gmi_extents_total(&volume->used));
	}
}

static void print_group(const struct gmi_doctor *doctor, enum gmi_finding_group group, size_t width)
{
	bool begun = false;

	for (uint32_t i = 0; i < doctor->finding_count; i++) {
		const struct gmi_finding *finding = &doctor->findings[i];
		char next[sizeof(finding->next) + 4];

		if (finding->group != group)
			continue;
		if (!begun)
			printf("\n%s\n", gmi_finding_group_title(group));
		begun = true;
		print_sentence(gmi_severity_name(finding->severity), finding->what, width);
		snprintf(next, sizeof(next), "-> %s", finding->next);
		if (finding->next[0])
			print_sentence("", next, width);
	}
	if (group == GMI_FINDING_VOLUMES)
		print_layout(doctor);
}

static void tell(const struct gmi_doctor *doctor, const char *profile)
{
	size_t width = line_width();
	char summary[256];

	printf("Profile %s\n", doctor->loaded ? doctor->profile.path : profile);
	for (int group = 0; group < GMI_FINDING_GROUP_COUNT; group++)
		print_group(doctor, (enum gmi_finding_group)group, width);
	sum_up(doctor, summary, sizeof(summary));
	printf("\n%s\n", summary);
}

/* ---- for programs ---- */

static json_t *findings_json(const struct gmi_doctor *doctor)
{
	json_t *findings = json_array();

	for (uint32_t i = 0; i < doctor->finding_count; i++) {
		const struct gmi_finding *finding = &doctor->findings[i];

		json_array_append_new(findings,
				      json_pack("{s:s, s:s, s:s, s:s}", "group",
						gmi_finding_group_name(finding->group), "severity",
						gmi_severity_name(finding->severity), "what",
						finding->what, "next", finding->next));
	}
	return findings;
}

static json_t *volumes_json(const struct gmi_doctor *doctor)
{
	json_t *volumes = json_array();

	for (uint32_t i = 0; i < doctor->layout.count; i++) {
		const struct gmi_volume *volume = &doctor->layout.volumes[i];

		json_array_append_new(
			volumes,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s}", "name", volume->name,
				  "disk", doctor->device.disks[volume->disk]->name, "offset",
				  (json_int_t)volume->offset, "length", (json_int_t)volume->length,
				  "used", (json_int_t)gmi_extents_total(&volume->used), "content",
				  volume->content, "label", volume->label, "note", volume->note));
	}
	return volumes;
}

static void tell_json(const struct gmi_doctor *doctor, const char *profile)
{
	const struct gmi_identity *identity = &doctor->device.identity;
	char summary[256];
	char path[1024];
	json_t *json;

	/* A path may be any bytes, JSON may not. */
	snprintf(path, sizeof(path), "%s", doctor->loaded ? doctor->profile.path : profile);
	gmi_text_clean(path);
	sum_up(doctor, summary, sizeof(summary));
	json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:s, s:o, s:o}", "profile", path,
			 "device", identity->id, "model", identity->model, "software",
			 identity->software, "severity",
			 gmi_severity_name(gmi_doctor_worst(doctor)), "problems",
			 (int)doctor->counts[GMI_SEVERITY_PROBLEM], "warnings",
			 (int)doctor->counts[GMI_SEVERITY_WARNING], "notes",
			 (int)doctor->counts[GMI_SEVERITY_NOTE], "summary", summary, "findings",
			 findings_json(doctor), "volumes", volumes_json(doctor));
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

static int exit_code_of(enum gmi_severity worst)
{
	switch (worst) {
	case GMI_SEVERITY_WARNING:
		return GMI_EXIT_WARNINGS;
	case GMI_SEVERITY_PROBLEM:
		return GMI_EXIT_PROBLEMS;
	case GMI_SEVERITY_OK:
	case GMI_SEVERITY_NOTE:
	case GMI_SEVERITY_COUNT:
		break;
	}
	return 0;
}

static void free_doctor(struct gmi_doctor **doctor)
{
	gmi_doctor_free(*doctor);
}

int gmi_cmd_doctor(const struct gmi_command *command, int argc, char **argv)
{
	GMI_CLEANUP(free_doctor) struct gmi_doctor *doctor = NULL;
	struct gmi_options options;
	struct gmi_error err;
	int exit_code;

	if (!gmi_options_parse(&options, command, "Pj", 0, 0, argc, argv, &exit_code))
		return exit_code;
	if (gmi_doctor_new(&doctor, "", &err) < 0)
		return gmi_exit_with(&err, NULL);
	gmi_doctor_examine(doctor, options.profile);
	(options.json ? tell_json : tell)(doctor, options.profile);
	return exit_code_of(gmi_doctor_worst(doctor));
}
