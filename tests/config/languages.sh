#!/bin/sh
# The plugins in examples/cpp and examples/rust build against the headers alone, and the daemon
# takes them and gets their rows.  Rust only where rustc is.
# usage: languages.sh TALLYD SOURCE_DIR
set -eu
tallyd=$1
examples=$2/examples
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:$HOME/.cargo/bin

# What is built is loaded, asked for its rows once, and must give one.
try() { # NAME
	"$tallyd" plugins test --kind input "$work/$1.so" || exit 1
	printf '[tallyd]\nplugin_dir = %s\n[input.%s]\n' "$work" "$1" >"$work/$1.conf"
	"$tallyd" -c "$work/$1.conf" once >"$work/rows" || {
		cat "$work/rows"
		exit 1
	}
	grep -q "$1" "$work/rows" || {
		echo "$1: no row of it:"
		cat "$work/rows"
		exit 1
	}
}

for compiler in g++ clang++-14; do
	"$compiler" -std=c++20 -O1 -Wall -Wextra -Wno-missing-field-initializers -Werror -fPIC \
		-fvisibility=hidden -I"$2/include" -shared -Wl,-z,defs -o "$work/machine_uptime.so" \
		"$examples/cpp/machine_uptime.cpp"
	try machine_uptime
done

if command -v rustc >/dev/null; then
	rustc --edition 2021 --crate-type cdylib -D warnings -o "$work/machine_memory.so" \
		"$examples/rust/src/lib.rs"
	try machine_memory
else
	echo "rustc is not here: the plugin in Rust was not built"
fi
