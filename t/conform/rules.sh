#!/bin/sh
# The module over a virtual card's socket: rules of more than one call; with and without auto-login.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_modes conform/rules
conform_end
