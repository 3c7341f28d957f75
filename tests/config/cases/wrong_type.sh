cat >t.conf <<'END'
[input.probe]
interval = 10x
limit = 16MB
port = http
verify = perhaps
mode = carefull
END
tallyd -c t.conf check
