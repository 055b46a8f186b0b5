#include "base/cores.h"

#include <sched.h>

unsigned int gmi_core_count(void)
{
	cpu_set_t allowed;
	int count;

	/* Not sysconf(_SC_NPROCESSORS_ONLN): a container or taskset may leave us fewer. */
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 1;
	count = CPU_COUNT(&allowed);
	if (count < 1)
		return 1;
	return count > 64 ? 64 : (unsigned int)count;
}
