/* gmid, the service on the device: profile in, page and HTTP API out, until it is told to stop. */
#include "base/io.h"
#include "device/device.h"
#include "device/memory.h"
#include "http/server.h"

#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: gmid --profile P [--listen ADDRESS:PORT]\n";

static const char help[] =
	"\nServes the page Backup & restore and the HTTP API of the device that the profile "
	"describes.\n"
	"\n"
	"  --profile P            the device's profile\n"
	"  --listen ADDRESS:PORT  instead of what the profile says; port 0 takes a free one\n"
	"  --version, --help\n";

/* Longer memory goes back to the system as soon as it is freed. */
#define LARGE_MEMORY (128 << 10)

/* docs/cli.md: the same numbers as those of gmi. */
#define EXIT_SYSTEM 1
#define EXIT_USAGE 2
#define EXIT_PROFILE 3

static int fail(const struct gmi_error *err)
{
	fprintf(stderr, "gmid: %s\n", err->message);
	return err->code == GMI_E_PROFILE ? EXIT_PROFILE : EXIT_SYSTEM;
}

/* A gmid that cannot release what an earlier one left says so, and serves its page all the same. */
static void release_what_was_left(const struct gmi_profile *profile)
{
	struct gmi_error err;
	bool found;

	if (gmi_device_recover(profile, &found, &err) < 0)
		fprintf(stderr, "gmid: %s\n", err.message);
	else if (found)
		fprintf(stderr,
			"gmid: an earlier gmi was killed; what it left at rest was released\n");
}

static int serve(const struct gmi_profile *profile, const char *listen, const sigset_t *ends)
{
	struct gmi_service *service;
	struct gmi_server *server;
	struct gmi_error err;
	char url[160];
	int number;

	if (gmi_service_new(&service, profile, &err) < 0)
		return fail(&err);
	if (gmi_server_start(&server, listen, service, profile, url, &err) < 0) {
		gmi_service_free(service);
		return fail(&err);
	}
	fprintf(stderr, "gmid: listening on %s\n", url);
	sigwait(ends, &number);
	gmi_server_begin_stop(server);
	gmi_service_stop(service);
	gmi_server_stop(server);
	/* Not before: standard error may lie on a filesystem that was frozen until now. */
	fprintf(stderr, "gmid: stopped\n");
	gmi_service_free(service);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "profile", required_argument, NULL, 'p' },
		{ "listen", required_argument, NULL, 'l' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct gmi_profile profile;
	const char *profile_path = NULL;
	const char *listen = NULL;
	struct gmi_identity identity;
	struct gmi_error err;
	sigset_t ends;
	int letter;

	if (gmi_hold_standard_descriptors() < 0)
		return EXIT_SYSTEM;
	gmi_memory_prepare();
	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (letter == 'p') {
			profile_path = optarg;
		} else if (letter == 'l') {
			listen = optarg;
		} else if (letter == 'v') {
			printf("gmid %s\n", GMI_VERSION);
			return 0;
		} else {
			fprintf(letter == 'h' ? stdout : stderr, "%s%s", usage,
				letter == 'h' ? help : "");
			return letter == 'h' ? 0 : EXIT_USAGE;
		}
	}
	if (!profile_path || optind != argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	/*
	 * glibc raises this limit by itself when large memory is freed, and then keeps what comes:
	 * the used maps of one job would still be there, in pieces, beside those of the next.
	 */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_MEMORY);
	/* Every thread inherits this: signals come to sigwait() alone. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* Whoever started us may have ignored it, and then no child could be waited for. */
	signal(SIGCHLD, SIG_DFL);
	if (gmi_profile_load(&profile, profile_path, &err) < 0 ||
	    gmi_identity_read(&profile, &identity, &err) < 0)
		return fail(&err);
	release_what_was_left(&profile);
	return serve(&profile, listen ? listen : profile.listen, &ends);
}
