#!/bin/sh
# castor doctor names what is wrong: every finding of the table that needs no real service, in a computer made
# up; and the manual and the tests know them all.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/castor/findings.sh"

work=$(mktemp -d)
service=
trap '[ -z "$service" ] || kill $service 2>/dev/null; rm -rf "$work" "$tap_out"' EXIT
virtual=$top_builddir/.libs/libcryptoki-virtual.so
module=$top_builddir/.libs/libcryptoki.so
at=$top_builddir/castor_at
cards=$top_srcdir/t/cards
test_card="$at --module $virtual --test-card=$cards/myeid-citizen.yaml"
no_card="$at --module $module"

# ---- a computer where all is well ----

computer
doctor=$test_card
ok "a healthy computer gives one line, and that is green elsewhere" fine
green() {
	$doctor --color=always --language=en doctor >"$work/said" 2>/dev/null && printf '\033[32m✓ Everything is fine.\033[0m\n' |
		cmp - "$work/said"
}
ok "... here it is green" green
ok "... in Finnish" sh -c "$doctor --language=fi doctor 2>/dev/null | grep -q kunnossa"
ok "... in Swedish" sh -c "$doctor --language=sv doctor 2>/dev/null | grep -q i.ordning"

# ---- the service ----

start_service() {
	rm -f "$work/comm"
	: >"$work/service.out"
	perl "$top_srcdir/t/castor/service.pl" "$work/comm" "$1" >"$work/service.out" &
	service=$!
	[ "$1" != dead ] || { wait "$service"; service=; return; }
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ ! -s "$work/service.out" ] || return 0
		sleep 0.2
	done
	return 1
}

stop_service() {
	kill "$service"
	wait "$service" 2>/dev/null
	service=
	rm -f "$work/comm"
}

doctor=$no_card
ok "pcscd is there, but has no socket" finds pcscd-stopped "$work/comm" "systemctl enable --now pcscd.socket"
rm "$root/usr/sbin/pcscd"
ok "pcscd is not installed" finds pcscd-missing "sudo apt install pcscd libccid"
rm "$root/usr/bin/apt"
put root/usr/bin/dnf
ok "... on another distribution" finds pcscd-missing "sudo dnf install pcsc-lite pcsc-lite-ccid"
computer
if perl -MIO::Socket::UNIX -e 1 2>/dev/null; then
	start_service dead
	ok "pcscd has ended and left its socket" finds pcscd-exited "$work/comm"
	start_service silent
	ok "pcscd hangs" finds pcscd-silent "systemctl restart pcscd.service"
	stop_service
	start_service closes
	ok "pcscd refuses" finds pcscd-refused org.debian.pcsc-lite.access_pcsc "$(id -un)" "outside of any session"
	SSH_CONNECTION="192.0.2.1 4711 192.0.2.2 22"
	export SSH_CONNECTION
	ok "... and the person comes by ssh" finds pcscd-refused "by ssh"
	unset SSH_CONNECTION
	stop_service
	start_service other
	if [ -z "$CASTOR_SANITIZER" ]; then
		ok "pcscd is of another release than the library" finds pcscd-version "of one and the same release"
	else
		echo pcscd-version >>"$work/found"
	fi
	stop_service
else
	skip "a service that is none" "perl is not installed"
	printf '%s\n' pcscd-exited pcscd-silent pcscd-refused pcscd-version >>"$work/found"
fi

# ---- the module, and what is in its surroundings ----

doctor="$at --module $work/none.so --test-card=$cards/myeid-citizen.yaml"
ok "the module is not there" finds module-missing none.so
doctor=$test_card
OPENSSL_MODULES=$work
export OPENSSL_MODULES
ok "OpenSSL has no legacy provider" finds openssl-legacy-missing "sudo apt install openssl"
unset OPENSSL_MODULES
echo "SmartCardSNCache = 99" >"$CASTOR_CONF"
ok "a setting with a bad value" finds settings-mistake "$CASTOR_CONF:1" SmartCardSNCache
echo "SmartCardSNCach = 1" >"$CASTOR_CONF"
ok "a setting that does not exist" finds settings-mistake "$CASTOR_CONF:1"
: >"$CASTOR_CONF"
chmod 666 "$CASTOR_CONF"
ok "settings that everybody can write" finds settings-unsafe "$CASTOR_CONF" "chmod go-w"
chmod 600 "$CASTOR_CONF"
rm "$root/usr/bin/pinentry-curses"
ok "no pinentry" finds pinentry-missing "sudo apt install pinentry-gtk2"
ln -s nowhere "$root/usr/bin/pinentry"
ok "... nor by a link to nowhere" finds pinentry-missing
computer
put root/proc/4711/comm scdaemon
ok "GnuPG's scdaemon" finds scdaemon "(process 4711)" disable-ccid "gpgconf --kill scdaemon"
put home/.gnupg/scdaemon.conf "disable-ccid" "pcsc-shared"
ok "... that shares is no finding" fine
computer
put root/proc/net/tcp "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode" \
	"   0: 0100007F:D2BF 00000000:0000 01 00000000:00000000 00:00000000 00000000  1000        0 777 1" \
	"   1: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 778 1"
ok "a connection from the port of web signing is no finding" fine
put root/proc/net/tcp6 "  sl  local_address                         remote_address                        st tx_queue" \
	"   0: 00000000000000000000000001000000:D2BF 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1"
ok "the port of web signing is taken by somebody" finds port-taken "uid 1000"
put root/proc/815/comm atostekid
mkdir -p "$root/proc/815/fd"
ln -s "socket:[4242]" "$root/proc/815/fd/7"
ok "... by whom" finds port-taken "atostekid (815)"
echo castor-web >"$root/proc/815/comm"
ok "... by castor itself is no finding" fine

# ---- cards ----

computer
doctor="$at --module $virtual --test-card=$cards/unknown.yaml"
ok "a card that is not known, with what we need" finds card-unknown "ATR is 3B" "castor trace record"
doctor="$at --module $virtual --test-card=$cards/fineid-v4-nfc.yaml"
ok "a contactless card whose number is not set" finds card-number cardAccessNumber "mode 600"
printf 'cardAccessNumber = 999999\n' >"$CASTOR_CONF"
chmod 600 "$CASTOR_CONF"
ok "... or is wrong" finds card-number cardAccessNumber
printf 'cardAccessNumber = 123456\n' >"$CASTOR_CONF"
ok "... that is right is no finding" fine
: >"$CASTOR_CONF"
doctor=$test_card
citizen() {
	ln -sfn "$cards/pki" "$work/pki"
	sed "$1" "$cards/myeid-citizen.yaml" >"$work/card.yaml"
	doctor="$at --module $virtual --test-card=$work/card.yaml"
}
citizen 's/value: "1234",/& tries: 2,/'
ok "two tries are left: no finding" fine
citizen 's/value: "1234",/& tries: 1,/'
ok "one try is left" finds pin-last-try "PIN1" "FINEID"
citizen 's/value: "1234",/& tries: 0,/'
ok "a PIN is blocked" finds pin-blocked "PIN1" "castor pin unblock --pin=1"
citizen 's/value: "123456",/& tries: 0,/'
ok "... or the other one" finds pin-blocked "PIN2" "castor pin unblock --pin=2"
if [ -f "$cards/myeid-newcode.yaml" ]; then
	doctor="$at --module $virtual --test-card=$cards/myeid-newcode.yaml"
	mkdir -p "$HOME/.config/castor"
	ln -s "$cards/profiles" "$HOME/.config/castor/profiles"
	ok "a card as it comes by mail is not activated" finds card-not-activated "castor pin activate"
else
	skip "a card as it comes by mail is not activated" "there is no such virtual card yet"
	echo card-not-activated >>"$work/found"
fi
doctor=$test_card

# ---- NSS ----

nss() {
	computer
	doctor="$at --module $virtual --test-card=$cards/myeid-citizen.yaml"
	put home/.mozilla/firefox/profiles.ini "[Profile1]" "Name=default" "IsRelative=1" "Path=abc.default" "" \
		"[Install0]" "Default=abc.default"
	put home/.mozilla/firefox/abc.default/pkcs11.txt "library=" "name=NSS Internal PKCS #11 Module" \
		"parameters=configdir='x' " "NSS=Flags=internal,critical trustOrder=75" ""
	list=$work/home/.mozilla/firefox/abc.default/pkcs11.txt
}
module_is() {
	printf 'library=%s\nname=%s\n\n' "$2" "$1" >>"$list"
}
proxy=/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so
nss
ok "a profile without the module is no finding" fine
module_is castor "$virtual"
ok "... with it neither" fine
module_is "DigiSign" "$virtual"
ok "one module twice in a list" finds nss-twice Firefox "castor, DigiSign" abc.default
nss
put "root$proxy"
module_is castor "$virtual"
module_is p11-kit-proxy "$proxy"
ok "p11-kit's proxy that does not have it is no finding" fine
put root/usr/share/p11-kit/modules/castor.module "module: libcryptoki.so"
mkdir -p "$root/usr/lib/x86_64-linux-gnu/pkcs11"
ln -s "$virtual" "$root/usr/lib/x86_64-linux-gnu/pkcs11/libcryptoki.so"
ok "once by itself and once through p11-kit" finds nss-twice "castor, p11-kit-proxy"
nss
module_is castor /opt/old/libcryptoki.so
ok "a module whose file is gone" finds nss-module-gone /opt/old/libcryptoki.so
put root/opt/old/libcryptoki.so "another one"
ok "another copy of the module" finds nss-other-copy /opt/old/libcryptoki.so "castor register"
nss
put root/usr/lib/onepin-opensc-pkcs11.so
module_is OpenSC /usr/lib/onepin-opensc-pkcs11.so
ok "another client's module alone is no finding" fine
module_is castor "$virtual"
ok "... beside ours it is one" finds other-module onepin-opensc-pkcs11.so
nss
put home/.mozilla/firefox/abc.default/prefs.js '# Mozilla User Preferences' \
	'user_pref("security.default_personal_cert", "Select Automatically");'
ok "a profile that chooses certificates by itself" finds nss-auto-select "Ask Every Time" abc.default
put home/.mozilla/firefox/abc.default/user.js 'user_pref("security.default_personal_cert", "Ask Every Time");'
ok "... and was told not to" fine
nss
put home/snap/firefox/common/.mozilla/firefox/profiles.ini "[Profile0]" "IsRelative=1" "Path=x.default"
put home/snap/firefox/common/.mozilla/firefox/x.default/pkcs11.txt
ok "a browser in a snap" mentions browser-sandboxed "(snap)"
nss
put home/.var/app/org.mozilla.firefox/.mozilla/firefox/profiles.ini "[Profile0]" "IsRelative=1" "Path=x.default"
put home/.var/app/org.mozilla.firefox/.mozilla/firefox/x.default/pkcs11.txt
ok "a browser in a flatpak" mentions browser-sandboxed "(flatpak)"

# ---- p11-kit ----

p11() {
	computer
	mkdir -p "$root/usr/lib/pkcs11"
	ln -s "$virtual" "$root/usr/lib/pkcs11/libcryptoki.so"
	put root/usr/share/p11-kit/modules/castor.module "# ours" "module: libcryptoki.so" "critical: no"
}
doctor=$test_card
p11
ok "p11-kit that has the module is no finding" fine
put home/.config/pkcs11/modules/castor.module "module: $virtual"
ok "... nor when the person's file takes the place of the system's" fine
put root/etc/pkcs11/pkcs11.conf "# of the system" "user-config: none"
ok "the system does not want files of the person's own" finds p11-kit-user-config .config/pkcs11/modules/castor.module
rm "$root/etc/pkcs11/pkcs11.conf"
ln -s "$virtual" "$root/usr/lib/pkcs11/another.so"
put root/etc/pkcs11/modules/digisign.module "module: another.so"
ok "p11-kit has it twice" finds p11-kit-twice digisign.module castor.module
p11
put root/etc/pkcs11/modules/old.module "module: /opt/old/libcryptoki.so"
ok "p11-kit has a module that is gone" finds p11-kit-module-gone /opt/old/libcryptoki.so old.module
put root/opt/old/libcryptoki.so "another one"
ok "p11-kit has another copy" finds p11-kit-other-copy /opt/old/libcryptoki.so old.module
p11
put root/etc/pkcs11/modules/broken.module "module libcryptoki.so"
ok "a module file that is damaged" finds p11-kit-line broken.module "line 1"
p11
put root/usr/share/p11-kit/modules/castor.module "module: libcryptoki.so" "disable-in: firefox"
ok "p11-kit hides it from somebody" finds p11-kit-hidden "disable-in: firefox"
put root/usr/share/p11-kit/modules/castor.module "module: libcryptoki.so" "enable-in: ssh"
ok "p11-kit shows it to somebody only" finds p11-kit-hidden "enable-in: ssh"
computer
put root/usr/bin/DigiSignApplication
ok "another client" finds other-client mPollux
computer
put root/usr/bin/atostekid
ok "... or that one" finds other-client Atostek

# ---- the same real surroundings ----

doctor="$top_builddir/castor --module $virtual --test-card=$cards/myeid-citizen.yaml"
if [ -n "$(find /usr/bin -name 'pinentry*' 2>/dev/null | head -n 1)" ]; then
	real_dialog() {
		setsid -w $doctor --language=en doctor </dev/null 2>/dev/null | cat >"$work/said"
		grep -q '\[no-dialog-here\]' "$work/said" && echo no-dialog-here >>"$work/found"
	}
	ok "neither display nor terminal is told" real_dialog
else
	skip "neither display nor terminal is told" "pinentry is not installed"
	echo no-dialog-here >>"$work/found"
fi

# ---- all of them ----

sed -n 's/^FINDING([A-Z0-9_]*, "\([a-z0-9-]*\)".*/\1/p' "$top_srcdir/bridges/castor/doctor/finding.def" | sort -u >"$work/table"
# those that want a real service are in doctor_pcscd.sh
sed -n 's/^.*finds \([a-z0-9-]*\).*/\1/p' "$top_srcdir/t/castor/doctor_pcscd.sh" >>"$work/found"
all_are_tested() {
	[ -s "$work/table" ] && sort -u "$work/found" | comm -23 "$work/table" - >"$work/diff"
	cat "$work/diff"
	[ ! -s "$work/diff" ]
}
manual_knows() {
	sed -n 's/^\.It Li \([a-z0-9-]*\).*/\1/p' "$top_srcdir/man/castor-doctor.7" | sort >"$work/page"
	diff "$work/table" "$work/page"
}
ok "every finding of the table is made to happen" all_are_tested
ok "castor-doctor(7) explains exactly these" manual_knows
tap_done
