/* The hooks: is the program of each one there, may it be run, and by whom changed? */
#include "doctor/checks.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- which program ---- */

/* What POSIX lets the shell do by itself, and its reserved words. */
static bool is_builtin(const char *word)
{
	static const char *const builtins[] = {
		"!",     ".",       ":",        "[",       "alias", "bg",       "break",  "case",
		"cd",    "command", "continue", "echo",    "eval",  "exit",     "export", "false",
		"fc",    "fg",      "for",      "getopts", "hash",  "if",       "jobs",   "kill",
		"let",   "local",   "printf",   "pwd",     "read",  "readonly", "return", "set",
		"shift", "source",  "test",     "times",   "trap",  "true",     "type",   "ulimit",
		"umask", "unalias", "unset",    "until",   "wait",  "while",
	};

	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
		if (strcmp(word, builtins[i]) == 0)
			return true;
	}
	return false;
}

/* "NAME=value", which the shell takes for the program's environment. */
static bool is_assignment(const char *word)
{
	size_t name =
		strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");

	return name > 0 && word[name] == '=';
}

/* One word; false where it takes a shell to know what it is. */
static bool next_word(const char **command, char word[256])
{
	const char *at = *command + strspn(*command, " \t");
	size_t length;

	if (*at == '\'' || *at == '"') {
		length = strcspn(at + 1, (char[]){ *at, '\0' });
		if (at[1 + length] == '\0')
			return false; /* no end */
		*command = at + length + 2;
		at++;
	} else {
		length = strcspn(at, " \t;&|<>");
		*command = at + length;
	}
	if (length == 0 || length >= 256)
		return false;
	memcpy(word, at, length);
	word[length] = '\0';
	return word[strcspn(word, "$`(){}*?\\'\"")] == '\0';
}

bool gmi_doctor_program_of(const char *command, char word[256])
{
	do {
		if (!next_word(&command, word))
			return false;
	} while (is_assignment(word) || strcmp(word, "exec") == 0);
	return !is_builtin(word);
}

static bool is_file(const char *path)
{
	struct stat file;

	return stat(path, &file) == 0 && S_ISREG(file.st_mode);
}

bool gmi_doctor_find_program(const struct gmi_profile *profile, const char *word, char path[600])
{
	const char *places = getenv("PATH");

	if (strchr(word, '/')) {
		snprintf(path, 600, "%s%s%s", word[0] == '/' ? "" : profile->folder,
			 word[0] == '/' ? "" : "/", word);
		return access(path, F_OK) == 0;
	}
	if (!places)
		places = USUAL_PATH;
	while (*places) {
		size_t length = strcspn(places, ":");

		snprintf(path, 600, "%.*s/%s", (int)(length < 300 ? length : 300), places, word);
		if (length > 0 && is_file(path) && access(path, X_OK) == 0)
			return true;
		places += length + (places[length] == ':');
	}
	snprintf(path, 600, "%s", word);
	return false;
}

/* ---- one program ---- */

/* A script whose interpreter is missing fails with "not found", which nobody believes. */
static bool has_interpreter(const char *path, char interpreter[256])
{
	FILE *file = fopen(path, "re");
	char line[300] = "";

	if (file) {
		if (!fgets(line, sizeof(line), file))
			line[0] = '\0';
		fclose(file);
	}
	if (line[0] != '#' || line[1] != '!' ||
	    sscanf(line + 2, " %255[^ \t\r\n]", interpreter) != 1)
		return true;
	return access(interpreter, X_OK) == 0;
}

static void check_writers(struct gmi_doctor *doctor, const char *name, const char *path)
{
	char folder[600];
	struct stat file;

	snprintf(folder, sizeof(folder), "%s", path);
	*(strrchr(folder, '/') + 1) = '\0';
	if (stat(path, &file) == 0 && (file.st_mode & S_IWOTH)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_WARNING,
				"hook %s: everybody may change %s, which gmid runs as root", name,
				path);
		gmi_doctor_advise(doctor, "chmod o-w %s", path);
	} else if (stat(folder, &file) == 0 && (file.st_mode & S_IWOTH) &&
		   !(file.st_mode & S_ISVTX)) {
		gmi_doctor_find(
			doctor, GMI_SEVERITY_WARNING,
			"hook %s: everybody may replace what lies in %s, and gmid runs %s as "
			"root",
			name, folder, path);
		gmi_doctor_advise(doctor, "chmod o-w %s", folder);
	}
}

/* True if it can be run, as far as can be seen. */
static bool check_file(struct gmi_doctor *doctor, const char *name, const char *path)
{
	char interpreter[256];
	struct stat file;

	if (stat(path, &file) < 0 && gmi_doctor_is_forbidden(errno)) {
		gmi_doctor_unseen(doctor, "hook %s: %s cannot be looked at", name, path);
		return true;
	}
	if (!is_file(path) || !(file.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH))) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "hook %s: %s is not %s", name, path,
				is_file(path) ? "executable" : "a program");
		gmi_doctor_advise(doctor, is_file(path) ? "chmod +x %s" : "Correct the hook: %s.",
				  is_file(path) ? path : "a file is wanted");
		return false;
	}
	if (access(path, X_OK) < 0) {
		gmi_doctor_unseen(doctor, "hook %s: %s may be run by root only", name, path);
		return true;
	}
	if (!has_interpreter(path, interpreter)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM,
				"hook %s: %s wants to be run by %s, which is not there", name, path,
				interpreter);
		gmi_doctor_advise(doctor, "Correct the script's first line, or install %s.",
				  interpreter);
		return false;
	}
	check_writers(doctor, name, path);
	return true;
}

static bool check_command(struct gmi_doctor *doctor, const char *name, const char *command)
{
	uint32_t before = doctor->finding_count;
	char word[256];
	char path[600];
	bool found;

	if (!gmi_doctor_program_of(command, word)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "hook %s is a command of the shell: %s",
				name, command);
		return true;
	}
	found = gmi_doctor_find_program(&doctor->profile, word, path);
	if (!found && !(strchr(word, '/') && gmi_doctor_is_forbidden(errno))) {
		gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "hook %s: %s is not there", name,
				path);
		gmi_doctor_advise(doctor, "Put the program there, or correct the hook in the "
					  "profile.");
		return false;
	}
	if (!check_file(doctor, name, path))
		return false;
	if (doctor->finding_count == before)
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "hook %s: %s can be run", name, path);
	return true;
}

/* ---- all of them ---- */

static void ask_busy(struct gmi_doctor *doctor)
{
	struct gmi_error err;
	char program[64];

	if (gmi_programs_check(&doctor->profile, program, &err) == 0) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK, "hook busy was asked: the device is idle");
		return;
	}
	if (err.code == GMI_E_PROGRAM_RUNS) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE, "hook busy was asked: %s", err.message);
		gmi_doctor_advise(doctor,
				  "Nothing to do: neither backup nor restore starts until it "
				  "is over.");
		return;
	}
	gmi_doctor_find(doctor, GMI_SEVERITY_PROBLEM, "%s", err.message);
	gmi_doctor_advise(doctor,
			  "Nothing starts as long as the hook gives no answer: run it by hand "
			  "and see.");
}

static void tell_none(struct gmi_doctor *doctor, const char *name, const char *means,
		      const char *next)
{
	gmi_doctor_find(doctor, GMI_SEVERITY_WARNING, "no hook %s: %s", name, means);
	gmi_doctor_advise(doctor, "%s", next);
}

void gmi_doctor_check_hooks(struct gmi_doctor *doctor)
{
	const struct gmi_profile_hooks *hooks = &doctor->profile.hooks;

	if (!hooks->busy[0])
		tell_none(doctor, "busy", "the device always counts as idle",
			  "Add one that knows whether a program runs, or a backup may begin in the "
			  "middle of a measurement.");
	else if (check_command(doctor, "busy", hooks->busy))
		ask_busy(doctor);
	if (!hooks->quiesce[0])
		tell_none(
			doctor, "quiesce", "the services go on during a backup",
			"Add one that stops whatever writes, or files may be stored half written.");
	else
		(void)check_command(doctor, "quiesce", hooks->quiesce);
	if (hooks->release[0])
		(void)check_command(doctor, "release", hooks->release);
	else if (hooks->quiesce[0])
		tell_none(doctor, "release",
			  "what quiesce stops stays so until the device restarts",
			  "Add one that starts again what quiesce stops.");
	if (!hooks->restart[0])
		tell_none(
			doctor, "restart", "the page cannot restart the device after a restore",
			"Add restart = /sbin/reboot, or the user has to switch the device off and "
			"on.");
	else
		(void)check_command(doctor, "restart", hooks->restart);
}
