/*
 * The process group of a hook, told in such a way that another process can end it: whoever stands
 * in for a guard that was killed must not let the device go while its hook still stops services.
 *
 *   gmi_group_of      who starts the hook: what to note of it
 *   gmi_group_parse   who stands in: what was noted
 *   gmi_group_end     all of it is killed, if it is still that group
 */
#ifndef GMI_DEVICE_GROUP_H
#define GMI_DEVICE_GROUP_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

#define GMI_GROUP_TEXT 48
/* What the kernel has not let go by then, once it was killed, it may never let go. */
#define GMI_GROUP_END_SECONDS 5

/* All zeros: none. */
struct gmi_group {
	pid_t leader; /* the group's number, too */
	/* Clock ticks since the system's start: a pid is used again, but not at the same time. */
	unsigned long long started;
};

/* False if `leader` has ended, or leads no group. */
bool gmi_group_of(pid_t leader, struct gmi_group *group);

/* "1234 567890", and back; false if the text is something else. */
void gmi_group_print(const struct gmi_group *group, char text[GMI_GROUP_TEXT]);
bool gmi_group_parse(const char *text, struct gmi_group *group);

/*
 * Kills the group and waits for its end. One whose leader has ended is left alone: that hook is
 * done, and what it has left behind are services. Fails if the kernel holds one of them, so that it
 * does not end in some seconds; killed it is all the same and does nothing more of its own.
 */
GMI_MUST_CHECK int gmi_group_end(const struct gmi_group *group, struct gmi_error *err);

#endif
