#!/bin/sh
# The module over virtual cards, while people are asked: many threads, many programs, cards that go.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_end
