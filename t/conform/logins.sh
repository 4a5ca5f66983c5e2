#!/bin/sh
# The module over a virtual card with two PINs: logging in, changing and unblocking; plain, and with dialogs.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_card myeid-citizen.yaml
conform_run conform/logins
conform_tries 1 3
conform_tries 2 3
conform_dialogs
conform_run conform/logins
conform_tries 1 3
conform_tries 2 3
conform_end
