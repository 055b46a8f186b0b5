/* The guard's side. It was forked out of a process with threads and holds nothing of what those
 * held. */
#include "base/clock.h"
#include "device/guard_protocol.h"
#include "device/group.h"
#include "device/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* try_memory(): the address sanitizer's cache keeps 512 pieces or 128 KiB of a size. */
#define HELD_MAX 520u
#define HELD_LENGTH (160u << 10)

#define HOOK_WORD "hook"
#define GROUP_WORD "group"

struct serving {
	int socket;
	const struct gmi_rest_device *device;
	struct gmi_record record;
	struct gmi_rest_plan plan;
	bool hook_ran; /* the quiesce hook was begun */
	bool at_rest;
	bool expired; /* released before it was asked to */
	double deadline;
};

/* ---- a process of its own ---- */

static bool is_kept(const struct gmi_rest_device *device, int fd, int socket)
{
	for (uint32_t i = 0; i < device->disk_count; i++) {
		if (device->disks[i]->fd == fd)
			return true;
	}
	return fd <= 2 || fd == socket;
}

/*
 * The port must be free for the next gmid, connections must end with this one. The disks stay open,
 * and with them their locks: nobody else may begin before the device was let go.
 */
static void close_what_is_not_ours(const struct gmi_rest_device *device, int socket)
{
	DIR *files = opendir("/proc/self/fd");
	struct dirent *entry;

	while (files && (entry = readdir(files)) != NULL) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd != dirfd(files) && !is_kept(device, fd, socket))
			close(fd);
	}
	if (files)
		closedir(files);
}

/* Out of reach of Ctrl-C, of signals to gmid by its name, and of the killer for lack of memory. */
static void stand_apart(const struct gmi_rest_device *device, int socket)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int score;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "gmi-guard");
	if (chdir("/") < 0)
		_exit(1);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	close_what_is_not_ours(device, socket);
	gmi_hooks_keep_oom_score();
	score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (score >= 0) {
		(void)!write(score, "-1000", 5);
		close(score);
	}
}

/* ---- talking ---- */

static void answer(const struct serving *serving, int kind, const struct gmi_error *err)
{
	struct gmi_guard_answer answer;

	memset(&answer, 0, sizeof(answer));
	answer.kind = kind;
	if (err)
		answer.err = *err;
	(void)send(serving->socket, &answer, sizeof(answer), MSG_NOSIGNAL);
}

static void say(void *context, const char *text)
{
	struct gmi_error line;

	gmi_fail(&line, GMI_OK, "%s", text);
	answer(context, GMI_GUARD_SAYS, &line);
}

/* ---- rest and release ---- */

static int let_go(const struct gmi_profile *profile, struct gmi_record *record,
		  struct gmi_rest_plan *plan, bool hook_ran, struct gmi_error *err)
{
	struct gmi_error other;
	int result = gmi_rest_undo(plan, err);

	/* Whatever went wrong: services are better off running. */
	if (hook_ran && gmi_hook_succeed(profile, "release", profile->hooks.release, NULL,
					 result < 0 ? &other : err) < 0)
		result = -1;
	gmi_record_clear(record);
	return result;
}

/* Behind the word, where the line begins with it. */
static const char *behind(const char *line, const char *word)
{
	size_t length = strlen(word);

	return strncmp(line, word, length) == 0 && line[length] == ' ' ? line + length + 1 : NULL;
}

int gmi_guard_let_go_of_left(const struct gmi_profile *profile, struct gmi_record *record,
			     bool *found, struct gmi_error *err)
{
	char line[GMI_MOUNT_LINE + 16];
	struct gmi_rest_plan plan;
	struct gmi_group hook = { 0 };
	struct gmi_error other;
	bool hook_ran = false;
	int ended;
	int result;

	*found = false;
	if (gmi_rest_plan_new(&plan, err) < 0)
		return -1;
	while (gmi_record_read(record, line, sizeof(line))) {
		const char *group = behind(line, GROUP_WORD);

		*found = true;
		hook_ran |= behind(line, HOOK_WORD) != NULL;
		if (group)
			(void)!gmi_group_parse(group, &hook);
		gmi_rest_plan_add_noted(&plan, line);
	}
	/* First, or what the release starts it would stop again. */
	ended = gmi_group_end(&hook, err);
	result = let_go(profile, record, &plan, hook_ran, ended < 0 ? &other : err);
	gmi_rest_plan_release(&plan);
	return ended < 0 ? -1 : result;
}

static int open_record(struct serving *serving, struct gmi_error *err)
{
	const struct gmi_profile *profile = serving->device->profile;
	struct gmi_error left;
	char why[256];
	bool found;

	if (gmi_record_open(&serving->record, profile, why, err) < 0)
		return -1;
	if (gmi_guard_let_go_of_left(profile, &serving->record, &found, &left) < 0)
		say(serving, left.message);
	if (found)
		say(serving, "An earlier backup or restore was killed; what it left at rest was "
			     "released");
	return 0;
}

/* The hooks of a device without a runtime folder are run all the same. */
static void note_hook(struct serving *serving, const char *word, const char *what)
{
	struct gmi_error ignored;

	if (gmi_record_note(&serving->record, word, what, &ignored) < 0)
		gmi_record_clear(&serving->record);
}

/* So that whoever stands in for a killed guard can end a hook that goes on alone. */
static void note_group(void *context, pid_t leader)
{
	struct serving *serving = context;
	struct gmi_group group;
	char text[GMI_GROUP_TEXT];

	if (!gmi_group_of(leader, &group))
		return;
	gmi_group_print(&group, text);
	note_hook(serving, GROUP_WORD, text);
}

static int run_quiesce_hook(struct serving *serving, struct gmi_error *err)
{
	const struct gmi_profile *profile = serving->device->profile;
	const struct gmi_hook_owner owner = { serving->socket, note_group, serving };

	note_hook(serving, HOOK_WORD, "quiesce");
	serving->hook_ran = true;
	return gmi_hook_succeed(profile, "quiesce", profile->hooks.quiesce, &owner, err);
}

static int quiesce(struct serving *serving, struct gmi_error *err)
{
	const struct gmi_rest_voice voice = { say, serving };
	struct gmi_error other;

	if (open_record(serving, err) < 0)
		return -1;
	if (run_quiesce_hook(serving, err) == 0 &&
	    gmi_rest_begin(&serving->plan, serving->device, &serving->record, &voice, err) == 0) {
		serving->at_rest = true;
		serving->deadline =
			gmi_clock_seconds() + serving->device->profile->hooks.quiesce_limit;
		return 0;
	}
	/* It may have stopped half of the services: bring back what it stopped. */
	if (let_go(serving->device->profile, &serving->record, &serving->plan, serving->hook_ran,
		   &other) < 0)
		gmi_error_prefix(err, "%s; before that", other.message);
	return -1;
}

static int release(struct serving *serving, struct gmi_error *err)
{
	serving->at_rest = false;
	return let_go(serving->device->profile, &serving->record, &serving->plan, serving->hook_ran,
		      err);
}

static int shut_down(struct serving *serving, struct gmi_error *err)
{
	const struct gmi_rest_voice voice = { say, serving };

	if (gmi_rest_shut_down(&serving->plan, serving->device, &voice, err) < 0)
		return -1;
	/* From here on only a restart brings the device back. */
	serving->at_rest = false;
	gmi_record_clear(&serving->record);
	return 0;
}

static int serve(struct serving *serving, enum gmi_guard_request request, struct gmi_error *err)
{
	if (serving->expired)
		return gmi_fail(err, GMI_E_HOOK,
				"the device was at rest for %u seconds, the most that the profile "
				"allows (quiesce_limit), and was released before all was done",
				serving->device->profile->hooks.quiesce_limit);
	switch (request) {
	case GMI_GUARD_QUIESCE:
		return quiesce(serving, err);
	case GMI_GUARD_RELEASE:
		return release(serving, err);
	case GMI_GUARD_SHUT_DOWN:
		return shut_down(serving, err);
	}
	return gmi_fail(err, GMI_E_USAGE, "the guard does not understand");
}

/* Milliseconds until the device must be let go; -1: no end. */
static int patience(const struct serving *serving)
{
	double left = serving->deadline - gmi_clock_seconds();

	if (!serving->at_rest)
		return -1;
	return left > 0 ? (int)(left > 3600 ? 3600000 : left * 1000) + 1 : 0;
}

/* The next request; false when gmi is gone. */
static bool next(struct serving *serving, enum gmi_guard_request *request)
{
	struct pollfd poller = { .fd = serving->socket, .events = POLLIN };
	struct gmi_error ignored;

	for (;;) {
		int left = patience(serving);
		ssize_t got;

		if (left == 0) {
			serving->expired = true;
			(void)!release(serving, &ignored);
			continue;
		}
		if (poll(&poller, 1, left) <= 0)
			continue;
		got = recv(serving->socket, request, sizeof(*request), 0);
		if (got < 0 && errno == EINTR)
			continue;
		return got == (ssize_t)sizeof(*request);
	}
}

/*
 * Whether memory can be had in every size. Whoever forks while another thread holds a lock of the
 * allocator has a child that waits for it for ever; C libraries see to theirs, allocators that
 * stand in for them (sanitizers) may not. Better to hang here, where gmi notices, than with a
 * frozen disk. An allocator gives some pieces of each size without its lock, out of a cache of the
 * thread's own: more are held at once than any that we know keeps.
 */
static void try_memory(void)
{
	static void *held[HELD_MAX];

	for (size_t size = 16; size <= (512u << 10); size += size / 8 + 8) {
		size_t count = HELD_LENGTH / size + 2;

		if (count > HELD_MAX)
			count = HELD_MAX;
		for (size_t i = 0; i < count; i++) {
			held[i] = malloc(size);
			if (held[i])
				*(volatile uint8_t *)held[i] = 0;
		}
		for (size_t i = 0; i < count; i++)
			free(held[i]);
	}
}

void gmi_guard_serve(int socket, const struct gmi_rest_device *device)
{
	struct serving serving = { .socket = socket, .device = device };
	enum gmi_guard_request request;
	struct gmi_error err;

	stand_apart(device, socket);
	if (gmi_rest_plan_new(&serving.plan, &err) < 0)
		_exit(1);
	try_memory();
	answer(&serving, GMI_GUARD_READY, NULL);
	while (next(&serving, &request)) {
		int result = serve(&serving, request, &err);

		answer(&serving, result < 0 ? GMI_GUARD_FAILED : GMI_GUARD_DONE,
		       result < 0 ? &err : NULL);
	}
	if (serving.at_rest)
		(void)!release(&serving, &err);
	_exit(0);
}
