#!/bin/bash
# Kept answers of 2 KB and of 100 containers, beside nginx with the same bytes in a file: the
# servers on one core in turn, wrk on another.  usage: api.sh BENCH_API
set -euo pipefail
seconds=${BENCH_SECONDS:-5}
folder=$(mktemp -d)
port=$((20000 + $$ % 20000))
chmod 755 "$folder"

mkfifo "$folder/hold"
taskset -c 0 "$1" <"$folder/hold" >"$folder/port" &
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
worker_processes 1; worker_cpu_affinity 01; pid $folder/pid; error_log $folder/error.log;
events { worker_connections 1024; }
http { access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; open_file_cache max=10;
  default_type application/json; server { listen 127.0.0.1:$port; root $folder; } }
END
nginx -c "$folder/nginx.conf" 2>/dev/null 3>&-

measure() { # URL: requests per second and the 99th percentile
	taskset -c 1 wrk -t1 -c64 -d"${seconds}s" --latency "$1" |
		awk '/99%/ {p = $2} /Requests\/sec/ {r = $2} /Non-2xx|Socket errors/ {e = $0} END {print r, p, e}'
}

for what in small list; do
	url=$ours
	[ $what = list ] || url="$ours?limit=6"
	read -r a_rate a_p99 a_errors <<<"$(measure "$url")"
	read -r b_rate b_p99 b_errors <<<"$(measure "http://127.0.0.1:$port/$what")"
	printf '%s, %d bytes: %.0f req/s, p99 %s; nginx %.0f req/s, p99 %s; ratio %s %s\n' \
		$what "$(stat -c %s "$folder/$what")" "$a_rate" "$a_p99" "$b_rate" "$b_p99" \
		"$(awk "BEGIN {printf \"%.2f\", $a_rate / $b_rate}")" "$a_errors$b_errors"
done
