#!/bin/sh
# What castor register writes is what Firefox loads; and a Firefox that runs is left alone.
. "$top_srcdir/t/clients/client.sh"
client_image=$vcard_images/myeid-citizen.yaml
firefox=
for name in firefox-esr firefox; do
	[ -n "$firefox" ] || [ ! -x "/usr/lib/$name/$name" ] || firefox=/usr/lib/$name/$name
done
[ -n "$firefox" ] || pcscd_skip "Firefox is not installed"
client_start -- "$@"
unset XDG_CONFIG_HOME DISPLAY WAYLAND_DISPLAY
castor="$top_builddir/castor --language=en --module $module"
profile=$PWD/profile
mkdir -p "$profile" .config/mozilla/firefox
# where Firefox keeps it since release 147
printf '%s\n' "[Profile0]" "IsRelative=0" "Path=$profile" >.config/mozilla/firefox/profiles.ini

start_firefox() {
	MOZ_HEADLESS=1 CASTOR_LOG=debug CASTOR_LOG_FILE=$PWD/module.log "$firefox" --headless --no-remote \
		--profile "$profile" about:blank >firefox.out 2>&1 &
	firefox_pid=$!
	pcscd_until 60 test -L "$profile/lock" -a -s "$profile/pkcs11.txt" || { cat firefox.out; return 1; }
}
stop_firefox() {
	kill "$firefox_pid"
	wait "$firefox_pid" 2>/dev/null
	pcscd_until 10 test ! -L "$profile/lock"
}
alone() {
	$castor register firefox >said 2>&1
	said_rc=$?
	cat said
	[ "$said_rc" -eq 10 ] && grep -q "is running; close it, and try again (process $firefox_pid)" said &&
		! grep -q ^name=castor "$profile/pkcs11.txt"
}
loaded() {
	pcscd_until 30 grep -q "C_GetTokenInfo.*CKR_OK" module.log || { cat module.log; return 1; }
	grep -q "$module" "/proc/$firefox_pid/maps"
}

ok "Firefox starts with a new profile" start_firefox
ok "while it runs its list is left alone" alone
ok "it is closed" stop_firefox
ok "the module is registered" says registered $castor register firefox
cp "$profile/pkcs11.txt" before
ok "Firefox starts again" start_firefox
ok "it has loaded the module and seen the card" loaded
ok "it is closed again" stop_firefox
ok "it has left the list as castor wrote it" cmp before "$profile/pkcs11.txt"
ok "the module is taken out" says unregistered $castor unregister firefox
ok "... to the letter" sh -c '! grep -q ^name=castor "$1"' sh "$profile/pkcs11.txt"
client_end 3
