/* Child processes. */
#ifndef GMI_BASE_CHILD_H
#define GMI_BASE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Waits for a child's end and takes its status (which may be NULL), so many seconds at most. False:
 * it has not ended. A kernel that holds a process lets even a killed one wait.
 */
bool gmi_child_ends(pid_t pid, double seconds, int *status);

#endif
