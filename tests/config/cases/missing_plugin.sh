cat >t.conf <<'END'
[input.prob]
[output.moon]
END
tallyd -c t.conf check
tallyd plugins info prob
