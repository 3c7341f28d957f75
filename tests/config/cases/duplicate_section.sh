mkdir conf.d
printf '[input.probe]\nport = 1\nport = 2\n' >t.conf
printf '\n[input.probe]\nport = 3\n' >conf.d/probe.conf
tallyd -c t.conf check
