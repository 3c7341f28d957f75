cat >t.conf <<'END'
[input.probe]
intervall = 5s
colour = red
END
tallyd -c t.conf check
