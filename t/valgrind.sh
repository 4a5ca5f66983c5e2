#!/bin/sh
# Our own test programs, and pkcs11-tool with the module, under valgrind: no bad access, nothing
# uninitialised used, nothing of ours leaked.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"

if ! command -v valgrind >/dev/null; then
	skip "valgrind" "not installed"
	tap_done
	exit
fi

# valgrind is slow: what measures time gets more of it, and loops over mutations are left to the
# sanitizers. A test in a process of its own is watched like its parent.
CASTOR_TEST_SLOW=yes
export CASTOR_TEST_SLOW
check="valgrind -q --error-exitcode=99"
leaks="--leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite"

for program in unit/test_err unit/test_apdu unit/test_card unit/test_mech unit/test_soft \
	unit/test_soft_pub unit/test_soft_sign unit/test_soft_kdf unit/test_algs unit/test_wildcard; do
	# shellcheck disable=SC2086
	ok "t/$program" $check $leaks "$top_builddir/t/$program"
done

conform_module libcryptoki-virtual.so
conform_card myeid.yaml
for program in conform/matrix conform/rules conform/crypto; do
	# shellcheck disable=SC2086
	ok "t/$program with the module" $check $leaks "$top_builddir/t/$program" "$module"
done
PIN=1234
export PIN
ok "pkcs11-tool --test with the module" $check pkcs11-tool --module "$module" --login --pin env:PIN --test
ok "pkcs11-tool lists objects with the module" $check pkcs11-tool --module "$module" --login --pin env:PIN --list-objects
conform_end
