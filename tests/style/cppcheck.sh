#!/bin/sh
# cppcheck over our own files.  memleak is off: it does not know the cleanup attribute.
set -eu
cache=$1/cppcheck
mkdir -p "$cache"
cppcheck --quiet --error-exitcode=1 --inline-suppr -j "$(nproc)" --cppcheck-build-dir="$cache" \
	--std=c11 --enable=warning,performance,portability --library=posix \
	--suppress=memleak --suppress=resourceLeak --suppress=missingInclude \
	--suppress=unknownMacro --suppress=readdirCalled \
	-D_GNU_SOURCE -DTALLYD_VERSION='"0"' -Iinclude -Icore -Iplugins/common core plugins
