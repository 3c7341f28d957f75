#!/bin/sh
# docs/configuration.md is what `tallyd config reference` prints; UPDATE=1 writes it.
# usage: reference.sh TALLYD PLUGIN_DIR SOURCE_DIR
set -eu
page=$3/docs/configuration.md
made=$(mktemp)
trap 'rm -f "$made"' EXIT
"$1" -p "$2" config reference >"$made"
if [ "${UPDATE:-}" ]; then
	cat "$made" >"$page"
elif ! diff -u "$page" "$made"; then
	echo "docs/configuration.md is stale: UPDATE=1 tests/config/reference.sh $*"
	exit 1
fi
