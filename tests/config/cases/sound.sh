# A folder as it is installed; two files.
mkdir conf.d
cat >tallyd.conf <<'END'
[tallyd]
host = testhost
END
cat >conf.d/all.conf <<'END'
[input.probe]
[buffer.shelf]
[output.sink]
path = /x
buffer = shelf
[output.asker]
END
tallyd -c tallyd.conf check
tallyd -c . check
