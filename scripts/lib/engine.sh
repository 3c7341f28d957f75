# shellcheck shell=bash
# Finds a Docker Engine, or starts one.  Source common.sh first.
#
#   engine_need          sets ENGINE to the endpoint of one that answers, whatever that takes
#   engine_stop          stops it if engine_need started it by hand

ENGINE=
ENGINE_PID=
ENGINE_LOG=

engine_answers() { # ENDPOINT
	case $1 in
	unix://*) curl -sf -m 5 -o /dev/null --unix-socket "${1#unix://}" http://localhost/_ping ;;
	tcp://*) curl -sf -m 5 -o /dev/null "http://${1#tcp://}/_ping" ;;
	*) die "DOCKER_HOST=$1: only unix:// and tcp:// can be used here" ;;
	esac
}

engine_find() {
	local endpoint
	for endpoint in ${DOCKER_HOST:-unix:///var/run/docker.sock \
		${XDG_RUNTIME_DIR:+"unix://$XDG_RUNTIME_DIR/docker.sock"}}; do
		if engine_answers "$endpoint"; then
			ENGINE=$endpoint
			return 0
		fi
	done
	return 1
}

engine_wait() { # SECONDS: until the engine answers or the process is gone
	local end=$((SECONDS + $1))
	until engine_answers "$ENGINE"; do
		[ $SECONDS -lt $end ] || return 1
		[ -z "$ENGINE_PID" ] || as_root kill -0 "$ENGINE_PID" 2>/dev/null || return 1
		sleep 0.2
	done
}

# Without systemd.  Where the network may not be set up (a container, say) it does with less.
engine_start_by_hand() {
	local options
	ENGINE_LOG=$ROOT/build/run/dockerd.log
	mkdir -p "${ENGINE_LOG%/*}"
	for options in '' '--iptables=false --ip6tables=false' \
		'--iptables=false --ip6tables=false --bridge=none'; do
		say "Starting dockerd $options(log: $ENGINE_LOG; it stops with this script)"
		# shellcheck disable=SC2086 # options are words
		"${SUDO[@]}" setsid dockerd $options </dev/null >"$ENGINE_LOG" 2>&1 &
		ENGINE_PID=$!
		engine_wait 30 && return 0
		engine_stop
	done
	tail -n 5 "$ENGINE_LOG" >&2
	die "dockerd does not start; see $ENGINE_LOG"
}

engine_need() {
	engine_find && return 0
	[ -z "${DOCKER_HOST:-}" ] || die "no Docker Engine answers at DOCKER_HOST=$DOCKER_HOST"
	ENGINE=unix:///var/run/docker.sock
	if as_root curl -sf -m 5 -o /dev/null --unix-socket "${ENGINE#unix://}" \
		http://localhost/_ping 2>/dev/null; then
		die "a Docker Engine runs, but $(id -un) may not use it:" \
			"run this as root, or join its group (sudo usermod -aG docker $(id -un); newgrp docker)"
	fi
	say "No Docker Engine answers at $ENGINE: one of the distribution's will be started"
	need_packages 'docker.io|docker-ce' iproute2
	if [ -d /run/systemd/system ]; then
		as_root systemctl start docker
		engine_wait 30 || die "docker.service does not answer: see journalctl -u docker"
	else
		engine_start_by_hand
	fi
	engine_answers "$ENGINE" || die "$ENGINE: $(id -un) may not use it (group docker)"
}

engine_stop() {
	[ -n "$ENGINE_PID" ] || return 0
	as_root kill "$ENGINE_PID" 2>/dev/null || true
	wait "$ENGINE_PID" 2>/dev/null || true
	ENGINE_PID=
}
