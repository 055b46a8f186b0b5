#include "device/group.h"

#include "base/clock.h"
#include "base/io.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct process {
	pid_t group;
	unsigned long long started;
};

/* proc_pid_stat(5). False if it has ended, also if nobody has asked for its status yet. */
static bool look_at(pid_t pid, struct process *process)
{
	struct gmi_error ignored;
	char path[64];
	char text[1024];
	char *fields;
	char state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (gmi_read_text_file(path, text, sizeof(text), &ignored) < 0)
		return false;
	/* The name in brackets may hold blanks and brackets. */
	fields = strrchr(text, ')');
	if (!fields || sscanf(fields + 1,
			      " %c %*d %d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			      "%*d %*d %llu",
			      &state, &process->group, &process->started) != 3)
		return false;
	return state != 'Z' && state != 'X';
}

bool gmi_group_of(pid_t leader, struct gmi_group *group)
{
	struct process process;

	if (!look_at(leader, &process) || process.group != leader)
		return false;
	*group = (struct gmi_group){ leader, process.started };
	return true;
}

void gmi_group_print(const struct gmi_group *group, char text[GMI_GROUP_TEXT])
{
	snprintf(text, GMI_GROUP_TEXT, "%d %llu", (int)group->leader, group->started);
}

bool gmi_group_parse(const char *text, struct gmi_group *group)
{
	/* 0 and 1 would be kill(2)'s words for others than a group of ours. */
	return sscanf(text, "%d %llu", &group->leader, &group->started) == 2 && group->leader > 1;
}

static bool any_lives(pid_t group)
{
	DIR *processes = opendir("/proc");
	struct process process;
	struct dirent *entry;
	bool found = false;

	while (processes && !found && (entry = readdir(processes)) != NULL)
		found = isdigit((unsigned char)entry->d_name[0]) &&
			look_at(atoi(entry->d_name), &process) && process.group == group;
	if (processes)
		closedir(processes);
	return found;
}

int gmi_group_end(const struct gmi_group *group, struct gmi_error *err)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	double deadline = gmi_clock_seconds() + GMI_GROUP_END_SECONDS;
	struct gmi_group now;

	if (group->leader <= 1 || !gmi_group_of(group->leader, &now) ||
	    now.started != group->started)
		return 0;
	do {
		kill(-group->leader, SIGKILL);
		if (!any_lives(group->leader))
			return 0;
		nanosleep(&pause, NULL);
	} while (gmi_clock_seconds() < deadline);
	return gmi_fail(err, GMI_E_HOOK,
			"the hook of an earlier job (process group %d) was killed and does not "
			"end: it waits in the kernel, perhaps for a frozen filesystem",
			(int)group->leader);
}
