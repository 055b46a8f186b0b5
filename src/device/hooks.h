/*
 * Runs one of the profile's command lines: by /bin/sh, in the profile's folder, with GMI_PROFILE
 * set, in a process group of its own that is killed as a whole when the time is over. Internal to
 * src/device.
 */
#ifndef GMI_DEVICE_HOOKS_H
#define GMI_DEVICE_HOOKS_H

#include "base/error.h"
#include "device/profile.h"

#include <sys/types.h>

#define GMI_HOOK_OUTPUT 256

/* For whom a hook runs. */
struct gmi_hook_owner {
	int asker; /* a socket: when its other end is closed, nobody waits any more */
	/* Called when its process group is there and before its first command. */
	void (*begins)(void *context, pid_t group);
	void *context;
};

/*
 * *status is the exit status, 0 to 255 (128 + n after signal n). What the hook printed, up to
 * GMI_HOOK_OUTPUT - 1 bytes of it, goes to output. Fails only if it cannot be run, takes too long,
 * or nobody waits for it any more; returns then even if the kernel does not let it end, and it does
 * nothing more all the same. `owner` may be NULL.
 */
GMI_MUST_CHECK int gmi_hook_run(const struct gmi_profile *profile, const char *name,
				const char *command, const struct gmi_hook_owner *owner,
				char output[GMI_HOOK_OUTPUT], int *status, struct gmi_error *err);

/* The same where anything but exit 0 is a failure. An empty command is done at once. */
GMI_MUST_CHECK int gmi_hook_succeed(const struct gmi_profile *profile, const char *name,
				    const char *command, const struct gmi_hook_owner *owner,
				    struct gmi_error *err);

/*
 * Hooks, and the services that they start, keep the killability for lack of memory that this
 * process has now, whatever it gets later (/proc/self/oom_score_adj).
 */
void gmi_hooks_keep_oom_score(void);

#endif
