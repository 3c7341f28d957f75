cat >t.conf <<'END'
[input.probe]
[output.sink]
path = /x
[output.asker]
store = sinc
[output.sink:b]
path = /x
buffer = shelve
[buffer.shelf]
[output.asker:b]
store = asker
[output.sink:off]
enabled = no
[output.asker:c]
store = sink:off
END
tallyd -c t.conf check
