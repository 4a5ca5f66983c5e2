#!/bin/sh
# The budget: APDUs, milliseconds and memory, over a socket and over pcscd; APDUs of PINs over a socket.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_enter "$@"
. "$top_srcdir/t/conform/conform.sh"

# Sanitizers and valgrind cost time and memory of their own; APDUs stay what they are.
set -- --tap --max-initialize 0 --max-list 65 --max-login-sign 4 --max-sign 2 --max-poll 0
[ -n "$CASTOR_SANITIZER$CASTOR_TEST_SLOW" ] || set -- "$@" --max-initialize-ms 20 --max-dirty 3072

conform_module libcryptoki-virtual.so
conform_card myeid.yaml
conform_run bench/apdus "$@"
conform_stop
conform_module libcryptoki.so
start_pcscd
start_vcard "$vcard_images/myeid.yaml"
conform_hooks "$pcsc_dir/ctl0"
conform_run bench/apdus "$@"
stop_vcard
stop_pcscd
conform_module libcryptoki-virtual.so
# A FINEID card with 2 keys and 4 certificates.
conform_card fineid-v4-256.yaml
conform_run bench/apdus --tap --max-initialize 0 --max-find 22 --max-list 52 --max-login-sign 5 --max-sign 3 --max-poll 0
conform_card myeid-citizen.yaml
conform_dialogs
conform_run bench/pins --max-dialog 8 --max-sign 2 --max-login 4 --max-again 13 --max-pin2 8 \
	--max-pin2-dialog 7
conform_end
