#!/bin/sh
# CMS with a card's keys, judged by the openssl command, over a virtual card's socket.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
command -v openssl >/dev/null || { echo "1..0 # SKIP openssl is not installed"; exit 0; }
conform_module libcryptoki-virtual.so
KIT_MODULE=$module
export KIT_MODULE
cd "$conform_dir" || exit 1
conform_card myeid.yaml
conform_run kit/test_cms
conform_tries 1 3
conform_end
