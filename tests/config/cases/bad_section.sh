cat >t.conf <<'END'
key = outside
[inptu.probe]
[input]
[input.Probe]
[input.probe
words
END
tallyd -c t.conf check
