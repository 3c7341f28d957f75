#!/bin/sh
# Each public header compiles by itself, as pedantic C11 and as C++17; the one for C++ as C++20.
set -eu

compile() { # COMPILER OPTION…
	echo "#include <${header#include/}>" | "$@" -Wall -Wextra -Wpedantic -Werror -Iinclude \
		-fsyntax-only - || {
		echo "$header: $*"
		exit 1
	}
}

for header in include/tallyd/*.h include/tallyd/testing/*.h; do
	compile gcc -std=c11 -x c
	compile clang-14 -std=c11 -x c
	compile g++ -std=c++17 -x c++
done
for compiler in g++ clang++-14; do
	header=include/tallyd/plugin.hpp
	compile "$compiler" -std=c++20 -x c++
done
