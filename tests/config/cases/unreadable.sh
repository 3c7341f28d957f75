# These cannot be read even by root.
mkdir conf.d conf.d/folder.conf
ln -s nowhere conf.d/dangling.conf
printf '[input.probe]\nport = 0\n' >t.conf
tallyd -c t.conf check
tallyd -c missing.conf check
mkdir empty
tallyd -c empty check
rm -r conf.d
ln -s nowhere conf.d
tallyd -c t.conf check
