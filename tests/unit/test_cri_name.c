/* What the names of the kubelet's log files say of a container. */
#include <stdio.h>

#include "cri/cri_name.h"
#include "test.h"

static const char *service_of(const char *pod)
{
	static char service[CRI_TEXT_SIZE];
	struct cri_name name = {.space = "shop", .container = "c"};
	snprintf(name.pod, sizeof(name.pod), "%s", pod);
	cri_name_service(&name, service);
	return service;
}

static void a_path_names_namespace_pod_container_and_restarts(void **state)
{
	(void)state;
	struct cri_name name;
	char full[CRI_TEXT_SIZE];
	assert_true(cri_name_read("shop_web.example-0_1234-ab/nginx/12.log", &name));
	assert_string_equal(name.space, "shop");
	assert_string_equal(name.pod, "web.example-0");
	assert_string_equal(name.uid, "1234-ab");
	assert_string_equal(name.container, "nginx");
	assert_string_equal(name.restarts, "12");
	cri_name_full(&name, full);
	assert_string_equal(full, "shop_web.example-0_nginx");
}

static void other_names_are_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		"shop_web_1/nginx/0.log.gz",
		"shop_web_1/nginx/.log",
		"shop_web_1/nginx/x.log",
		"shop_web_1/../0.log",
		"../shop_web_1/nginx/0.log",
		"shop_.._1/nginx/0.log",
		"shop_web/nginx/0.log",
		"shop_web_1//0.log",
		"shop_web_1/ng inx/0.log",
		"shop_web_1/nginx\n/0.log",
		"shop_web_1/nginx/1234567890123.log",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa_web_1/n/0.log",
	};
	struct cri_name name;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(cri_name_read(wrong[i], &name));
}

static void a_link_ends_in_the_id(void **state)
{
	(void)state;
	char id[CRI_ID_SIZE];
	assert_true(cri_id_of_link("web-0_shop_nginx-0123456789ab.log", id));
	assert_string_equal(id, "0123456789ab");
	assert_false(cri_id_of_link("web-0_shop_nginx-0123456789a.log", id));
	assert_false(cri_id_of_link("web-0_shop_nginx-0123456789ag.log", id));
	assert_false(cri_id_of_link("0123456789ab.log", id));
	assert_false(cri_id_of_link("nginx-0123456789ab.log.gz", id));
	assert_false(cri_id_of_link("nginx.log-0123456789ab", id));
}

static void a_workload_is_the_pods_name_without_what_was_appended(void **state)
{
	(void)state;
	assert_string_equal(service_of("web-7d9c8f6b5d-x2x4z"), "shop/web/c");
	assert_string_equal(service_of("my-web-68bc7d-x2x4z"), "shop/my-web/c");
	assert_string_equal(service_of("node-exporter-x2x4z"), "shop/node-exporter/c");
	assert_string_equal(service_of("db-0"), "shop/db/c");
	assert_string_equal(service_of("backup-29123456-x2x4z"), "shop/backup/c");
	assert_string_equal(service_of("kube-apiserver-node1"), "shop/kube-apiserver-node1/c");
	assert_string_equal(service_of("web"), "shop/web/c");
	assert_string_equal(service_of("-x2x4z"), "shop/-x2x4z/c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_names_namespace_pod_container_and_restarts),
		cmocka_unit_test(other_names_are_refused),
		cmocka_unit_test(a_link_ends_in_the_id),
		cmocka_unit_test(a_workload_is_the_pods_name_without_what_was_appended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
