cat >t.conf <<'END'
[tallyd]
drain_timeout = 1h
[input.probe]
interval = 1ms
limit = 2Gi
port = 0
END
tallyd -c t.conf check
