#!/bin/sh
# The module over virtual cards, while people are asked: many threads, many programs, cards that go.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
conform_card myeid-citizen.yaml
conform_second myeid.yaml
conform_dialogs "pinDialogTimeout = 10"
conform_run conform/asking
conform_dialogs "pinCacheTimeout = 1
pinCacheUses = 3"
conform_run conform/asking limits
conform_end
