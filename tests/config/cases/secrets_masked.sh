printf 'open sesame\n' >key
cat >t.conf <<'END'
[tallyd]
host = testhost
plugin_dir = /plugins
[input.probe]
token = abracadabra
endpoint = a$$b
[buffer.shelf]
[output.sink]
path = /x
buffer = shelf
password_file = key
END
tallyd -c t.conf config dump >dump.conf
cat dump.conf
tallyd -c t.conf config explain input.probe
tallyd -c t.conf config explain output.sink
sed -i '/^exit/d' dump.conf
tallyd -c dump.conf check
echo 'password = twice' >>t.conf
tallyd -c t.conf check
grep -l 'abracadabra\|sesame' dump.conf || echo 'no secret was shown'
