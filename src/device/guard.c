#include "device/guard.h"

#include "base/child.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "device/guard_protocol.h"
#include "device/hooks.h"
#include "device/record.h"
#include "device/rest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* What freezing may take beside the hook, until gmi stops waiting for it: it flushes everything. */
#define FREEZE_SECONDS 120
/* A guard that is not ready by then is thrown away, and another one made. */
#define READY_SECONDS 3
#define START_TRIES 10

struct gmi_guard {
	const struct gmi_profile *profile;
	int socket; /* -1: the guard is gone */
	pid_t pid;
	bool at_rest;
};

/* How long the guard may need for one thing at most, in seconds. */
static double patience(const struct gmi_guard *guard)
{
	return 2.0 * guard->profile->hooks.timeout + FREEZE_SECONDS;
}

/*
 * Lets the guard end, and waits for it: what it has to let go is let go then. One that hangs in the
 * kernel is left behind.
 */
static void reap(struct gmi_guard *guard)
{
	gmi_fd_clear(&guard->socket);
	if (guard->pid > 0)
		(void)gmi_child_ends(guard->pid, patience(guard), NULL);
	guard->pid = 0;
}

/* False when the guard is gone, or does not answer in time. */
static bool receive(struct gmi_guard *guard, struct gmi_guard_answer *answer, double deadline)
{
	struct pollfd poller = { .fd = guard->socket, .events = POLLIN };

	for (;;) {
		double left = deadline - gmi_clock_seconds();
		ssize_t got;

		if (left <= 0)
			return false;
		if (poll(&poller, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		got = recv(guard->socket, answer, sizeof(*answer), 0);
		if (got == (ssize_t)sizeof(*answer))
			return true;
		if (got >= 0 || errno != EINTR)
			return false;
	}
}

/* Forks a guard and waits until it is ready. False, with nothing left behind, if it cannot be. */
static bool try_to_start(struct gmi_guard *guard, const struct gmi_rest_device *device)
{
	struct gmi_guard_answer answer;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	guard->socket = ends[0];
	guard->pid = fork();
	if (guard->pid == 0) {
		close(ends[0]);
		gmi_guard_serve(ends[1], device);
	}
	close(ends[1]);
	if (guard->pid > 0 && receive(guard, &answer, gmi_clock_seconds() + READY_SECONDS))
		return true;
	/* guard_serve.c, try_memory(): it may never be. Nothing is at rest yet. */
	if (guard->pid > 0)
		kill(guard->pid, SIGKILL);
	reap(guard);
	return false;
}

int gmi_guard_start(struct gmi_guard **out, const struct gmi_profile *profile,
		    struct gmi_disk *const *disks, uint32_t disk_count, bool for_writing,
		    struct gmi_error *err)
{
	struct gmi_rest_device device = { profile, disks, disk_count, for_writing };
	struct gmi_guard *guard = calloc(1, sizeof(*guard));

	*out = NULL;
	if (!guard)
		return gmi_fail(err, GMI_E_SYSTEM, "out of memory for the guard");
	guard->profile = profile;
	guard->socket = -1;
	for (int tries = 0; tries < START_TRIES; tries++) {
		if (try_to_start(guard, &device)) {
			*out = guard;
			return 0;
		}
	}
	free(guard);
	return gmi_fail_errno(err, "the guard process cannot be started");
}

/* 0, or -1 with what the guard says is wrong; GMI_E_CANCELLED: it said nothing, it is gone. */
static int ask(struct gmi_guard *guard, enum gmi_guard_request request, struct gmi_report *report,
	       struct gmi_error *err)
{
	double deadline = gmi_clock_seconds() + patience(guard);
	struct gmi_guard_answer answer;

	if (guard->socket < 0 || send(guard->socket, &request, sizeof(request), MSG_NOSIGNAL) < 0)
		return gmi_fail(err, GMI_E_CANCELLED, "the guard process is gone");
	while (receive(guard, &answer, deadline)) {
		if (answer.kind == GMI_GUARD_SAYS) {
			gmi_report_say(report, "%s", answer.err.message);
			continue;
		}
		if (answer.kind == GMI_GUARD_DONE)
			return 0;
		*err = answer.err;
		return -1;
	}
	if (gmi_clock_seconds() >= deadline)
		return gmi_fail(err, GMI_E_SYSTEM,
				"the device does not come to rest; it is let go as soon as that is "
				"possible");
	return gmi_fail(err, GMI_E_CANCELLED, "the guard process is gone");
}

/* The guard was killed: what it noted is undone here. */
static int stand_in(struct gmi_guard *guard, struct gmi_error *err)
{
	bool found;

	reap(guard);
	return gmi_guard_recover(guard->profile, &found, err);
}

int gmi_guard_quiesce(struct gmi_guard *guard, struct gmi_report *report, struct gmi_error *err)
{
	struct gmi_error other;

	if (ask(guard, GMI_GUARD_QUIESCE, report, err) == 0) {
		guard->at_rest = true;
		return 0;
	}
	if (err->code == GMI_E_CANCELLED && stand_in(guard, &other) < 0)
		gmi_error_prefix(err, "%s; before that", other.message);
	if (err->code == GMI_E_CANCELLED)
		err->code = GMI_E_SYSTEM;
	return -1;
}

int gmi_guard_shut_down(struct gmi_guard *guard, struct gmi_report *report, struct gmi_error *err)
{
	if (ask(guard, GMI_GUARD_SHUT_DOWN, report, err) < 0)
		return -1;
	guard->at_rest = false;
	reap(guard);
	return 0;
}

int gmi_guard_release(struct gmi_guard *guard, struct gmi_report *report, struct gmi_error *err)
{
	int result;

	if (!guard->at_rest)
		return 0;
	guard->at_rest = false;
	result = ask(guard, GMI_GUARD_RELEASE, report, err);
	if (result == 0 || err->code != GMI_E_CANCELLED) {
		reap(guard);
		return result;
	}
	return stand_in(guard, err);
}

void gmi_guard_end(struct gmi_guard *guard)
{
	if (!guard)
		return;
	/* What is at rest still, it lets go when it finds itself alone. */
	reap(guard);
	free(guard);
}

int gmi_guard_recover(const struct gmi_profile *profile, bool *found, struct gmi_error *err)
{
	struct gmi_record record;
	char why[256];
	int result;

	*found = false;
	if (gmi_record_open(&record, profile, why, err) < 0)
		return -1;
	result = gmi_guard_let_go_of_left(profile, &record, found, err);
	gmi_record_close(&record);
	return result;
}
