#!/bin/sh
# The module over a virtual card's socket: slot events.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_card myeid.yaml
conform_run conform/wait
conform_tries 1 3
conform_end
