cat >t.conf <<'END'
[output.sink]
path = /x
[input.probe]
enabled = no
END
tallyd -c t.conf check
cat >t.conf <<'END'
[output.sink]
path = /x
buffer = batch
END
tallyd -c t.conf check
cat >t.conf <<'END'
[output.sink]
path = /x
[input.prove]
END
tallyd -c t.conf check
