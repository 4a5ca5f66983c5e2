#!/bin/sh
# The module over a virtual card's socket: what keys compute, and keys made on a blank card; with and without
# auto-login.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_card myeid-blank.yaml
CASTOR_TEST_GENERATE=1 conform_run conform/crypto
conform_tries 1 3
conform_modes conform/crypto
conform_end
