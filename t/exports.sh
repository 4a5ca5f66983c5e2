#!/bin/sh
# What the two modules show to the world: C_* and nothing else, resolved within themselves.
. "$top_srcdir/t/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work" "$tap_out"' EXIT

# The functions of v2.40 are those that the public header declares.
header=$(pkg-config --variable=includedir p11-kit-1)/p11-kit-1/p11-kit/pkcs11.h
[ -f "$header" ] || header=/usr/include/p11-kit-1/p11-kit/pkcs11.h
sed -n 's/^_CK_DECLARE_FUNCTION (\(C_[A-Za-z]*\),.*/\1/p' "$header" | sort >"$work/wanted"

# What a module must not do by itself: threads, children, handlers, exit code, and the host's state.
forbidden='pthread_create|fork|vfork|system|popen|atexit|on_exit|pthread_atfork|__register_atfork|signal|sigaction|setenv|putenv|unsetenv|chdir|umask|exit|abort'
forbidden="$forbidden|setlocale|uselocale|bindtextdomain|textdomain|(d|dc)?n?gettext"
# Weak symbols that every shared object of this toolchain has.
weak='__cxa_finalize|__gmon_start__|_ITM_deregisterTMCloneTable|_ITM_registerTMCloneTable|__cxa_thread_atexit_impl'

exported() {
	nm -D --defined-only "$1" | awk '{ sub(/@.*/, "", $3); print $3 }' | sort >"$work/exported" && [ -s "$work/exported" ]
}

only_c() {
	exported "$1" && ! grep -v '^C_[A-Z]' "$work/exported"
}

all_68() {
	exported "$1" && [ "$(comm -12 "$work/wanted" "$work/exported" | wc -l)" -eq 68 ] ||
		{ echo "missing:"; comm -23 "$work/wanted" "$work/exported"; return 1; }
}

only_functions() {
	! nm -D --defined-only "$1" | grep -v ' [TA] '
}

no_strange_weak() {
	! nm -D --undefined-only "$1" | awk '$1 == "w" || $1 == "v" { sub(/@.*/, "", $2); print $2 }' | grep -v -x -E "$weak"
}

nothing_forbidden() {
	! nm -D --undefined-only "$1" | awk '{ sub(/@.*/, "", $2); print $2 }' | grep -x -E "$forbidden"
}

no_textrel() {
	readelf -d "$1" >"$work/d" && ! grep TEXTREL "$work/d"
}

symbolic() {
	readelf -d "$1" | grep -E '\((SYMBOLIC|FLAGS)\)' | grep -q SYMBOLIC
}

stack_not_executable() {
	readelf -lW "$1" >"$work/l" && grep GNU_STACK "$work/l" | grep -q 'RW ' && ! grep GNU_STACK "$work/l" | grep RWE
}

resolved() {
	ldd -r "$1" >"$work/ldd" 2>&1 && ! grep -i -e undefined -e 'not found' "$work/ldd"
}

no_door_for_virtual_cards() {
	! grep -a -q CASTOR_VIRTUAL "$1"
}

ok "the header declares 68 functions" test "$(wc -l <"$work/wanted")" -eq 68
for name in libcryptoki libcryptoki-virtual; do
	module=$top_builddir/.libs/$name.so
	ok "$name: it is built" test -f "$module"
	[ -f "$module" ] || continue
	ok "$name: exports C_* and nothing else" only_c "$module"
	ok "$name: exports all 68 functions" all_68 "$module"
	ok "$name: exports functions only" only_functions "$module"
	ok "$name: is bound to its own symbols (-Bsymbolic)" symbolic "$module"
	ok "$name: no relocations in code" no_textrel "$module"
	ok "$name: its stack is not executable" stack_not_executable "$module"
	# A sanitizer's runtime is wanted, weak and undefined by design.
	if [ -z "$CASTOR_SANITIZER" ]; then
		ok "$name: no weak symbols but the toolchain's" no_strange_weak "$module"
		ok "$name: makes no threads, children, handlers; leaves the host alone" nothing_forbidden "$module"
		ok "$name: every symbol is found" resolved "$module"
	fi
done
ok "libcryptoki: has no door for virtual cards" no_door_for_virtual_cards "$top_builddir/.libs/libcryptoki.so"
not_ok_if "libcryptoki-virtual: has one, so the check can fail" \
	no_door_for_virtual_cards "$top_builddir/.libs/libcryptoki-virtual.so"
tap_done
