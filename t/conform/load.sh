#!/bin/sh
# The module over a virtual card's socket: loading and C_Initialize, with and without a reader.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
CASTOR_VIRTUAL=
export CASTOR_VIRTUAL
conform_run conform/load
conform_card myeid.yaml
conform_run conform/load
# a log file is closed with the library
printf 'logLevel = info\nlogFile = %s/log\n' "$conform_dir" >"$conform_dir/settings"
CASTOR_CONF=$conform_dir/settings
export CASTOR_CONF
conform_run conform/load
ok "the log was written" test -s "$conform_dir/log"
conform_end
