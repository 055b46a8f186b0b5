#include "device/programs.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "base/text.h"
#include "device/hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define UNNAMED "a program"

/* ---- who holds the lock file ---- */

struct holder {
	pid_t pid; /* 0: nobody that this process may see */
	char name[GMI_PROGRAM_LENGTH];
};

/* The process's own name of at most 15 characters; false if it is gone. */
static bool name_of(pid_t pid, char name[GMI_PROGRAM_LENGTH])
{
	struct gmi_error ignored;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	if (gmi_read_text_file(path, name, GMI_PROGRAM_LENGTH, &ignored) < 0)
		return false;
	name[strcspn(name, "\n")] = '\0';
	gmi_text_clean(name);
	return *name != '\0';
}

/* Its first child, where the kernel tells (CONFIG_PROC_CHILDREN); else 0. */
static pid_t child_of(pid_t pid)
{
	struct gmi_error ignored;
	char path[96];
	char text[4096];
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	if (gmi_read_text_file(path, text, sizeof(text), &ignored) < 0 ||
	    sscanf(text, "%d", &child) != 1)
		return 0;
	return child;
}

/*
 * `flock FILE COMMAND` holds the lock for its child: that one is the program. Where the locker has
 * gone and left the lock to others (`flock 9` in a script) there is no name.
 */
static void name_holder(struct holder *holder)
{
	char child[GMI_PROGRAM_LENGTH];

	if (!name_of(holder->pid, holder->name))
		snprintf(holder->name, sizeof(holder->name), UNNAMED);
	else if (strcmp(holder->name, "flock") == 0 && name_of(child_of(holder->pid), child))
		memcpy(holder->name, child, sizeof(child));
}

static bool is_gmi(const struct holder *holder)
{
	return holder->pid == getpid() || strcmp(holder->name, "gmi") == 0 ||
	       strcmp(holder->name, "gmid") == 0;
}

/*
 * One line of /proc/locks (proc(5)), "1: FLOCK  ADVISORY  READ 1234 fd:01:5678 0 EOF". A line with
 * "->" behind the number is of one who waits.
 */
static bool holds(const char *line, const struct stat *file, pid_t *pid)
{
	unsigned int major_number;
	unsigned int minor_number;
	uint64_t inode;
	int number;

	if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%" SCNu64, &number, &major_number,
		   &minor_number, &inode) != 4)
		return false;
	*pid = number;
	return inode == file->st_ino && major_number == major(file->st_dev) &&
	       minor_number == minor(file->st_dev);
}

/* The first holder of a lock on the file; pid 0: none, or the kernel does not tell. */
static void find_holder(const char *path, struct holder *holder)
{
	struct stat file;
	char line[256];
	FILE *locks;

	memset(holder, 0, sizeof(*holder));
	if (stat(path, &file) < 0)
		return;
	locks = fopen("/proc/locks", "re");
	if (!locks)
		return;
	while (holder->pid == 0 && fgets(line, sizeof(line), locks)) {
		if (!holds(line, &file, &holder->pid))
			holder->pid = 0;
	}
	fclose(locks);
	if (holder->pid != 0)
		name_holder(holder);
}

/* ---- whether a program runs ---- */

static int fail_with(const char *name, struct gmi_error *err)
{
	return gmi_fail(err, GMI_E_PROGRAM_RUNS, "the device is running %s", name);
}

static int ask_hook(const struct gmi_profile *profile, char program[GMI_PROGRAM_LENGTH],
		    struct gmi_error *err)
{
	char output[GMI_HOOK_OUTPUT];
	int status;

	if (!profile->hooks.busy[0])
		return 0;
	if (gmi_hook_run(profile, "busy", profile->hooks.busy, NULL, output, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	if (status != 1)
		return gmi_fail(err, GMI_E_HOOK,
				"hook busy failed with status %d, so it is not known whether a "
				"program runs%s%s",
				status, *output ? ": " : "", output);
	snprintf(program, GMI_PROGRAM_LENGTH, "%s", *output ? output : UNNAMED);
	return fail_with(program, err);
}

int gmi_programs_check(const struct gmi_profile *profile, char program[GMI_PROGRAM_LENGTH],
		       struct gmi_error *err)
{
	struct holder holder;

	program[0] = '\0';
	/* First the hook: it has a name for people, the kernel has one for processes. */
	if (ask_hook(profile, program, err) < 0)
		return -1;
	if (!profile->lock[0])
		return 0;
	find_holder(profile->lock, &holder);
	if (holder.pid == 0 || is_gmi(&holder))
		return 0;
	memcpy(program, holder.name, GMI_PROGRAM_LENGTH);
	return fail_with(program, err);
}

/* ---- keeping them out ---- */

static int open_lock_file(const struct gmi_profile *profile, int *fd, struct gmi_error *err)
{
	const char *path = profile->lock;

	*fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (*fd >= 0) {
		/* Whatever the umask says: who may not read it cannot lock it. */
		if (fchmod(*fd, 0644) == 0)
			return 0;
		gmi_fail_errno(err, "lock file %s: cannot let everybody read it", path);
		gmi_fd_clear(fd);
		return -1;
	}
	if (errno == EEXIST)
		*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd >= 0)
		return 0;
	if (errno == ENOENT)
		return gmi_fail(
			err, GMI_E_PROFILE,
			"lock file %s: its folder does not exist, so programs cannot be kept "
			"out",
			path);
	return gmi_fail_errno(err, "lock file %s: cannot open", path);
}

int gmi_programs_make_lock_file(const struct gmi_profile *profile, struct gmi_error *err)
{
	GMI_AUTO_FD int fd = -1;

	return profile->lock[0] ? open_lock_file(profile, &fd, err) : 0;
}

int gmi_programs_keep_out(struct gmi_programs_lock *lock, const struct gmi_profile *profile,
			  struct gmi_error *err)
{
	struct holder holder;
	GMI_AUTO_FD int fd = -1;

	if (!profile->lock[0] || lock->held)
		return 0;
	if (open_lock_file(profile, &fd, err) < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		lock->fd = gmi_fd_steal(&fd);
		lock->held = true;
		return 0;
	}
	if (errno != EWOULDBLOCK)
		return gmi_fail_errno(err, "lock file %s: cannot lock", profile->lock);
	find_holder(profile->lock, &holder);
	if (holder.pid == getpid())
		return 0;
	if (is_gmi(&holder))
		return gmi_fail(err, GMI_E_JOB_RUNS, "another gmi keeps programs out by %s",
				profile->lock);
	return fail_with(holder.pid ? holder.name : UNNAMED, err);
}

void gmi_programs_let_in(struct gmi_programs_lock *lock)
{
	if (!lock->held)
		return;
	/* Not by closing alone: a process that was forked meanwhile may have the descriptor, too.
	 */
	flock(lock->fd, LOCK_UN);
	close(lock->fd);
	lock->held = false;
}
