# shellcheck shell=bash
# Programs whose package brings a server or much else along: only the program is taken out of it.

# need_promtool puts promtool into build-tools/, unless there is one.
need_promtool() {
	local folder=$ROOT/build-tools
	command -v promtool >/dev/null || [ -x "$folder/promtool" ] && return 0
	say "Taking promtool out of the distribution's package prometheus"
	mkdir -p "$folder"
	(cd "$folder" && apt-get -o APT::Sandbox::User=root download -qq prometheus </dev/null >/dev/null) || (
		as_root apt-get update -qq </dev/null
		cd "$folder" && apt-get -o APT::Sandbox::User=root download -qq prometheus </dev/null >/dev/null
	)
	dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb |
		tar -x -C "$folder" --strip-components=3 ./usr/bin/promtool
	rm -f "$folder"/prometheus_*.deb
}
