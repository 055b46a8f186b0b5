/*
 * Real block devices for root's tests: loop devices over files of the scratch folder. Each test
 * detaches what it has attached, and nothing else.
 */
#ifndef GMI_TESTS_STORAGE_LOOP_H
#define GMI_TESTS_STORAGE_LOOP_H

#include "storage/disk.h"

#include <stdint.h>

struct storage_loop {
	char path[64]; /* "/dev/loop7" */
};

/* A device over the scratch file `name`; where the test may not make one, it says so and skips. */
void storage_loop_attach(struct storage_loop *loop, const char *name, unsigned int sector);
void storage_loop_detach(const struct storage_loop *loop);

/* As a disk called "disk"; the test fails if it cannot be opened. */
struct gmi_disk *storage_loop_open(const struct storage_loop *loop, bool writable);

/* A GPT with these partitions (start and length in sectors), as the lines of sfdisk(8). */
void storage_gpt(const char *path, const char *partitions);

#endif
