/* Block devices: real ones, over loop. Where the tests are not root's they skip. */
#include "../unit.h"

#include "storage/disk.h"
#include "storage/layout.h"
#include "support/storage_loop.h"
#include "support/storage_random.h"
#include "support/storage_scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1u << 20)
#define THREADS 4

/* ---- alignment ---- */

/*
 * One of several threads that write and read a disk in pieces of any alignment. Byte i of the disk
 * belongs to the thread that stripe i / stripe names, so that they meet within sectors all the
 * time.
 */
struct writer {
	struct gmi_disk *disk;
	uint8_t *shadow; /* what the disk must hold; each thread touches its stripes alone */
	unsigned int number;
	uint64_t stripe; /* bytes; no multiple of a sector */
	unsigned int rounds;
	char problem[600];
};

static void do_one(struct writer *writer, struct storage_random *random, uint8_t *buffer)
{
	struct gmi_disk *disk = writer->disk;
	uint64_t stripes = disk->length / writer->stripe / THREADS;
	uint64_t start =
		(storage_random_below(random, stripes) * THREADS + writer->number) * writer->stripe;
	uint64_t offset = start + storage_random_below(random, writer->stripe);
	size_t length = 1 + (size_t)storage_random_below(random, start + writer->stripe - offset);
	uint8_t *data = buffer + storage_random_below(random, 3) * 256;
	int result;
	struct gmi_error err;

	if (storage_random_below(random, 2) == 0) { /* a friend of the fast path */
		uint64_t aligned = (offset + disk->sector_length - 1) / disk->sector_length *
				   disk->sector_length;

		length = aligned < offset + length ? (size_t)(offset + length - aligned) : length;
		offset = aligned < offset + length ? aligned : offset;
	}
	switch (storage_random_below(random, 4)) {
	case 0:
		result = gmi_disk_read(disk, offset, data, length, &err);
		if (result == 0 && memcmp(data, writer->shadow + offset, length) != 0)
			snprintf(writer->problem, sizeof(writer->problem),
				 "%zu bytes at %llu read differently", length,
				 (unsigned long long)offset);
		break;
	case 1:
		memset(writer->shadow + offset, 0, length);
		result = gmi_disk_zero(disk, offset, length, &err);
		break;
	default:
		storage_random_fill(random, data, length);
		memcpy(writer->shadow + offset, data, length);
		result = gmi_disk_write(disk, offset, data, length, &err);
	}
	if (result < 0)
		snprintf(writer->problem, sizeof(writer->problem), "%s", err.message);
}

static void *write_and_read(void *context)
{
	struct writer *writer = context;
	struct storage_random random = { writer->number + 1 };
	uint8_t *buffer = gmi_disk_buffer((size_t)writer->stripe + 1024);

	for (unsigned int i = 0; i < writer->rounds && !writer->problem[0]; i++)
		do_one(writer, &random, buffer);
	free(buffer);
	return NULL;
}

/* What every block device must do, whatever its sectors. */
static void exercise(struct gmi_disk *disk, uint64_t stripe)
{
	uint8_t *shadow = calloc(disk->length, 1);
	uint8_t *got = malloc(disk->length);
	struct writer writers[THREADS];
	pthread_t threads[THREADS];
	struct gmi_error err;

	assert_gmi_ok(gmi_disk_zero(disk, 0, disk->length, &err), &err);
	for (unsigned int i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){ disk, shadow, i, stripe, 200, "" };
		assert_int_equal(pthread_create(&threads[i], NULL, write_and_read, &writers[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_string_equal(writers[i].problem, "");
	}
	assert_gmi_ok(gmi_disk_flush(disk, &err), &err);
	gmi_disk_drop_cache(disk);
	assert_gmi_ok(gmi_disk_read(disk, 0, got, disk->length, &err), &err);
	assert_memory_equal(got, shadow, disk->length);
	free(shadow);
	free(got);
}

static void any_alignment_works(uint64_t length, unsigned int sector, uint64_t stripe)
{
	struct storage_loop loop;
	struct gmi_disk *disk;

	storage_make_file("image", length);
	storage_loop_attach(&loop, "image", sector);
	disk = storage_loop_open(&loop, true);
	assert_true(disk->device);
	assert_true(disk->direct);
	assert_int_equal(disk->sector_length, sector);
	assert_true(disk->write_unit >= sector && disk->write_unit <= 64 << 10);
	exercise(disk, stripe);
	gmi_disk_close(disk);
	storage_loop_detach(&loop);
}

static void threads_that_meet_within_sectors_do_not_undo_each_other(void **state)
{
	(void)state;
	/* A small disk, so that they meet often. */
	any_alignment_works(64 << 10, 512, 777);
}

static void long_pieces_of_any_alignment_arrive(void **state)
{
	(void)state;
	any_alignment_works(3 * MIB, 512, 150001);
}

static void sectors_of_4096_bytes_work_too(void **state)
{
	(void)state;
	any_alignment_works(256 << 10, 4096, 5003);
}

static void what_is_discarded_takes_no_neighbour_along(void **state)
{
	struct storage_loop loop;
	struct gmi_disk *disk;
	uint8_t data[8192];
	uint8_t got[8192];
	struct gmi_error err;

	(void)state;
	storage_make_file("image", MIB);
	storage_loop_attach(&loop, "image", 512);
	disk = storage_loop_open(&loop, true);
	memset(data, 7, sizeof(data));
	assert_gmi_ok(gmi_disk_write(disk, 0, data, sizeof(data), &err), &err);
	assert_gmi_ok(gmi_disk_discard(disk, 100, 7000, &err), &err);
	assert_gmi_ok(gmi_disk_discard(disk, 7200, 10, &err), &err);
	assert_gmi_ok(gmi_disk_read(disk, 0, got, sizeof(got), &err), &err);
	assert_memory_equal(got, data, 100);
	assert_memory_equal(got + 7100, data, 1092);
	gmi_disk_close(disk);
	storage_loop_detach(&loop);
}

/* ---- O_DIRECT refused ---- */

/* From here on the kernel refuses openat() with O_DIRECT, as a device without it does. */
static void refuse_direct(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_DIRECT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

/* In a process of its own, since a filter is for ever. 0: all as it should be. */
static int buffered_works(const struct storage_loop *loop)
{
	struct gmi_disk *disk;
	int status;
	pid_t child = fork();

	/* It leaves without cleaning up: the device is its parent's. */
	if (child == 0) {
		refuse_direct();
		disk = storage_loop_open(loop, true);
		if (disk->direct)
			_exit(2);
		exercise(disk, 777);
		gmi_disk_close(disk);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void a_device_that_refuses_o_direct_is_read_through_the_cache(void **state)
{
	struct storage_loop loop;
	int status;

	(void)state;
	storage_make_file("image", MIB);
	storage_loop_attach(&loop, "image", 512);
	status = buffered_works(&loop);
	storage_loop_detach(&loop);
	assert_int_equal(status, 0);
}

/* ---- stale caches ---- */

static void write_node(const char *node, const void *data, size_t length)
{
	int fd = open(node, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, length, 0), length);
	assert_int_equal(fsync(fd), 0);
	close(fd);
}

/* The same through a descriptor that knows the whole device's cache. */
static void read_whole_cached(const struct storage_loop *loop, uint64_t offset, uint8_t *data,
			      size_t length, int *keep)
{
	if (*keep < 0)
		*keep = open(loop->path, O_RDONLY);
	assert_true(*keep >= 0);
	assert_int_equal(pread(*keep, data, length, (off_t)offset), length);
}

static void what_a_partition_was_written_is_read_though_the_cache_is_stale(void **state)
{
	struct storage_loop loop;
	struct gmi_layout layout;
	struct gmi_disk *disk;
	uint8_t fresh[4096];
	uint8_t got[4096];
	char node[80];
	int keep = -1;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 8 * MIB);
	storage_loop_attach(&loop, "image", 512);
	storage_gpt(loop.path, "start=2048,size=4096\\n");
	disk = storage_loop_open(&loop, true);
	assert_gmi_ok(gmi_disk_reread_table(disk, &err), &err);
	snprintf(node, sizeof(node), "%sp1", loop.path);

	memset(fresh, 0x5a, sizeof(fresh));
	read_whole_cached(&loop, MIB, got, sizeof(got), &keep);
	write_node(node, fresh, sizeof(fresh));
	/* The premise: who reads the whole device through the cache does not see it. */
	read_whole_cached(&loop, MIB, got, sizeof(got), &keep);
	assert_memory_not_equal(got, fresh, sizeof(got));
	assert_gmi_ok(gmi_disk_read(disk, MIB, got, sizeof(got), &err), &err);
	assert_memory_equal(got, fresh, sizeof(got));

	/* And what libblkid reads: a filesystem made on the partition a moment ago. */
	assert_gmi_ok(gmi_layout_scan(&layout, &disk, 1, false, &err), &err);
	assert_string_equal(layout.volumes[1].content, "raw");
	gmi_layout_release(&layout);
	storage_shell("mke2fs -q -t ext4 -L fresh %s", node);
	assert_gmi_ok(gmi_layout_scan(&layout, &disk, 1, false, &err), &err);
	assert_string_equal(layout.volumes[1].content, "ext4");
	gmi_layout_release(&layout);

	close(keep);
	gmi_disk_close(disk);
	storage_loop_detach(&loop);
}

/* ---- failing ---- */

static void what_lies_behind_a_truncated_file_is_told_to_the_unit(void **state)
{
	struct storage_loop loop;
	struct gmi_disk *disk;
	uint8_t *data = gmi_disk_buffer(MIB);
	char wanted[200];
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 2 * MIB);
	storage_loop_attach(&loop, "image", 512);
	disk = storage_loop_open(&loop, true);
	storage_shell("truncate -s %u image", MIB + 40960);
	assert_gmi_ok(gmi_disk_read(disk, MIB, data, 40960, &err), &err);
	assert_int_equal(gmi_disk_read(disk, MIB - 4096, data, MIB, &err), -1);
	assert_int_equal(err.sys, EIO);
	snprintf(wanted, sizeof(wanted),
		 "disk disk (%s): cannot read 4096 bytes at byte 1089536: Input/output error; the "
		 "storage is failing",
		 loop.path);
	assert_string_equal(err.message, wanted);
	gmi_disk_close(disk);
	storage_loop_detach(&loop);
	free(data);
}

/* ---- claim ---- */

static void a_claimed_disk_cannot_be_mounted_and_a_mounted_one_not_claimed(void **state)
{
	struct storage_loop loop;
	struct gmi_disk *disk;
	struct gmi_error err;
	int claimed;

	(void)state;
	storage_make_file("image", 4 * MIB);
	storage_loop_attach(&loop, "image", 512);
	storage_shell("mke2fs -q -t ext4 %s && mkdir -p point", loop.path);
	disk = storage_loop_open(&loop, true);
	assert_gmi_ok(gmi_disk_claim(disk, &err), &err);
	assert_gmi_ok(gmi_disk_claim(disk, &err), &err); /* it is ours */
	assert_int_not_equal(storage_shell_status("mount %s point 2>/dev/null", loop.path), 0);
	gmi_disk_close(disk);

	storage_shell("mount %s point", loop.path);
	disk = storage_loop_open(&loop, false);
	claimed = gmi_disk_claim(disk, &err);
	gmi_disk_close(disk);
	storage_shell("umount point");
	assert_int_equal(claimed, -1);
	assert_int_equal(err.sys, EBUSY);
	assert_non_null(strstr(err.message, "is mounted or held by something else"));
	storage_loop_detach(&loop);
}

/* ---- the kernel's partitions ---- */

static void assert_kernel_has(const struct storage_loop *loop, const char *wanted)
{
	char *told =
		storage_shell_output("cd /sys/block/%s && for p in *p[0-9]*; do [ ! -d $p ] || "
				     "echo $(cat $p/partition $p/start $p/size); done | sort",
				     loop->path + strlen("/dev/"));

	assert_string_equal(told, wanted);
	free(told);
}

static void the_kernel_learns_what_the_table_says_and_keeps_what_is_busy(void **state)
{
	struct storage_loop loop;
	struct gmi_disk *disk;
	struct gmi_error err;
	int result;

	(void)state;
	storage_make_file("image", 16 * MIB);
	storage_loop_attach(&loop, "image", 512);
	disk = storage_loop_open(&loop, true);
	storage_gpt(loop.path, "start=2048,size=8192\\nstart=12288,size=2048\\n");
	assert_gmi_ok(gmi_disk_reread_table(disk, &err), &err);
	assert_kernel_has(&loop, "1 2048 8192\n2 12288 2048\n");

	/* The first one is mounted and stays; the second one moves, a third one comes. */
	storage_shell("mke2fs -q -t ext4 %sp1 && mkdir -p point && mount %sp1 point", loop.path,
		      loop.path);
	storage_gpt(loop.path,
		    "start=2048,size=8192\\nstart=14336,size=2048\\nstart=16384,size=4096\\n");
	result = gmi_disk_reread_table(disk, &err);
	if (result == 0) {
		assert_kernel_has(&loop, "1 2048 8192\n2 14336 2048\n3 16384 4096\n");
		/* Now the mounted one is to change; what else changed is told all the same. */
		storage_gpt(loop.path, "start=4096,size=4096\\nstart=14336,size=2048\\n");
		assert_int_equal(gmi_disk_reread_table(disk, &err), -1);
		assert_int_equal(err.sys, EBUSY);
		assert_non_null(
			strstr(err.message, "cannot forget partition 1 and needs a restart"));
		assert_kernel_has(&loop, "1 2048 8192\n2 14336 2048\n");
	}
	storage_shell("umount point");
	assert_int_equal(result, 0);

	/* No table at all: nothing is left. */
	assert_gmi_ok(gmi_disk_zero(disk, 0, disk->length, &err), &err);
	assert_gmi_ok(gmi_disk_reread_table(disk, &err), &err);
	assert_kernel_has(&loop, "");
	gmi_disk_close(disk);
	storage_loop_detach(&loop);
}

static void an_extended_partition_and_those_in_it_are_left_as_they_are(void **state)
{
	struct storage_loop loop;
	struct gmi_disk *disk;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", 16 * MIB);
	storage_loop_attach(&loop, "image", 512);
	disk = storage_loop_open(&loop, true);
	storage_shell("printf 'label: dos\\nstart=2048,size=2048\\nstart=4096,size=20480,type=5\\n"
		      "start=6144,size=2048\\n' | sfdisk -q --no-reread --no-tell-kernel %s",
		      loop.path);
	/* As the kernel's own reader leaves it: a node of the extended one's first KiB. */
	storage_shell("addpart %s 2 4096 2", loop.path);
	assert_gmi_ok(gmi_disk_reread_table(disk, &err), &err);
	assert_kernel_has(&loop, "1 2048 2048\n2 4096 2\n5 6144 2048\n");
	gmi_disk_close(disk);
	storage_loop_detach(&loop);
}

static void an_image_file_needs_neither(void **state)
{
	struct gmi_disk *disk;
	struct gmi_error err;

	(void)state;
	storage_make_file("image", MIB);
	disk = storage_open("image", true);
	assert_false(disk->device);
	assert_int_equal(disk->write_unit, 1);
	assert_gmi_ok(gmi_disk_claim(disk, &err), &err);
	assert_gmi_ok(gmi_disk_reread_table(disk, &err), &err);
	gmi_disk_close(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_that_meet_within_sectors_do_not_undo_each_other),
		cmocka_unit_test(long_pieces_of_any_alignment_arrive),
		cmocka_unit_test(sectors_of_4096_bytes_work_too),
		cmocka_unit_test(what_is_discarded_takes_no_neighbour_along),
		cmocka_unit_test(a_device_that_refuses_o_direct_is_read_through_the_cache),
		cmocka_unit_test(what_a_partition_was_written_is_read_though_the_cache_is_stale),
		cmocka_unit_test(what_lies_behind_a_truncated_file_is_told_to_the_unit),
		cmocka_unit_test(a_claimed_disk_cannot_be_mounted_and_a_mounted_one_not_claimed),
		cmocka_unit_test(the_kernel_learns_what_the_table_says_and_keeps_what_is_busy),
		cmocka_unit_test(an_extended_partition_and_those_in_it_are_left_as_they_are),
		cmocka_unit_test(an_image_file_needs_neither),
	};

	return cmocka_run_group_tests_name("storage/block", tests, NULL, NULL);
}
