#!/bin/sh
# What `make install` puts where: the settings file of the system never takes the place of one that is
# there, the virtual card is where no program finds it unasked, and uninstalling takes all away again.
. "$top_srcdir/t/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work" "$tap_out"' EXIT
conf=$work/etc/castor/DigiSign.conf
unset MAKEFLAGS MAKELEVEL

target() {
	make -s -C "$top_builddir" DESTDIR="$work" prefix=/usr libdir=/usr/lib sysconfdir=/etc "$@"
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

# A build without the virtual card has nothing of it to install.
if grep -q "^S\[\"ENABLE_DEMO_TRUE\"\]=\"#\"" "$top_builddir/config.status"; then
	tap_done
	exit
fi

# Every file that an image names is there, at the place it names it.
whole() {
	for file in $(sed -n 's/.*\(pki\/[A-Za-z0-9.-]*\).*/\1/p' "$1"); do
		[ -f "$(dirname "$1")/$file" ] || { echo "$1 names $file"; return 1; }
	done
}

# All folders of libraries are looked in: nothing of the virtual card may be in one that is searched.
hidden() {
	find "$work" -name 'libcryptoki-virtual*' ! -path "$work/usr/lib/castor/*" >"$work/stray"
	cat "$work/stray"
	[ ! -s "$work/stray" ]
}

leftovers() {
	find "$work/usr" ! -type d >"$work/left"
	cat "$work/left"
	[ ! -s "$work/left" ]
}

ok "all is installed" target install
ok "the module" test -f "$work/usr/lib/libcryptoki.so"
ok "the module of the virtual card" test -f "$work/usr/lib/castor/libcryptoki-virtual.so"
ok "that one nowhere else" hidden
ok "no .la file" test -z "$(find "$work" -name '*.la')"
ok "castor-vcard" test -x "$work/usr/bin/castor-vcard"
ok "p11-kit is told of the module" test -f "$work/usr/share/p11-kit/modules/castor.module"
not_ok_if "but not of the virtual one" grep -r -q virtual "$work/usr/share/p11-kit"
ok "the citizen's card" test -f "$work/usr/share/castor/cards/myeid-citizen.yaml"
for image in "$work"/usr/share/castor/cards/*.yaml; do
	ok "$(basename "$image") is whole" whole "$image"
done
ok "all is uninstalled" target uninstall
ok "and nothing is left" leftovers
tap_done
