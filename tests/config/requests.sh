#!/bin/sh
# What docs/security.md says of requests to the engine is what engine_requests prints; UPDATE=1
# writes it.
# usage: requests.sh ENGINE_REQUESTS SOURCE_DIR
set -eu
page=$2/docs/security.md
made=$(mktemp) part=$(mktemp)
trap 'rm -f "$made" "$part"' EXIT

cp "$page" "$made"
for what in list proxy; do
	begin="<!-- requests $what: made by tests/config/requests.sh -->" end="<!-- end of $what -->"
	"$1" "$what" >"$part"
	if ! grep -qxF -e "$begin" "$page" || ! grep -qxF -e "$end" "$page" || ! [ -s "$part" ]; then
		echo "$page: has no place for its $what, \"$begin\""
		exit 1
	fi
	awk -v begin="$begin" -v end="$end" -v part="$part" '
		$0 == end { on = 0 }
		!on { print }
		$0 == begin { on = 1; while ((getline line <part) > 0) print line }' \
		"$made" >"$made.new"
	mv "$made.new" "$made"
done
if [ "${UPDATE:-}" ]; then
	cat "$made" >"$page"
elif ! diff -u "$page" "$made"; then
	echo "$page is stale: UPDATE=1 tests/config/requests.sh $*"
	exit 1
fi
