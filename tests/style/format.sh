#!/bin/sh
# Every C file is as clang-format 14 would have it.
set -eu
find include base core console plugins sdk tests examples -name '*.[ch]' -print0 |
	xargs -0 clang-format-14 --dry-run -Werror
