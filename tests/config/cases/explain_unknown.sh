printf '[input.probe]\nenabled = no\n' >t.conf
tallyd -c t.conf config explain input.probe
tallyd -c t.conf config explain input.prob
