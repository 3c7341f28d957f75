#!/bin/sh
# The hook lets good commit messages pass and refuses each kind of bad one, saying why.
set -eu
hook=$(dirname "$0")/../../scripts/hooks/commit-msg
file=$(mktemp)
trap 'rm -f "$file" "$file.err"' EXIT
failed=0

passes() { # MESSAGE
	printf '%b' "$1" >"$file"
	"$hook" "$file" 2>"$file.err" || {
		echo "refused, but good: $1: $(cat "$file.err")"
		failed=1
	}
}

refused() { # REASON MESSAGE
	printf '%b' "$2" >"$file"
	if "$hook" "$file" 2>"$file.err"; then
		echo "passed, but bad: $2"
		failed=1
	elif ! grep -q "$1" "$file.err"; then
		echo "refused for another reason than \"$1\": $(cat "$file.err")"
		failed=1
	fi
}

passes 'sqlite: sync once per group of writes\n\nA commit in WAL mode is not durable by itself.\n'
passes 'core, docs: rename the drain\n\nThe field calls it that.\n# a comment of git\n'
passes 'Merge branch side\n'
passes 'Revert "sqlite: sync"\n'
refused 'no body' 'sqlite: sync once per group of writes\n'
refused 'no body' 'sqlite: sync once\n\n# only comments\n'
refused 'no body' 'sqlite: sync once\n\nSigned-off-by: A B <a@b.example>\n'
refused 'more than 60' 'sqlite: sync once per group of writes and not for every single one of them\n\nWhy.\n'
refused 'imperative' 'Sync once per group of writes\n\nWhy.\n'
refused 'imperative' 'sqlite: sync once.\n\nWhy.\n'
refused 'second line' 'sqlite: sync once\nbecause.\n\nWhy.\n'
exit $failed
