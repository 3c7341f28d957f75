cat >t.conf <<'END'
[input.probe]
endpoint = ${TALLY_TEST_UNSET}
port = ${TALLY_TEST_PORT:?tell me the port}
timeout = ${TALLY_TEST_UNSET:-5s}
mode = ${broken
END
unset TALLY_TEST_UNSET TALLY_TEST_PORT
tallyd -c t.conf check
sed -i '/endpoint/d; /mode/d' t.conf
TALLY_TEST_PORT=99999 tallyd -c t.conf check
TALLY_TEST_PORT=99 tallyd -c t.conf config explain input.probe
