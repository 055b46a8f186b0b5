#include "http/listen.h"

#include "base/cleanup.h"

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool is_port(const char *text)
{
	size_t length = strlen(text);

	return length >= 1 && length <= 5 && strspn(text, "0123456789") == length &&
	       strtoul(text, NULL, 10) <= UINT16_MAX;
}

/* "127.0.0.1:8420" or "[::1]:8420" into an address. */
static int parse_listen(const char *listen, struct sockaddr_storage *address, socklen_t *length,
			struct gmi_error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
	struct addrinfo *found = NULL;
	const char *colon = strrchr(listen, ':');
	char host[128];
	size_t size = colon ? (size_t)(colon - listen) : 0;

	if (!colon || size == 0 || size >= sizeof(host))
		return gmi_fail(err, GMI_E_PROFILE, "listen address %.100s: ADDRESS:PORT is needed",
				listen);
	memcpy(host, listen, size);
	host[size] = '\0';
	if (host[0] == '[' && host[size - 1] == ']') {
		memmove(host, host + 1, size - 2);
		host[size - 2] = '\0';
	}
	/* getaddrinfo() takes 99999, too, and cuts it to 16 bits. */
	if (!is_port(colon + 1) || getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return gmi_fail(err, GMI_E_PROFILE, "listen address %.100s: ADDRESS:PORT is needed",
				listen);
	memcpy(address, found->ai_addr, found->ai_addrlen);
	*length = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

/* `listen` is the name of the parameter below. */
static int listen_on(int fd)
{
	return listen(fd, 128);
}

int gmi_listen(const char *listen, int *fd, char url[160], struct gmi_error *err)
{
	GMI_AUTO_FD int opened = -1;
	struct sockaddr_storage address;
	socklen_t length;
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];
	int one = 1;

	if (parse_listen(listen, &address, &length, err) < 0)
		return -1;
	opened = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (opened < 0)
		return gmi_fail_errno(err, "no socket");
	setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(opened, (struct sockaddr *)&address, length) < 0 || listen_on(opened) < 0) {
		if (errno == EADDRINUSE)
			return gmi_fail(err, GMI_E_SYSTEM,
					"cannot listen on %s: another program, perhaps another "
					"gmid, does already",
					listen);
		return gmi_fail_errno(err, "cannot listen on %s", listen);
	}
	length = sizeof(address);
	getsockname(opened, (struct sockaddr *)&address, &length);
	getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(url, 160,
		 address.ss_family == AF_INET6 ? "http://[%.100s]:%s/" : "http://%.100s:%s/", host,
		 port);
	*fd = gmi_fd_steal(&opened);
	return 0;
}
