/*
 * Monotonic time, for measuring and for waiting: set clocks must not stretch a wait, and
 * instruments without a battery jump by years.
 */
#ifndef GMI_BASE_CLOCK_H
#define GMI_BASE_CLOCK_H

/* Seconds since some moment before the program began. */
double gmi_clock_seconds(void);

#endif
