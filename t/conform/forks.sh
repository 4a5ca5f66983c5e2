#!/bin/sh
# The module over a virtual card's socket: a child is another application.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_card myeid.yaml
conform_run conform/forks
conform_tries 1 3
conform_end
