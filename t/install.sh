#!/bin/sh
# The settings file of the system that comes with the product never takes the place of one that is
# there, and goes only when nobody has changed it.
. "$top_srcdir/t/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work" "$tap_out"' EXIT
conf=$work/etc/castor/DigiSign.conf
unset MAKEFLAGS MAKELEVEL

target() {
	make -s -C "$top_builddir" DESTDIR="$work" sysconfdir=/etc "$1"
}

ok "it is installed where there is none" target install-data-local
ok "as it is in the sources" cmp "$conf" "$top_srcdir/base/DigiSign.conf"
ok "for all to read, for its owner to write" test "$(stat -c %a "$conf")" = 644
ok "it can be uninstalled" target uninstall-local
ok "and is gone" test ! -e "$conf"
echo "logLevel = warn" >"$conf"
ok "installed over one of the system's own" target install-data-local
ok "that one stays" test "$(cat "$conf")" = "logLevel = warn"
ok "uninstalled from beside it" target uninstall-local
ok "that one stays again" test "$(cat "$conf")" = "logLevel = warn"
tap_done
