#!/bin/bash
# clang-tidy 14 with .clang-tidy over base/, core/, console/ and plugins/, as compiled in the given build folder.
# Files that have not changed since they last passed (nor any header) are not looked at again.
set -euo pipefail
build=$1
[ -f "$build/compile_commands.json" ]
root=$(pwd)
stamps=$build/clang-tidy
mkdir -p "$stamps"
# Once each: of a file that is compiled twice, clang-tidy 14 would take the second va_list for one that
# was not begun.
jq 'unique_by(.file)' "$build/compile_commands.json" >"$stamps/compile_commands.json"
newest_shared=$(find .clang-tidy include base core console plugins \( -name '*.h' -o -name .clang-tidy \) \
	-printf '%T@ %p\n' | sort -n | tail -1 | cut -d' ' -f2-)

stamp_of() {
	local name=${1#"$root"/}
	echo "$stamps/${name//\//_}"
}

# The stamp is set only when the file passed.  The path-sensitive checks are run shallow, twelve times
# faster than deep: the deep search is gcc -fanalyzer's part.
check() {
	clang-tidy-14 --quiet --extra-arg=-Xclang --extra-arg=-analyzer-config \
		--extra-arg=-Xclang --extra-arg=mode=shallow -p "$stamps" "$1" 2>/dev/null &&
		touch "$(stamp_of "$1")"
}
export -f check stamp_of
export root stamps

for file in $(jq -r '.[].file' "$stamps/compile_commands.json" |
	grep -E "^$root/(base|core|console|plugins)/"); do
	stamp=$(stamp_of "$file")
	if [ -f "$file" ] && ! { [ "$stamp" -nt "$file" ] && [ "$stamp" -nt "$newest_shared" ]; }; then
		printf '%s\0' "$file"
	fi
done | xargs -0 -r -P "$(nproc)" -I{} bash -c 'check {}'
