cp "$PLUGINS/probe.so" probe.so
chmod 0777 probe.so
printf '[input.probe]\n' >t.conf
tallyd plugins check probe.so
PLUGINS=$folder tallyd -c t.conf check
chmod 0755 probe.so
tallyd plugins check probe.so
