#!/bin/sh
# The time of taking off RSA padding, and the memory it touches, must not depend on the block.
. "$top_srcdir/t/tap.sh"

what="unpadding neither branches on the block nor addresses with it"
prog=$top_builddir/t/unit/ct_soft

if [ -n "$CASTOR_SANITIZER" ]; then
	skip "$what" "valgrind does not run sanitized programs"
elif ! command -v valgrind >/dev/null; then
	skip "$what" "no valgrind"
else
	valgrind -q --error-exitcode=9 "$prog" >/dev/null 2>&1
	if [ $? -eq 77 ]; then
		skip "$what" "built without valgrind's header"
	else
		ok "$what" valgrind -q --error-exitcode=9 "$prog"
	fi
fi
tap_done
