/* How many workers the machine can run at once. */
#ifndef GMI_BASE_CORES_H
#define GMI_BASE_CORES_H

/* Cores that this process may use, 1 to 64. */
unsigned int gmi_core_count(void);

#endif
