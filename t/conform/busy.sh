#!/bin/sh
# The module over pcscd, while another program holds the card in a transaction.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
. "$top_srcdir/t/unit/probe.sh"
pcscd_enter "$@"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki.so
start_pcscd
start_vcard "$vcard_images/myeid.yaml"
# a wait for a neighbour ends only when pcsc-lite is told not to block
PCSCLITE_NO_BLOCKING=1
export PCSCLITE_NO_BLOCKING
printf 'cryptokiTimeout = 2000\n' >"$conform_dir/settings"
CASTOR_CONF=$conform_dir/settings
export CASTOR_CONF
probe_start "$top_builddir/t/unit/card_probe_pcsc"
ok "the neighbour finds the reader" says ok reader 0
ok "the neighbour opens the card" says ok open
CASTOR_TEST_HOLD="echo begin >$probe_dir/in"
CASTOR_TEST_RELEASE="echo end >$probe_dir/in"
export CASTOR_TEST_HOLD CASTOR_TEST_RELEASE
conform_run conform/busy
probe_stop
stop_vcard
stop_pcscd
conform_end
