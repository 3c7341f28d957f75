#!/bin/sh
# Runs one case in an empty folder and compares all it prints with CASE.expected.
# usage: run.sh CASE.sh TALLYD PLUGIN_DIR      UPDATE=1 writes the expectation instead
# In a case, `tallyd …` is the binary with the plugins of the tests; it prints its exit code.
set -eu
case_file=$1
TALLYD=$2
PLUGINS=$3
expected=${case_file%.sh}.expected
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

tallyd() {
	code=0
	"$TALLYD" -p "$PLUGINS" "$@" 2>&1 || code=$?
	echo "exit $code"
}

cd "$folder"
# shellcheck source=/dev/null # given on the command line
. "$case_file" 2>&1 | sed -e "s|$PLUGINS|PLUGINS|g" -e "s|$folder|FOLDER|g" >actual.txt
if [ "${UPDATE:-}" ]; then
	cp actual.txt "$expected"
else
	diff -u "$expected" actual.txt
fi
