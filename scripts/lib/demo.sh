# shellcheck shell=bash
# A few containers that do something worth watching.  Their image is the distribution's static
# busybox, so nothing is pulled.  Source engine.sh first; all bear the label tallyd.demo.

DEMO_IMAGE=tallyd-demo/busybox:latest

demo_docker() { docker -H "$ENGINE" "$@"; }

demo_image() {
	local tree name
	demo_docker image inspect $DEMO_IMAGE >/dev/null 2>&1 && return 0
	need_packages busybox-static
	tree=$(mktemp -d)
	mkdir -p "$tree/bin" "$tree/tmp" "$tree/www"
	cp /bin/busybox "$tree/bin/"
	for name in $(/bin/busybox --list); do
		[ "$name" = busybox ] || ln -s busybox "$tree/bin/$name"
	done
	chmod 755 "$tree"
	tar -C "$tree" -c . | demo_docker import - $DEMO_IMAGE >/dev/null
	rm -rf "$tree"
}

demo_run() { # NAME DOCKER_OPTION… -- COMMAND
	local name=tallyd-demo-$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	demo_docker run -d --name "$name" --label tallyd.demo=yes --stop-signal KILL \
		"${options[@]}" "${DEMO_RUNS:-$DEMO_IMAGE}" sh -c "$*" >/dev/null
}

# As compose labels them.
demo_service() { # SERVICE DOCKER_OPTION… -- COMMAND
	local service=$1
	shift
	demo_run "$service" --label com.docker.compose.project=shop \
		--label "com.docker.compose.service=$service" "$@"
}

# Two versions of an image, which know what they are; `latest` is what a deploy moves.
demo_releases() {
	local version
	demo_docker create --name tallyd-demo-base --label tallyd.demo=yes $DEMO_IMAGE true >/dev/null
	for version in 1.0 1.1; do
		demo_docker image inspect -f '{{.Config.Env}}' "tallyd-demo/web:$version" 2>/dev/null |
			grep -q "RELEASE=$version" ||
			demo_docker commit -c "ENV RELEASE=$version" \
				-c "LABEL org.opencontainers.image.version=$version" \
				tallyd-demo-base "tallyd-demo/web:$version" >/dev/null
	done
	demo_docker rm tallyd-demo-base >/dev/null
	demo_docker tag tallyd-demo/web:1.0 tallyd-demo/web:latest
}

# 1.1 is worse: it leaks memory, and logs an error that was not there.
demo_web() {
	DEMO_RUNS=tallyd-demo/web:latest demo_service web --memory 128m --label tier=web -- \
		'n=0; head -c 200000 /dev/urandom >/www/page; httpd -h /www
		while :; do n=$((n + 1)); echo "level=info msg=\"GET /cart\" status=200 ms=$((n % 40)) order=$n"
		[ $((n % 15)) != 0 ] || echo "level=error msg=\"payment refused\" code=E42 order=$n" >&2
		[ $((n % 9)) != 0 ] || echo "{\"level\":\"warn\",\"msg\":\"slow query\",\"ms\":$((n * 7))}"
		[ "$RELEASE" != 1.1 ] || [ $((n % 20)) != 0 ] || {
			echo "level=error msg=\"no answer from inventory\" waited=$((n * 3))ms" >&2
			dd if=/dev/zero of=/dev/shm/$n bs=64k count=4 2>/dev/null; }
		sleep 0.3; done'
}

# In the background, until demo_stop: a new version of the web service, when there is something to
# compare it with.
demo_deploy() {
	sleep 200
	demo_docker tag tallyd-demo/web:1.1 tallyd-demo/web:latest
	demo_docker rm -f -v tallyd-demo-web >/dev/null && demo_web
}

demo_start() {
	local address
	command -v docker >/dev/null || need_packages 'docker.io|docker-ce-cli'
	demo_stop
	demo_image
	demo_releases
	demo_service worker --cpus 0.2 --label tier=batch -- \
		'while :; do i=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done; echo "batch of $i done"; done'
	demo_service cache --memory 64m --label tier=cache -- \
		'dd if=/dev/zero of=/dev/shm/held bs=1M count=54 2>/dev/null; sleep 1000000'
	demo_run flaky --restart on-failure --label tier=batch -- \
		'echo working; sleep 20; echo giving up >&2; exit 3'
	demo_run hungry --restart on-failure --memory 16m --label tier=batch -- \
		'echo "fills its memory"; sleep 15; dd if=/dev/zero of=/dev/shm/all bs=1M count=64'
	demo_run healthy --health-cmd 'test -e /tmp/ok' --health-interval 5s --label tier=web -- \
		'while :; do touch /tmp/ok; sleep 30; rm /tmp/ok; sleep 20; done'
	demo_run sick --health-cmd 'echo "connection to shop-db refused"; exit 1' --health-interval 5s \
		--health-retries 2 --label tier=web -- 'sleep 1000000'
	demo_web
	if demo_docker network inspect bridge >/dev/null 2>&1; then
		address=$(demo_docker inspect -f '{{.NetworkSettings.IPAddress}}' tallyd-demo-web)
		demo_service client --label tier=web -- \
			"while :; do wget -qO /dev/null http://$address/page; sleep 1; done"
	fi
	say "Started $(demo_docker ps -q --filter label=tallyd.demo | wc -l) sample containers"
	demo_deploy &
	DEMO_DEPLOY=$!
}

demo_stop() {
	local ids
	[ -z "${DEMO_DEPLOY:-}" ] || kill "$DEMO_DEPLOY" 2>/dev/null || true
	ids=$(demo_docker ps -aq --filter label=tallyd.demo)
	# shellcheck disable=SC2086 # one word each
	[ -z "$ids" ] || demo_docker rm -f -v $ids >/dev/null
}
