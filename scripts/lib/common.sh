# shellcheck shell=bash
# What every script here shares: where the repository is, how to speak, how to get packages.
# Source it first; it turns on `set -eu`.

set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

say() { printf '%s\n' "$*"; }

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# What to put before a command that root must run.
SUDO=()
[ "$(id -u)" = 0 ] || SUDO=(sudo)

as_root() {
	[ ${#SUDO[@]} -eq 0 ] || command -v sudo >/dev/null || die "this needs root or sudo: $*"
	"${SUDO[@]}" "$@"
}

installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_packages NAME… installs what is missing, in one go; `a|b` is met by either and installs a.
need_packages() {
	local wanted one found missing=()
	for wanted in "$@"; do
		found=no
		for one in ${wanted//|/ }; do
			installed "$one" && found=yes
		done
		[ $found = yes ] || missing+=("${wanted%%|*}")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	command -v apt-get >/dev/null ||
		die "this needs Debian or Ubuntu; elsewhere install the like of: ${missing[*]}"
	say "Installing from the distribution: ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		"${missing[@]}" </dev/null >/dev/null
}

# shellcheck disable=SC2034 # for those who source this
BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build 'pkgconf|pkg-config' libinih-dev libltdl-dev
	'libcurl4-openssl-dev|libcurl4-gnutls-dev|libcurl4-nss-dev' libjansson-dev
	libmicrohttpd-dev libdeflate-dev libpcre2-dev libglib2.0-dev tzdata libxxhash-dev libsqlite3-dev libpq-dev
	libhiredis-dev libncurses-dev)

# build_preset PRESET [CMAKE_OPTION…] configures and builds a preset; quiet unless it fails.
build_preset() {
	local preset=$1
	shift
	(cd "$ROOT" && cmake --preset "$preset" "$@" --log-level=WARNING >/dev/null &&
		cmake --build --preset "$preset" -- --quiet)
}
