# What fits its declaration and still is wrong is told by check and by run alike, all of it.
cat >t.conf <<'END'
[tallyd]
state_dir = state
[output.picky]

shoes = 3
[output.picky:unlucky]
shoes = 13
[output.picky:fine]
[output.sink]
path = /x
buffer = shelf
[buffer.shelf]
END
tallyd -c t.conf check
tallyd -c t.conf run
ls
sed -i 's/shoes = .*/shoes = 4/' t.conf
tallyd -c t.conf check
