cat >t.conf <<'END'
[input.sink]
[buffer.probe:a]
END
tallyd -c t.conf check
