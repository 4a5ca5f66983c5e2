#!/bin/sh
# The module over a virtual card's socket: every function, every state, every bad argument; with and without auto-login.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_modes conform/matrix
# auto-login is on, but there is nothing to show a dialog on
unset DISPLAY CASTOR_TEST_DIALOGS CASTOR_TEST_CANCELS
conform_card myeid.yaml
conform_run conform/matrix
conform_tries 1 3
conform_end
