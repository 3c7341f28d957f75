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
		"${options[@]}" $DEMO_IMAGE sh -c "$*" >/dev/null
}

demo_start() {
	local address
	command -v docker >/dev/null || need_packages 'docker.io|docker-ce-cli'
	demo_stop
	demo_image
	demo_run busy --cpus 0.2 --label tier=batch -- 'while :; do :; done'
	demo_run memory --memory 256m --label tier=cache -- \
		'dd if=/dev/zero of=/dev/shm/held bs=1M count=48 2>/dev/null; sleep 1000000'
	demo_run flaky --restart on-failure --label tier=batch -- \
		'echo working; sleep 20; echo giving up >&2; exit 3'
	demo_run healthy --health-cmd 'test -e /tmp/ok' --health-interval 5s --label tier=web -- \
		'while :; do touch /tmp/ok; sleep 30; rm /tmp/ok; sleep 20; done'
	if demo_docker network inspect bridge >/dev/null 2>&1; then
		demo_run web --label tier=web -- 'head -c 200000 /dev/urandom >/www/page; httpd -f -h /www'
		address=$(demo_docker inspect -f '{{.NetworkSettings.IPAddress}}' tallyd-demo-web)
		demo_run client --label tier=web -- \
			"while :; do wget -qO /dev/null http://$address/page; sleep 1; done"
	fi
	say "Started $(demo_docker ps -q --filter label=tallyd.demo | wc -l) sample containers"
}

demo_stop() {
	local ids
	ids=$(demo_docker ps -aq --filter label=tallyd.demo)
	# shellcheck disable=SC2086 # one word each
	[ -z "$ids" ] || demo_docker rm -f -v $ids >/dev/null
}
