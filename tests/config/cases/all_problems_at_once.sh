# Mistakes in the text and in what it means are told by one run.
cat >t.conf <<'END'
[tallyd]
log_level = loud
[input.probe]
nonsense
port = 0
[output.sink]
END
tallyd -c t.conf check
