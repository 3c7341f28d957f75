cat >t.conf <<'END'
[input.probe]
[buffer.shelf]
[output.sink]
path = /x
buffer = shelf
tables = container_*
END
tallyd -c t.conf check
: >t.conf
tallyd -c t.conf check
