#!/bin/sh
# Shell scripts parse, and pass shellcheck where there is one; Python files compile.
set -eu
shells=$(find .ci/run scripts tests packaging -type f \
	-exec sh -c 'head -c 12 "$1" | grep -q "^#!/bin/.*sh"' _ {} \; -print)
for script in $shells; do
	sh -c "$(sed -n '1s/^#!//p' "$script") -n $script"
done
if command -v shellcheck >/dev/null; then
	# shellcheck disable=SC2086 # one word each
	shellcheck -x $shells
fi
find scripts tests -name '*.py' -print0 | xargs -0 /usr/bin/python3 -c '
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name).read(), name)'
