#!/bin/sh
# How full the file systems are: a row for each, every interval.
#
#   [input.exec:disk_space]
#   command = /usr/local/lib/tallyd/disk_space.sh
#   interval = 60s
#   declare = series disk_space (host text tag, mount text tag, size_bytes int unit=bytes, free_bytes int unit=bytes)
LC_ALL=C df -P -B1 -x tmpfs -x devtmpfs -x overlay | awk 'NR > 1 {
	gsub(/[\\"]/, "\\\\&", $6)
	printf "{\"mount\": \"%s\", \"size_bytes\": %s, \"free_bytes\": %s}\n", $6, $2, $4
}'
