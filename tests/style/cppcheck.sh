#!/bin/sh
# cppcheck over our own files.  Off is what it makes up: leaks (it does not know the cleanup
# attribute), values it believes unset or NULL across calls and loops, readdir_r(), getpwuid_r() in
# a command, which has one thread, and that the file of mmap() could not be -1, which it is of
# anonymous memory.
set -eu
cache=$1/cppcheck
mkdir -p "$cache"
off=
for check in memleak memleakOnRealloc resourceLeak leakNoVarFunctionCall missingInclude \
	unknownMacro readdirCalled ctuuninitvar nullPointerRedundantCheck internalAstError \
	invalidFunctionArg:core/conformance/* getpwuidCalled:core/commands/*; do
	off="$off --suppress=$check"
done
# shellcheck disable=SC2086 # words on purpose
cppcheck --quiet --error-exitcode=1 --inline-suppr -j "$(nproc)" --cppcheck-build-dir="$cache" \
	--std=c11 --enable=warning,performance,portability --library=posix $off \
	-D_GNU_SOURCE -DTALLYD_VERSION='"0"' -I. -Iinclude -Icore -Iconsole -Iplugins/common base core console plugins
