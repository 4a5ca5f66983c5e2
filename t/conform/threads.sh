#!/bin/sh
# The module over a virtual card's socket: many threads, card out and in.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_card myeid.yaml
conform_run conform/threads
conform_tries 1 3
conform_end
