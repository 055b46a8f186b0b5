/*
 * Which run of the system this is: what is noted in the runtime folder counts for nothing after a
 * restart, also where the folder does not lie in memory.
 */
#ifndef GMI_DEVICE_BOOT_ID_H
#define GMI_DEVICE_BOOT_ID_H

#define GMI_BOOT_ID_LENGTH 64

/* Empty where the kernel does not tell. */
void gmi_boot_id(char id[GMI_BOOT_ID_LENGTH]);

#endif
