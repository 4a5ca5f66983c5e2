#!/bin/sh
# PINs that are too old, with a person who is asked: nothing but a change helps, and to another PIN.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_card myeid-oldpins.yaml
conform_dialogs "changePinPeriod = 90"
conform_run conform/expiry
conform_tries 1 3
conform_tries 2 3
# without the period the card is like any other
conform_card myeid-oldpins.yaml
conform_dialogs
conform_run conform/expiry never
conform_tries 1 3
conform_end
