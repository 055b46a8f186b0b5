#include "device/hooks.h"

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/text.h"
#include "device/group.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char kept_oom_score[16]; /* empty: hooks inherit this process's */

void gmi_hooks_keep_oom_score(void)
{
	struct gmi_error ignored;

	if (gmi_read_text_file("/proc/self/oom_score_adj", kept_oom_score, sizeof(kept_oom_score),
			       &ignored) < 0)
		kept_oom_score[0] = '\0';
	kept_oom_score[strcspn(kept_oom_score, "\n")] = '\0';
}

/*
 * It waits for a line on `go` first; where that ends without one, nobody has noted the hook, and
 * nothing is done. chdir goes through the shell: posix_spawn's own way to do it is not in every C
 * library.
 */
static int spawn(const struct gmi_profile *profile, const char *command, int go, int output,
		 pid_t *pid)
{
	char *const arguments[] = {
		"/bin/sh",
		"-c",
		"read -r go && exec </dev/null || exit 127; "
		"cd \"$1\" || exit 127; export GMI_PROFILE=\"$2\"; "
		"[ -z \"$4\" ] || { echo \"$4\" >/proc/self/oom_score_adj; } 2>/dev/null; "
		"eval \"$3\"",
		"gmi-hook",
		(char *)profile->folder,
		(char *)profile->path,
		(char *)command,
		kept_oom_score,
		NULL,
	};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all;
	sigset_t none;
	int result;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, go, 0);
	posix_spawn_file_actions_adddup2(&actions, output, 1);
	posix_spawn_file_actions_adddup2(&actions, output, 2);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attributes, 0);
	/* A service that ignores SIGPIPE and blocks signals must not hand that on. */
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	result = posix_spawn(pid, "/bin/sh", &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

/* Keeps the first bytes of what comes, reads and forgets the rest. False when all writers are gone.
 */
static bool drain(int fd, char output[GMI_HOOK_OUTPUT], size_t *kept)
{
	char bytes[4096];
	ssize_t got = read(fd, bytes, sizeof(bytes));

	if (got < 0)
		return errno == EINTR || errno == EAGAIN;
	for (ssize_t i = 0; i < got && *kept + 1 < GMI_HOOK_OUTPUT; i++)
		output[(*kept)++] = bytes[i];
	output[*kept] = '\0';
	return got > 0;
}

static bool nobody_asks(const struct gmi_hook_owner *owner)
{
	struct pollfd poller = { .fd = owner->asker };

	return poller.fd >= 0 && poll(&poller, 1, 0) > 0 && (poller.revents & POLLHUP);
}

/*
 * Waits for the hook itself, not for its output's end: a hook that starts a service leaves a child
 * behind that holds the pipe open. Returns 0 and the status, or -1 when the time was over.
 */
static int wait_for(pid_t pid, int fd, const struct gmi_hook_owner *owner, double deadline,
		    char output[GMI_HOOK_OUTPUT], int *status)
{
	size_t kept = 0;
	bool open = true;

	output[0] = '\0';
	for (;;) {
		pid_t done = waitpid(pid, status, WNOHANG);
		struct pollfd poller[] = {
			{ .fd = open ? fd : -1, .events = POLLIN },
			{ .fd = owner->asker },
		};

		if (done == pid) {
			/* What it left in the pipe; a child that goes on talking would never end.
			 */
			while (open && kept + 1 < GMI_HOOK_OUTPUT && poll(poller, 1, 0) > 0)
				open = drain(fd, output, &kept);
			return 0;
		}
		if (gmi_clock_seconds() >= deadline || nobody_asks(owner))
			return -1;
		/* Short enough to notice the end soon, long enough to cost nothing. */
		if (poll(poller, 2, 20) > 0 && poller[0].revents)
			open = drain(fd, output, &kept);
	}
}

struct channel {
	int reading;
	int writing;
};

static void close_channel(struct channel *channel)
{
	gmi_fd_clear(&channel->reading);
	gmi_fd_clear(&channel->writing);
}

static int open_channel(struct channel *channel, const char *name, struct gmi_error *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return gmi_fail_errno(err, "hook %s: no pipe", name);
	*channel = (struct channel){ ends[0], ends[1] };
	return 0;
}

/* The hook's process waits until its owner has noted it. */
static int begin(const struct gmi_profile *profile, const char *name, const char *command,
		 const struct gmi_hook_owner *owner, int output, pid_t *pid, struct gmi_error *err)
{
	GMI_CLEANUP(close_channel) struct channel go = { -1, -1 };
	int result;

	if (open_channel(&go, name, err) < 0)
		return -1;
	result = spawn(profile, command, go.reading, output, pid);
	if (result != 0)
		return gmi_fail(err, GMI_E_HOOK, "hook %s cannot be run: %s", name,
				strerror(result));
	if (owner->begins)
		owner->begins(owner->context, *pid);
	/* Our own reading end is open still, so this cannot be a broken pipe. */
	(void)!write(go.writing, "\n", 1);
	return 0;
}

/* All of it, and says why. */
static int stop(const struct gmi_profile *profile, const char *name,
		const struct gmi_hook_owner *owner, pid_t pid, struct gmi_error *err)
{
	bool ended;

	kill(-pid, SIGKILL);
	/* Who writes to a frozen filesystem does not end. */
	ended = gmi_child_ends(pid, GMI_GROUP_END_SECONDS, NULL);
	if (nobody_asks(owner))
		return gmi_fail(err, GMI_E_CANCELLED, "hook %s was stopped", name);
	return gmi_fail(err, GMI_E_HOOK, "hook %s took longer than %u seconds and %s", name,
			profile->hooks.timeout,
			ended ? "was stopped"
			      : "cannot be killed: it waits in the kernel, perhaps for a frozen "
				"filesystem");
}

int gmi_hook_run(const struct gmi_profile *profile, const char *name, const char *command,
		 const struct gmi_hook_owner *owner, char output[GMI_HOOK_OUTPUT], int *status,
		 struct gmi_error *err)
{
	static const struct gmi_hook_owner nobody = { .asker = -1 };
	double deadline = gmi_clock_seconds() + profile->hooks.timeout;
	GMI_CLEANUP(close_channel) struct channel said = { -1, -1 };
	pid_t pid;

	owner = owner ? owner : &nobody;
	if (open_channel(&said, name, err) < 0)
		return -1;
	fcntl(said.reading, F_SETFL, O_NONBLOCK);
	if (begin(profile, name, command, owner, said.writing, &pid, err) < 0)
		return -1;
	gmi_fd_clear(&said.writing);
	if (wait_for(pid, said.reading, owner, deadline, output, status) < 0)
		return stop(profile, name, owner, pid, err);
	*status = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
	/* One line for a message: what it printed first. */
	output[strcspn(output, "\r\n")] = '\0';
	gmi_text_clean(output);
	return 0;
}

int gmi_hook_succeed(const struct gmi_profile *profile, const char *name, const char *command,
		     const struct gmi_hook_owner *owner, struct gmi_error *err)
{
	char output[GMI_HOOK_OUTPUT];
	int status;

	if (!command[0])
		return 0;
	if (gmi_hook_run(profile, name, command, owner, output, &status, err) < 0)
		return -1;
	if (status != 0)
		return gmi_fail(err, GMI_E_HOOK, "hook %s failed with status %d%s%s", name, status,
				*output ? ": " : "", output);
	return 0;
}
