#!/bin/sh
# What castor register writes is what NSS and p11-kit read: with their own tools, and a card.
. "$top_srcdir/t/clients/client.sh"
client_image=$vcard_images/myeid-citizen.yaml
client_start modutil certutil -- "$@"
unset XDG_CONFIG_HOME
castor="$top_builddir/castor --language=en --module $module"
profile=$PWD/.mozilla/firefox/x.default
db=sql:$profile
token="FINEID S4-1 (PIN1 login)"

mkdir -p "$profile" "$PWD/.pki/nssdb" || exit 1
printf '%s\n' "[Profile0]" "IsRelative=1" "Path=x.default" >"$PWD/.mozilla/firefox/profiles.ini"
ok "a database of NSS" certutil -N -d "$db" --empty-password
ok "one of Chromium" certutil -N -d "sql:$PWD/.pki/nssdb" --empty-password
cp "$profile/pkcs11.txt" before

modules() {
	modutil -dbdir "$1" -list 2>&1
}
loads() {
	modules "$1" >listed
	cat listed
	grep -q "library name: $module" listed && grep -q "token: $token" listed
}
certificates() {
	certutil -L -d "$1" -h all </dev/null >listed 2>&1 || { cat listed; return 1; }
	cat listed
	grep -q "^$token:" listed
}
once() {
	[ "$(modules "$1" | grep -c "library name: $module")" -eq 1 ]
}

ok "castor registers" says registered $castor register firefox chromium
ok "modutil lists the module and its tokens" loads "$db"
ok "certutil lists the certificates of the card" certificates "$db"
ok "Chromium's database has it, too" loads "sql:$PWD/.pki/nssdb"
ok "again" says "already" $castor register firefox
ok "it is there once" once "$db"
ok "unregister" says unregistered $castor unregister firefox chromium
ok "NSS has it no more" sh -c '! modutil -dbdir "$1" -list 2>&1 | grep -q "library name: $2"' sh "$db" "$module"
ok "the list is what it was" cmp before "$profile/pkcs11.txt"

# in turn with NSS's own tool
ok "modutil adds another module" sh -c 'echo | modutil -dbdir "$1" -add other -libfile "$2" -force' sh "$db" \
	"$top_builddir/.libs/libcryptoki-virtual.so"
ok "castor registers beside it" says registered $castor register firefox
ok "both are loaded" loads "$db"
ok "modutil takes the other one away" sh -c 'echo | modutil -dbdir "$1" -delete other -force' sh "$db"
ok "ours stays" loads "$db"
ok "what modutil added by our name is found" sh -c 'echo | modutil -dbdir "$1" -delete castor -force &&
	echo | modutil -dbdir "$1" -add DigiSign -libfile "$2" -force' sh "$db" "$module"
ok "... to be registered already" says "already" $castor register firefox
ok "... and unregistered" says unregistered $castor unregister firefox
ok "... as NSS sees" sh -c '! modutil -dbdir "$1" -list 2>&1 | grep -q "library name: $2"' sh "$db" "$module"
client_end 3
