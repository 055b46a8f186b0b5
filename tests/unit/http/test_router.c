#include "../unit.h"

#include "http/routes.h"

#include <string.h>

static const struct gmi_route *find(const char *method, const char *path, uint64_t *id)
{
	char allow[32];

	return gmi_router_find(method, path, id, allow);
}

static void each_route_is_found_by_method_and_path(void **state)
{
	static const struct {
		const char *method;
		const char *path;
		uint64_t id;
		int (*finish)(struct gmi_request *, struct gmi_error *);
	} known[] = {
		{ "GET", "/api/v1/device", 0, gmi_route_device },
		{ "HEAD", "/api/v1/device", 0, gmi_route_device },
		{ "POST", "/api/v1/restart", 0, gmi_route_restart },
		{ "POST", "/api/v1/backups", 0, gmi_route_backup },
		{ "POST", "/api/v1/restores", 0, gmi_route_restore },
		{ "GET", "/api/v1/jobs/current", 0, gmi_route_job },
		{ "GET", "/api/v1/jobs/1", 1, gmi_route_job },
		{ "GET", "/api/v1/jobs/999999999999999999", 999999999999999999, gmi_route_job },
		{ "GET", "/api/v1/jobs/7/events", 7, gmi_route_events },
		{ "GET", "/api/v1/jobs/7/file", 7, gmi_route_file },
		{ "HEAD", "/api/v1/jobs/7/file", 7, gmi_route_file },
		{ "GET", "/api/v1/jobs/current/wanted", 0, gmi_route_wanted },
		{ "POST", "/api/v1/jobs/12/source", 12, gmi_route_source },
		{ "PUT", "/api/v1/jobs/12/bytes", 12, gmi_route_bytes },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		uint64_t id = 99;
		const struct gmi_route *route = find(known[i].method, known[i].path, &id);

		assert_non_null(route);
		assert_true(route->finish == known[i].finish);
		assert_int_equal(id, known[i].id);
	}
}

static void paths_that_only_look_alike_are_not_found(void **state)
{
	static const char *const paths[] = {
		"",
		"/",
		"/api/v1",
		"/api/v1/",
		"/api/v1/device/",
		"/api/v1/devices",
		"/API/v1/device",
		"/api/v1/jobs",
		"/api/v1/jobs/",
		"/api/v1/jobs/0",
		"/api/v1/jobs/01",
		"/api/v1/jobs/-1",
		"/api/v1/jobs/+1",
		"/api/v1/jobs/ 1",
		"/api/v1/jobs/1x",
		"/api/v1/jobs/1/",
		"/api/v1/jobs/1/filex",
		"/api/v1/jobs/1/file/x",
		"/api/v1/jobs/currentx",
		"/api/v1/jobs/curren",
		"/api/v1/jobs/{id}",
		"/api/v1/jobs/9999999999999999999",
		"/api/v1/jobs//file",
		"/api/v1/jobs/1/../device",
	};
	char allow[32];
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (gmi_router_find("GET", paths[i], &id, allow))
			fail_msg("\"%s\" was found", paths[i]);
		assert_string_equal(allow, "");
	}
}

static void another_method_is_told_what_is_allowed(void **state)
{
	char allow[32];
	uint64_t id;

	(void)state;
	assert_null(gmi_router_find("POST", "/api/v1/device", &id, allow));
	assert_string_equal(allow, "GET");
	assert_null(gmi_router_find("GET", "/api/v1/backups", &id, allow));
	assert_string_equal(allow, "POST");
	assert_null(gmi_router_find("HEAD", "/api/v1/jobs/3/bytes", &id, allow));
	assert_string_equal(allow, "PUT");
	assert_null(gmi_router_find("", "/api/v1/jobs/3/bytes", &id, allow));
	assert_string_equal(allow, "PUT");
	assert_null(gmi_router_find("get", "/api/v1/device", &id, allow));
	assert_string_equal(allow, "GET");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_route_is_found_by_method_and_path),
		cmocka_unit_test(paths_that_only_look_alike_are_not_found),
		cmocka_unit_test(another_method_is_told_what_is_allowed),
	};

	return cmocka_run_group_tests_name("http/router", tests, NULL, NULL);
}
