#!/bin/sh
# conf.d/ is a working installation as it stands, and every key that a plugin takes is in its
# file, with its default.
# usage: shipped.sh TALLYD PLUGIN_DIR SOURCE_DIR
set -eu
conf=$3/conf.d
"$1" -p "$2" -c "$conf" check

# `; key = default` and `key = value` are both a mention.
"$1" -p "$2" -c "$conf" config explain | awk -v conf="$conf" '
	/^\[/ { section = $1; gsub(/[][]/, "", section); part = section; sub(/.*\./, "", part)
		if (section ~ /^alert\./) part = "alerts"
		file = conf "/" part ".conf"; next }
	/^  [a-z]/ { if (system("grep -Eq \"^(; )?" $1 " =\" " file) != 0) {
		print file ": does not mention " $1; wrong = 1 } }
	END { exit wrong }'
