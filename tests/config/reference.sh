#!/bin/sh
# docs/configuration.md is what `tallyd config reference` prints, and the options and tables in the
# README of each input are its part of it; UPDATE=1 writes them.
# usage: reference.sh TALLYD PLUGIN_DIR SOURCE_DIR
set -eu
page=$3/docs/configuration.md
made=$(mktemp) part=$(mktemp) readme=$(mktemp)
trap 'rm -f "$made" "$part" "$readme"' EXIT
begin='<!-- options: made by tests/config/reference.sh -->'
end='<!-- end of options -->'

# hold PAGE MADE
hold() {
	if [ "${UPDATE:-}" ]; then
		cat "$2" >"$1"
	elif ! diff -u "$1" "$2"; then
		echo "$1 is stale: UPDATE=1 tests/config/reference.sh $arguments"
		return 1
	fi
}

# Of an input: the first table, which is that of its keys, and what it says of each of its tables.
part_of() { # NAME
	awk -v section="## [input.$1]" -v rule="## [$1.NAME]" '
		/^## / { on = $0 == section || $0 == rule }
		on && /^\| key / { keys = 1 }
		on && keys == 1 && !/^\|/ { keys = 2; print "" }
		on && (keys == 1 || /^Table `/) { print }' "$made"
}

arguments=$*
"$1" -p "$2" config reference >"$made"
status=0
hold "$page" "$made" || status=1
twice=$(grep -o '^| `tallyd_[a-z0-9_]*`' "$made" | sort | uniq -d)
if [ "$twice" ]; then
	echo "listed more than once: $twice"
	status=1
fi
for file in "$3"/plugins/input/*/README.md; do
	part_of "$(basename "$(dirname "$file")")" >"$part"
	if ! grep -qxF -e "$begin" "$file" || ! [ -s "$part" ]; then
		echo "$file: has no place for its options, \"$begin\", or no options"
		status=1
		continue
	fi
	awk -v begin="$begin" -v end="$end" -v part="$part" '
		$0 == end { on = 0 }
		!on { print }
		$0 == begin { on = 1; while ((getline line <part) > 0) print line }' \
		"$file" >"$readme"
	hold "$file" "$readme" || status=1
done
exit $status
