#!/bin/sh
# NSS (Firefox, Thunderbird, LibreOffice): it sees the protected authentication path, so it asks nobody
# itself, and our dialog does.
. "$top_srcdir/t/people/people.sh"
client_image=$vcard_images/myeid-citizen.yaml
people_start modutil certutil cmsutil openssl tmux pinentry-curses -- "$@"

token="FINEID S4-1 (PIN1 login)"
token2="FINEID S4-1 (PIN2 signature)"
nick="$token:todentamis- ja salausvarmenne"
nick2="$token2:allekirjoitusvarmenne"

lists() {
	modutil -dbdir "$db" -list castor >listed 2>&1
	cat listed
	grep -q "Token Name: $token" listed && grep -q "Token Name: $token2" listed
}

certificates() {
	certutil -L -d "$db" -h "$1" </dev/null >listed 2>&1 || { cat listed; return 1; }
	cat listed
	grep -q "^$2 " listed
}

# cms NICK: signed, and checked by openssl; nobody is asked on the terminal
cms() {
	rm -f signed back
	cmsutil -S -d "$db" -N "$1" -G -i data -o signed </dev/null &&
		cms_is_good
}

ok "a new database" nss_database
ok "modutil adds the module" nss_add
ok "modutil lists both slots" lists
robot
ok "the certificates of PIN1 are listed without a PIN" certificates "$token" "$nick"
ok "the certificates of PIN2, too" certificates "$token2" "$nick2"
ok "... no dialog came" asked 0
answers 1234
ok "cmsutil signs with PIN1" cms "$nick"
ok "... it is asked for by our dialog" dialogs_say "Program: $(readlink -f "$(command -v cmsutil)")"
ok "... once" asked 1
reset_card
ok "cancelled: cmsutil fails" refused . cms "$nick"
ok "... no try is lost" client_tries 3
asked 1 >/dev/null
answers 123456
ok "cmsutil signs with PIN2" cms "$nick2"
ok "... it says that this binds" dialogs_say "legally binding"
ok "... once" asked 1
ok "... PIN2 is shut" shut 2
answers 1234
ok "certutil lists the keys" says todentamis certutil -K -d "$db" -h "$token"
ok "... after one dialog" asked 1
openssl cms -encrypt -aes-256-cbc -binary -outform DER -in data -out sealed "$pki/rsa2048.cert.pem"
reset_card
answers 1234
ok "cmsutil opens what was sealed for the card" says "" cmsutil -D -d "$db" -i sealed -o back
ok "... to the letter" cmp data back
ok "... after one dialog" asked 1

# Plain Cryptoki: NSS asks itself.
disableCryptokiAutoLogin=1
export disableCryptokiAutoLogin
echo 1234 >pin
reset_card
ok "without auto-login NSS gives the PIN" says todentamis certutil -K -d "$db" -h "$token" -f pin
ok "... and no dialog came" asked 0
people_end 3
