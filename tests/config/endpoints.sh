#!/bin/sh
# The overview of all endpoints in docs/api.md is made of the table of routes; UPDATE=1 writes it.
# usage: endpoints.sh GENERATOR SOURCE_DIR
set -eu
page=$2/docs/api.md
begin='<!-- endpoints: made by tests/config/endpoints.sh -->'
end='<!-- end of endpoints -->'
made=$(mktemp)
trap 'rm -f "$made"' EXIT
grep -qxF "$begin" "$page" && grep -qxF "$end" "$page" || {
	echo "$page: has no place for the overview, \"$begin\""
	exit 1
}
{
	sed "\\|^$begin\$|q" "$page"
	"$1" --overview
	sed -n "\\|^$end\$|,\$p" "$page"
} >"$made"
if [ "${UPDATE:-}" ]; then
	cat "$made" >"$page"
elif ! diff -u "$page" "$made"; then
	echo "$page is stale: UPDATE=1 tests/config/endpoints.sh $*"
	exit 1
fi
