#!/bin/sh
# The plugin ABI is the recorded one.  `abi.sh --record` writes the record anew: only together with a
# new TALLY_ABI_MINOR (something was appended) or TALLY_ABI_MAJOR.
set -eu
cd "$(dirname "$0")/../.."
version=$(sed -n 's/^#define TALLY_ABI_M[AIJNOR]* \([0-9]*\).*/\1/p' include/tallyd/plugin.h | paste -sd.)
record=tests/style/abi/tallyd-$version.abi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

gcc -g -fPIC -shared -fno-eliminate-unused-debug-types -Iinclude tests/style/abi_surface.c \
	-o "$work/surface.so"
if [ "${1:-}" = --record ]; then
	abidw --no-show-locs --no-corpus-path --no-comp-dir-path "$work/surface.so" >"$record"
	exit
fi
[ -f "$record" ] || {
	echo "ABI $version has no record: run $0 --record"
	exit 1
}
abidiff --no-show-locs "$record" "$work/surface.so" || {
	echo "The ABI is not what $record says.  Appended?  Raise TALLY_ABI_MINOR and record it."
	exit 1
}
