#!/bin/sh
# The module over pcscd and vpcd: all programs of this folder once more, with the real reader driver.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_enter "$@"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki.so
conform_run conform/load
start_pcscd
start_vcard "$vcard_images/myeid.yaml"
conform_hooks "$pcsc_dir/ctl0"
for program in matrix rules crypto forks wait threads load; do
	conform_run "conform/$program"
	conform_tries 1 3
done
stop_vcard
start_vcard "$vcard_images/myeid-blank.yaml"
CASTOR_TEST_GENERATE=1 conform_run conform/crypto
stop_vcard
stop_pcscd
conform_end
