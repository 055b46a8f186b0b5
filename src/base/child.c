#include "base/child.h"

#include "base/clock.h"

#include <stddef.h>
#include <sys/wait.h>
#include <time.h>

bool gmi_child_ends(pid_t pid, double seconds, int *status)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	double deadline = gmi_clock_seconds() + seconds;

	while (waitpid(pid, status, WNOHANG) == 0) {
		if (gmi_clock_seconds() >= deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}
