#!/bin/sh
# Each fuzz target over its committed corpus, and over every damaged form of the small files in it.
. "$top_srcdir/t/tap.sh"
trap 'rm -f "$tap_out"' EXIT
CASTOR_CONF=/dev/null
export CASTOR_CONF
for target in der cert p15 profile apdu trace settings stack; do
	ok "$target takes whatever is given to it" timeout 100 "$top_builddir/t/fuzz/fuzz_$target" \
		"$top_srcdir/t/fuzz/corpus/$target"/*
done
ok "and standard input" sh -c 'printf abc | "$0"' "$top_builddir/t/fuzz/fuzz_der"
tap_done
