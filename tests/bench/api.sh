#!/bin/bash
# Cached answers of 2 KB and of 100 containers, beside nginx with the same bytes in a file, in turns:
# the servers on one core and wrk on another, then all of them wherever they like.  At last what
# prebuilt headers save: processor time of an answer with them, and of one whose headers are set anew
# since they depend on who asks (CORS).  Medians of BENCH_ROUNDS (3) rounds of BENCH_SECONDS (3).
# usage: api.sh BENCH_API
set -euo pipefail
seconds=${BENCH_SECONDS:-3} rounds=${BENCH_ROUNDS:-3}
folder=$(mktemp -d)
port=$((20000 + $$ % 20000))
chmod 755 "$folder"

# In a session of its own, as nginx makes one for itself: the kernel shares processors out by
# session, so with wrk in the same one the server would get half of what nginx gets.
mkfifo "$folder/hold"
setsid "$1" <"$folder/hold" >"$folder/port" &
server=$!
exec 3>"$folder/hold"
finish() {
	[ ! -s "$folder/pid" ] || kill "$(cat "$folder/pid")"
	exec 3>&-
	wait $server || true
	rm -rf "$folder"
}
trap finish EXIT
until [ -s "$folder/port" ]; do kill -0 $server && sleep 0.05; done
ours=http://127.0.0.1:$(cat "$folder/port")/api/v1/containers

curl -sf "$ours?limit=6" >"$folder/small"
curl -sf "$ours" >"$folder/list"
cat >"$folder/nginx.conf" <<END
worker_processes 1; pid $folder/pid; error_log $folder/error.log;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=10;
  default_type application/json; server { listen 127.0.0.1:$port; root $folder; } }
END
nginx -c "$folder/nginx.conf" 2>/dev/null 3>&-
until [ -s "$folder/pid" ]; do sleep 0.05; done
worker=$(pgrep -P "$(cat "$folder/pid")")

measure() { # URL: requests per second, the 99th percentile in ms, and what went wrong
	taskset -c "$load" wrk -t1 -c64 -d"${seconds}s" --latency "$1" | awk '
		/99%/ {p = $2 ~ /us$/ ? $2 / 1000 : $2 ~ /ms$/ ? $2 + 0 : $2 * 1000}
		/Requests\/sec/ {r = $2}
		/Non-2xx|Socket errors/ {e = $0}
		END {print r, p, e}'
}

median() { # FILE COLUMN
	cut -d' ' -f"$2" "$folder/$1" | sort -n | sed -n "$(((rounds + 1) / 2))p"
}

compare() { # WHAT URL
	rm -f "$folder/ours" "$folder/nginx"
	for ((round = 0; round < rounds; round++)); do
		measure "$2" >>"$folder/ours"
		measure "http://127.0.0.1:$port/$1" >>"$folder/nginx"
	done
	printf '%s, %d bytes, %s: %.0f req/s, p99 %.2f ms; nginx %.0f req/s, p99 %.2f ms; ratio %s\n' \
		"$1" "$(stat -c %s "$folder/$1")" "$where" "$(median ours 1)" "$(median ours 2)" \
		"$(median nginx 1)" "$(median nginx 2)" \
		"$(awk "BEGIN {printf \"%.2f\", $(median ours 1) / $(median nginx 1)}")"
	grep -h '[A-Z]' "$folder/ours" "$folder/nginx" || true # errors, if any
}

spent() { # processor time of the server, µs
	cat /proc/$server/task/*/schedstat | awk '{n += $1} END {printf "%d", n / 1000}'
}

cost() { # URL [HEADER]: µs of processor time per answer
	local before answers
	before=$(spent)
	answers=$(wrk -t1 -c64 -d"${seconds}s" ${2:+-H "$2"} "$1" | awk '/requests in/ {print $1}')
	awk "BEGIN {printf \"%.2f\\n\", ($(spent) - $before) / $answers}"
}

compare_headers() { # WHAT URL
	rm -f "$folder/prebuilt" "$folder/own"
	for ((round = 0; round < rounds; round++)); do
		cost "$2" >>"$folder/prebuilt"
		cost "$2" "Origin: https://bench.example" >>"$folder/own"
	done
	printf '%s: %s µs each with prebuilt headers, %s µs with its own; ratio %s\n' "$1" \
		"$(median prebuilt 1)" "$(median own 1)" \
		"$(awk "BEGIN {printf \"%.2f\", $(median prebuilt 1) / $(median own 1)}")"
}

all=0-$(($(nproc) - 1))
for where in "a core each" unpinned; do
	load=1
	taskset -acp 0 $server >/dev/null
	taskset -cp 0 "$worker" >/dev/null
	if [ "$where" = unpinned ]; then
		load=$all
		taskset -acp "$all" $server >/dev/null
		taskset -cp "$all" "$worker" >/dev/null
	fi
	compare small "$ours?limit=6"
	compare list "$ours"
done
compare_headers small "$ours?limit=6"
compare_headers list "$ours"
