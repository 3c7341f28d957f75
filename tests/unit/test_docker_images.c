#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "docker_fixture.h"
#include "docker_images.h"
#include "test.h"

/* 2026-11-23T16:20:00Z, and as many seconds later. */
static int64_t at(int64_t seconds)
{
	return INT64_C(1795450800000000000) + seconds * CLOCK_SECOND;
}

static int scan(void *self)
{
	int r = docker_connect(((struct docker_images *)self)->docker);
	return r < 0 ? r : images_scan(self, DOCKER_SCAN_ALL);
}

static struct docker_fixture started(const char *recorded)
{
	struct docker_fixture f;
	fixture_init(&f, recorded);
	f.scan = scan;
	fake_host_set_now(f.host, at(0));
	assert_int_equal(fixture_start(&f), 0);
	return f;
}

static struct docker_fixture looked(const char *recorded)
{
	struct docker_fixture f = started(recorded);
	assert_int_equal(fixture_gather(&f), 0);
	return f;
}

static int look_at(struct docker_fixture *f, int64_t seconds)
{
	fake_host_set_now(f->host, at(seconds));
	return fixture_gather(f);
}

/* ---- Rows ---- */

static bool is_text(const struct tally_cell *cell, const char *text)
{
	bool same = text ? cell->set && cell->len == strlen(text) &&
				    memcmp(cell->text, text, cell->len) == 0
			 : !cell->set;
	if (!same)
		print_error("\"%.*s\" is not \"%s\"\n", cell->set ? (int)cell->len : 4,
			    cell->set ? cell->text : "NULL", text ? text : "NULL");
	return same;
}

/* The row of an image. */
static const struct tally_cell *image_row(struct docker_fixture *f, const char *id)
{
	for (uint32_t i = 0; i < fake_host_rows(f->host, "docker_images"); i++) {
		const struct tally_cell *row = fake_host_row(f->host, "docker_images", i);
		if (row[IMAGES_IMAGE_ID].len == strlen(id) &&
		    memcmp(row[IMAGES_IMAGE_ID].text, id, strlen(id)) == 0)
			return row;
	}
	fail_msg("no row of %s", id);
	return NULL;
}

static const struct tally_cell *image_cell(struct docker_fixture *f, const char *id,
					   enum images_column column)
{
	return &image_row(f, id)[column];
}

static uint32_t changes(struct docker_fixture *f)
{
	return fake_host_rows(f->host, "image_versions");
}

struct expected {
	const char *reference, *image_id, *previous, *change, *digest;
};

static bool change_is(struct docker_fixture *f, uint32_t i, const struct expected *expected)
{
	const struct tally_cell *row = fake_host_row(f->host, "image_versions", i);
	assert_non_null(row);
	return is_text(&row[VERSIONS_REFERENCE], expected->reference) &&
	       is_text(&row[VERSIONS_IMAGE_ID], expected->image_id) &&
	       is_text(&row[VERSIONS_PREVIOUS_IMAGE_ID], expected->previous) &&
	       is_text(&row[VERSIONS_CHANGE], expected->change) &&
	       is_text(&row[VERSIONS_DIGEST], expected->digest);
}

static int64_t change_time(struct docker_fixture *f, uint32_t i)
{
	return fake_host_row(f->host, "image_versions", i)[VERSIONS_TIME].i;
}

/* ---- Recorded answers → rows ---- */

#define ID_20_WEB "sha256:4e1f234438dc47c01a55c7a0b21b29e4185adacdeb4142d30c6ba3ef645e144a"
#define ID_20_BOX "sha256:abef775cb318768c7ec27ab15294e47b11849046ce4eecdb5230cec17c83018a"
#define ID_29_WEB "sha256:96faf4a1a9c858b963e4480fd9a8939941c9cfda7967e5bc8e0c51d74a8d7491"
#define ID_29_LOG "sha256:6acb747e335367d09c1e1379550659a27ea64b1f0ced8f57b5b041a635d21223"

static void images_of_20_10_become_rows(void **state)
{
	struct docker_fixture f = looked(DOCKER_20);
	(void)state;
	assert_int_equal(fake_host_rows(f.host, "docker_images"), 2);
	const struct tally_cell *row = image_row(&f, ID_20_WEB);
	assert_int_equal(row[IMAGES_TIME].i, at(0));
	assert_true(is_text(&row[IMAGES_HOST], "testhost"));
	assert_true(is_text(&row[IMAGES_TAGS], "[\"127.0.0.1:5055/demo/web:2.0\","
					       "\"127.0.0.1:5055/demo/web:latest\"]"));
	assert_true(is_text(&row[IMAGES_DIGESTS],
			    "[\"127.0.0.1:5055/demo/web@sha256:"
			    "50374cdd5e30d6ddaa8f536de9f1a1fce87b1af294a0c2dc75ab4bdf887f8991\"]"));
	assert_int_equal(row[IMAGES_CREATED].i, 1795450643 * CLOCK_SECOND);
	assert_int_equal(row[IMAGES_SIZE_BYTES].i, 1982314);
	assert_false(row[IMAGES_SHARED_SIZE_BYTES].set);
	assert_int_equal(row[IMAGES_CONTAINERS].i, 1);
	assert_int_equal(row[IMAGES_DANGLING].i, 0);
	assert_int_equal(row[IMAGES_OUTDATED].i, 0);
	assert_false(row[IMAGES_OUTDATED_SINCE].set);
	assert_false(row[IMAGES_GONE_AT].set);
	const struct tally_cell *users = &row[IMAGES_USED_BY];
	assert_non_null(memmem(users->text, users->len, "\"name\":\"web1\"", 13));
	assert_int_equal(image_cell(&f, ID_20_BOX, IMAGES_CONTAINERS)->i, 17);
	assert_int_equal(fake_engine_asked(f.engine, "/v1.41/images/json HTTP"), 1);
	assert_int_equal(fake_engine_asked(f.engine, "/containers/"), 1); /* the list */
	assert_true(fake_engine_only_get(f.engine));
	fixture_done(&f);
}

static void the_first_look_tells_all_references_as_added(void **state)
{
	static const struct expected expected[] = {
		{"127.0.0.1:5055/demo/web:1.0", ID_20_BOX, NULL, "added",
		 "sha256:9765f2301e1eca4a5a774feaae8376c86679265159aa428fd36409a4c434edf5"},
		{"127.0.0.1:5055/demo/web:2.0", ID_20_WEB, NULL, "added",
		 "sha256:50374cdd5e30d6ddaa8f536de9f1a1fce87b1af294a0c2dc75ab4bdf887f8991"},
		{"127.0.0.1:5055/demo/web:latest", ID_20_WEB, NULL, "added",
		 "sha256:50374cdd5e30d6ddaa8f536de9f1a1fce87b1af294a0c2dc75ab4bdf887f8991"},
		{"testbox:1", ID_20_BOX, NULL, "added", NULL},
	};
	struct docker_fixture f = looked(DOCKER_20);
	(void)state;
	assert_int_equal(changes(&f), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_true(change_is(&f, i, &expected[i]));
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(changes(&f), 0);
	assert_int_equal(fake_host_rows(f.host, "docker_images"), 2);
	fixture_done(&f);
}

static void images_of_the_containerd_store_have_manifest_ids(void **state)
{
	struct docker_fixture f = looked(DOCKER_29);
	(void)state;
	assert_int_equal(fake_host_rows(f.host, "docker_images"), 3);
	assert_int_equal(image_cell(&f, ID_29_WEB, IMAGES_CONTAINERS)->i, 1);
	assert_int_equal(image_cell(&f, ID_29_WEB, IMAGES_OUTDATED)->i, 0);
	assert_int_equal(image_cell(&f, ID_29_LOG, IMAGES_CONTAINERS)->i, 0);
	assert_true(is_text(image_cell(&f, ID_29_LOG, IMAGES_USED_BY), "[]"));
	assert_int_equal(fake_engine_asked(f.engine, "/v1.55/images/json?shared-size=1"), 1);
	fixture_done(&f);
}

static void podmans_images_and_their_users_are_found(void **state)
{
	static const char id[] =
		"sha256:576af38d2cdb9b65572a25834bc0ed17836ed1fcac34567b87450b90a651e98b";
	struct docker_fixture f = looked(PODMAN);
	(void)state;
	assert_int_equal(fake_host_rows(f.host, "docker_images"), 2);
	assert_int_equal(image_cell(&f, id, IMAGES_CONTAINERS)->i, 10);
	assert_int_equal(image_cell(&f, id, IMAGES_OUTDATED)->i, 0);
	assert_int_equal(changes(&f), 3);
	fixture_done(&f);
}

static void every_recorded_engine_has_its_images(void **state)
{
	static const struct {
		const char *engine;
		uint32_t images, references;
	} engines[] = {{DOCKER_26, 2, 4}, {DOCKER_26_V2, 1, 3}};
	(void)state;
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		struct docker_fixture f = looked(engines[i].engine);
		assert_int_equal(fake_host_rows(f.host, "docker_images"), engines[i].images);
		assert_int_equal(changes(&f), engines[i].references);
		fixture_done(&f);
	}
}

/* ---- Tags that move ---- */

/* tags of images A and B, as JSON without brackets; NULL: no such image. */
static void set_images(struct docker_fixture *f, const char *a, const char *b)
{
	char body[1000];
	size_t len = (size_t)snprintf(body, sizeof(body), "[");
	if (a)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
					"{\"Id\":\"sha256:aaaaaaaaaaaaaaaa\",\"RepoTags\":[%s],"
					"\"RepoDigests\":null,\"Created\":1,\"Size\":5}%s",
					a, b ? "," : "");
	if (b)
		len += (size_t)snprintf(body + len, sizeof(body) - len,
					"{\"Id\":\"sha256:bbbbbbbbbbbbbbbb\",\"RepoTags\":[%s],"
					"\"RepoDigests\":[\"web@sha256:d\"]}",
					b);
	snprintf(body + len, sizeof(body) - len, "]");
	fake_engine_set(f->engine, "/images/json", 200, body, FAKE_ANSWERS);
}

/* One container of image A; image: what the list calls it. */
static void set_container(struct docker_fixture *f, const char *image)
{
	char body[300];
	snprintf(body, sizeof(body),
		 "[{\"Id\":\"c1\",\"Names\":[\"/one\"],\"Image\":\"%s\","
		 "\"ImageID\":\"sha256:aaaaaaaaaaaaaaaa\",\"State\":\"running\"}]",
		 image);
	fake_engine_set(f->engine, "/containers/json", 200, body, FAKE_ANSWERS);
}

static void set_inspect(struct docker_fixture *f, const char *image)
{
	char body[200];
	snprintf(body, sizeof(body), "{\"Config\":{\"Image\":\"%s\",\"Env\":[\"A=b\"]}}", image);
	fake_engine_set(f->engine, "/containers/c1/json", 200, body, FAKE_ANSWERS);
}

static struct docker_fixture one_image(void)
{
	struct docker_fixture f = started(NULL);
	set_images(&f, "\"web:latest\",\"web:1\"", NULL);
	set_container(&f, "web");
	assert_int_equal(fixture_gather(&f), 0);
	assert_int_equal(changes(&f), 2);
	return f;
}

#define A "sha256:aaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbb"

/* web:latest goes to B; the list then calls the container's image by its id only. */
static void move_latest(struct docker_fixture *f)
{
	set_images(f, "\"web:1\"", "\"web:latest\"");
	set_container(f, A);
	set_inspect(f, "web");
}

static void a_moved_tag_is_emitted_with_its_old_image_and_its_container_is_outdated(void **state)
{
	static const struct expected moved = {"web:latest", B, A, "moved", "sha256:d"};
	struct docker_fixture f = one_image();
	(void)state;
	move_latest(&f);
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(changes(&f), 1);
	assert_true(change_is(&f, 0, &moved));
	assert_int_equal(change_time(&f, 0), at(60));
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED)->i, 1);
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED_SINCE)->i, at(60));
	assert_true(is_text(image_cell(&f, A, IMAGES_USED_BY),
			    "[{\"container_id\":\"c1\",\"name\":\"one\",\"state\":\"running\","
			    "\"reference\":\"web\",\"outdated\":true,"
			    "\"outdated_since\":\"2026-11-23T16:21:00Z\"}]"));
	assert_int_equal(image_cell(&f, B, IMAGES_OUTDATED)->i, 0);
	fixture_done(&f);
}

static void who_was_known_before_the_move_is_not_inspected(void **state)
{
	struct docker_fixture f = one_image();
	(void)state;
	move_latest(&f);
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(look_at(&f, 120), 0);
	assert_int_equal(fake_engine_asked(f.engine, "/containers/c1/json"), 0);
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED_SINCE)->i, at(60));
	fixture_done(&f);
}

static void who_was_not_is_inspected_once(void **state)
{
	struct docker_fixture f = started(NULL);
	(void)state;
	move_latest(&f);
	assert_int_equal(look_at(&f, 0), 0);
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(fake_engine_asked(f.engine, "/containers/c1/json"), 1);
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED)->i, 1);
	fixture_done(&f);
}

static void a_container_made_by_an_id_or_a_digest_is_never_outdated(void **state)
{
	struct docker_fixture f = started(NULL);
	(void)state;
	set_images(&f, "\"web:1\"", "\"web:latest\"");
	set_container(&f, A);
	set_inspect(&f, "aaaaaaaaaaaa");
	assert_int_equal(look_at(&f, 0), 0);
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED)->i, 0);
	set_container(&f, "web@sha256:d0d0");
	assert_int_equal(fixture_restart(&f), 0);
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED)->i, 0);
	fixture_done(&f);
}

static void a_removed_reference_is_emitted_and_comes_back_as_added(void **state)
{
	static const struct expected removed = {"web:latest", NULL, A, "removed", NULL};
	static const struct expected added = {"web:latest", A, NULL, "added", NULL};
	struct docker_fixture f = one_image();
	(void)state;
	set_images(&f, "\"web:1\"", NULL);
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(changes(&f), 1);
	assert_true(change_is(&f, 0, &removed));
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED)->i, 1);
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED_SINCE)->i, at(60));
	set_images(&f, "\"web:1\",\"web:latest\"", NULL);
	assert_int_equal(look_at(&f, 120), 0);
	assert_int_equal(changes(&f), 1);
	assert_true(change_is(&f, 0, &added));
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED)->i, 0);
	assert_false(image_cell(&f, A, IMAGES_OUTDATED_SINCE)->set);
	fixture_done(&f);
}

static void outdated_since_stays_however_often_the_tag_moves_on(void **state)
{
	struct docker_fixture f = one_image();
	(void)state;
	move_latest(&f);
	assert_int_equal(look_at(&f, 60), 0);
	set_images(&f, "\"web:1\"", NULL);
	assert_int_equal(look_at(&f, 120), 0);
	assert_int_equal(image_cell(&f, A, IMAGES_OUTDATED_SINCE)->i, at(60));
	fixture_done(&f);
}

static void an_image_without_a_name_is_dangling_and_one_that_vanished_gone(void **state)
{
	struct docker_fixture f = one_image();
	(void)state;
	set_images(&f, "\"<none>:<none>\"", "\"web:latest\"");
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(image_cell(&f, A, IMAGES_DANGLING)->i, 1);
	assert_true(is_text(image_cell(&f, A, IMAGES_TAGS), "[]"));
	assert_int_equal(image_cell(&f, B, IMAGES_DANGLING)->i, 0);
	set_images(&f, NULL, "\"web:latest\"");
	assert_int_equal(look_at(&f, 120), 0);
	assert_int_equal(image_cell(&f, A, IMAGES_GONE_AT)->i, at(120));
	assert_int_equal(image_cell(&f, A, IMAGES_SIZE_BYTES)->i, 5);
	assert_int_equal(look_at(&f, 180), 0);
	assert_int_equal(fake_host_rows(f.host, "docker_images"), 1);
	fixture_done(&f);
}

/* ---- Restarts ---- */

static void a_tag_moved_while_the_daemon_was_down_is_emitted_at_the_next_start(void **state)
{
	static const struct expected moved = {"web:latest", B, A, "moved", "sha256:d"};
	static const struct expected removed = {"web:1", NULL, A, "removed", NULL};
	struct docker_fixture f = one_image();
	(void)state;
	set_images(&f, NULL, "\"web:latest\"");
	fake_engine_set(f.engine, "/containers/json", 200, "[]", FAKE_ANSWERS);
	assert_int_equal(fixture_restart(&f), 0);
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(changes(&f), 2);
	assert_true(change_is(&f, 0, &removed));
	assert_true(change_is(&f, 1, &moved));
	assert_int_equal(image_cell(&f, A, IMAGES_GONE_AT)->i, at(60));
	assert_int_equal(fixture_restart(&f), 0);
	assert_int_equal(look_at(&f, 120), 0);
	assert_int_equal(changes(&f), 0);
	/* In case that row was lost. */
	assert_int_equal(image_cell(&f, A, IMAGES_GONE_AT)->i, at(60));
	assert_int_equal(look_at(&f, 180), 0);
	assert_int_equal(fake_host_rows(f.host, "docker_images"), 1);
	fixture_done(&f);
}

static void a_slot_that_became_free_is_used_again(void **state)
{
	char position[100];
	struct docker_fixture f = one_image();
	struct tally_ctx *ctx = fake_host_ctx(f.host);
	(void)state;
	set_images(&f, "\"web:latest\"", NULL);
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(tally_position(ctx, "input.docker#0", position, sizeof(position)), 0);
	assert_string_equal(position, "-");
	set_images(&f, "\"web:latest\",\"web:2\"", NULL);
	assert_int_equal(look_at(&f, 120), 0);
	assert_int_equal(tally_position(ctx, "input.docker#0", position, sizeof(position)), 0);
	assert_non_null(strstr(position, " " A " web:2"));
	assert_int_equal(tally_position(ctx, "input.docker#2", position, sizeof(position)),
			 -ENOENT);
	fixture_done(&f);
}

static void a_change_that_was_not_taken_is_emitted_again(void **state)
{
	struct docker_fixture f = one_image();
	(void)state;
	move_latest(&f);
	fake_host_set_emit_result(f.host, -ECANCELED);
	assert_int_equal(look_at(&f, 60), -ECANCELED);
	fake_host_set_emit_result(f.host, 0);
	assert_int_equal(look_at(&f, 120), 0);
	assert_int_equal(changes(&f), 1);
	fixture_done(&f);
}

/* ---- Faults ---- */

static void a_list_that_is_damaged_is_an_error_and_nothing_is_forgotten(void **state)
{
	struct docker_fixture f = one_image();
	(void)state;
	fake_engine_set(f.engine, "/images/json", 200, "[{\"Id\":\"sha256:a\",\"Repo",
			FAKE_ANSWERS);
	assert_int_equal(look_at(&f, 60), -EBADMSG);
	assert_non_null(strstr(fake_host_reason(f.host), "GET /images/json: at byte "));
	fake_engine_set(f.engine, "/images/json", 200, "[{\"RepoTags\":[]}]", FAKE_ANSWERS);
	assert_int_equal(look_at(&f, 60), -EBADMSG);
	fake_engine_set(f.engine, "/images/json", 500, "{\"message\":\"on fire\"}", FAKE_ANSWERS);
	assert_int_equal(look_at(&f, 60), -EPROTO);
	fake_engine_set(f.engine, "/images/json", 200, "[]", FAKE_CUTS);
	assert_true(look_at(&f, 60) < 0);
	set_images(&f, "\"web:latest\",\"web:1\"", NULL);
	assert_int_equal(look_at(&f, 60), 0);
	assert_int_equal(changes(&f), 0);
	fixture_done(&f);
}

static void references_mean_the_same_however_they_are_written(void **state)
{
	static const struct {
		const char *written, *normal;
	} references[] = {
		{"box", "box:latest"},
		{"docker.io/library/box", "box:latest"},
		{"index.docker.io/library/box:1", "box:1"},
		{"docker.io/me/box:1", "me/box:1"},
		{"127.0.0.1:5055/demo/web", "127.0.0.1:5055/demo/web:latest"},
		{"box@sha256:0", ""},
		{"", ""},
	};
	char normal[IMAGE_REFERENCE_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof(references) / sizeof(references[0]); i++) {
		image_reference_normal(references[i].written, normal);
		assert_string_equal(normal, references[i].normal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images_of_20_10_become_rows),
		cmocka_unit_test(the_first_look_tells_all_references_as_added),
		cmocka_unit_test(images_of_the_containerd_store_have_manifest_ids),
		cmocka_unit_test(podmans_images_and_their_users_are_found),
		cmocka_unit_test(every_recorded_engine_has_its_images),
		cmocka_unit_test(
			a_moved_tag_is_emitted_with_its_old_image_and_its_container_is_outdated),
		cmocka_unit_test(who_was_known_before_the_move_is_not_inspected),
		cmocka_unit_test(who_was_not_is_inspected_once),
		cmocka_unit_test(a_container_made_by_an_id_or_a_digest_is_never_outdated),
		cmocka_unit_test(a_removed_reference_is_emitted_and_comes_back_as_added),
		cmocka_unit_test(outdated_since_stays_however_often_the_tag_moves_on),
		cmocka_unit_test(an_image_without_a_name_is_dangling_and_one_that_vanished_gone),
		cmocka_unit_test(
			a_tag_moved_while_the_daemon_was_down_is_emitted_at_the_next_start),
		cmocka_unit_test(a_slot_that_became_free_is_used_again),
		cmocka_unit_test(a_change_that_was_not_taken_is_emitted_again),
		cmocka_unit_test(a_list_that_is_damaged_is_an_error_and_nothing_is_forgotten),
		cmocka_unit_test(references_mean_the_same_however_they_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
