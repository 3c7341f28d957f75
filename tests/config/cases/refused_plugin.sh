# Another ABI, no plugin, an undefined symbol, a table that another plugin declares otherwise.
cat >t.conf <<'END'
[input.probe]
[input.other_abi]
[input.no_entry]
[input.undefined_symbol]
[input.broken]
END
tallyd -c t.conf check
tallyd plugins check "$PLUGINS/other_abi.so"
tallyd plugins check "$PLUGINS/probe.so"
tallyd plugins check t.conf
tallyd plugins check nowhere.so
