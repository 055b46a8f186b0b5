/* Who can reach gmid, which asks nobody for a password. */
#include "doctor/checks.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

struct address {
	int family;
	uint8_t bytes[16];
	size_t length;
};

/* ADDRESS:PORT or [ADDRESS]:PORT; false if it is a name. */
static bool parse(const char *listen, struct address *address)
{
	const char *colon = strrchr(listen, ':');
	char text[128];

	snprintf(text, sizeof(text), "%.*s", colon ? (int)(colon - listen) : 0, listen);
	if (text[0] == '[') {
		memmove(text, text + 1, strlen(text));
		text[strcspn(text, "]")] = '\0';
		address->family = AF_INET6;
		address->length = 16;
	} else {
		address->family = AF_INET;
		address->length = 4;
	}
	text[strcspn(text, "%")] = '\0';
	return inet_pton(address->family, text, address->bytes) == 1;
}

static bool is_any(const struct address *address)
{
	static const uint8_t zeros[16];

	return memcmp(address->bytes, zeros, address->length) == 0;
}

static bool is_loopback(const struct address *address)
{
	static const uint8_t one[16] = { [15] = 1 };

	return address->family == AF_INET ? address->bytes[0] == 127
					  : memcmp(address->bytes, one, 16) == 0;
}

static bool is_of(const struct ifaddrs *interface, const struct address *address)
{
	const struct sockaddr *own = interface->ifa_addr;

	if (!own || own->sa_family != address->family)
		return false;
	return memcmp(address->family == AF_INET
			      ? (const void *)&((const struct sockaddr_in *)own)->sin_addr
			      : (const void *)&((const struct sockaddr_in6 *)own)->sin6_addr,
		      address->bytes, address->length) == 0;
}

static void check_interface(struct gmi_doctor *doctor, const struct address *address)
{
	const char *listen = doctor->profile.listen;
	struct ifaddrs *all = NULL;
	const struct ifaddrs *found;

	if (getifaddrs(&all) < 0)
		all = NULL;
	for (found = all; found && !is_of(found, address);)
		found = found->ifa_next;
	if (!found) {
		gmi_doctor_find(
			doctor, GMI_SEVERITY_NOTE,
			"gmid is to listen on %s, but no network interface has this address now",
			listen);
		gmi_doctor_advise(doctor, "If the cable brings it, nothing to do; else correct "
					  "[service] listen.");
	} else if (found->ifa_flags & IFF_POINTOPOINT) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK,
				"gmid is to listen on %s (%s): a link to one computer", listen,
				found->ifa_name);
	} else {
		gmi_doctor_find(
			doctor, GMI_SEVERITY_NOTE,
			"gmid is to listen on %s (%s): whoever reaches this network can back up "
			"and restore, for there is no password",
			listen, found->ifa_name);
		gmi_doctor_advise(doctor, "Nothing to do if only the cable to the user's computer "
					  "reaches it.");
	}
	if (all)
		freeifaddrs(all);
}

void gmi_doctor_check_network(struct gmi_doctor *doctor)
{
	const char *listen = doctor->profile.listen;
	struct address address;

	if (!parse(listen, &address)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_NOTE,
				"gmid is to listen on %s: who can reach that is not known", listen);
		gmi_doctor_advise(doctor, "Write the address in numbers.");
	} else if (is_any(&address)) {
		gmi_doctor_find(
			doctor, GMI_SEVERITY_WARNING,
			"gmid is to listen on %s: every network of the device can back it up and "
			"restore it, for there is no password",
			listen);
		gmi_doctor_advise(doctor,
				  "Let [service] listen name the address that only the cable "
				  "reaches.");
	} else if (is_loopback(&address)) {
		gmi_doctor_find(doctor, GMI_SEVERITY_OK,
				"gmid is to listen on %s: only this machine can reach it", listen);
	} else {
		check_interface(doctor, &address);
	}
}
