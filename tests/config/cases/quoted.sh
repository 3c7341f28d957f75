cat >t.conf <<'END'
[tallyd]
drain_timeout = "5s"
[input.probe]
interval = '10s'
END
tallyd -c t.conf check
