#!/bin/sh
# NSS (Firefox, Thunderbird, LibreOffice): a database of its own with the module in it.
. "$top_srcdir/t/clients/client.sh"
client_start modutil certutil cmsutil openssl -- "$@"

echo 1234 >pin
: >nothing
printf 'MyEID (Castor TEST CARD):1234\n' >pins
chmod 600 pin pins
token="MyEID (Castor TEST CARD)"
nick="$token:todentamis- ja salausvarmenne"

# modutil complains of the token of every empty slot; what it lists counts.
lists() {
	modutil -dbdir "$db" -list castor >listed 2>&1
	cat listed
	grep -q "Library file: $module" listed && grep -q "Token Name: $token" listed
}

# No PIN at all: a "friendly" token shows its certificates without one.
certificates() {
	certutil -L -d "$db" -h "$token" </dev/null >listed 2>&1 || { cat listed; return 1; }
	cat listed
	[ "$(grep -c "^$token:" listed)" -eq 4 ]
}

keys() {
	certutil -K -d "$db" -h "$token" -f pin >listed 2>&1 || { cat listed; return 1; }
	cat listed
	[ "$(grep -c '^< *[0-9]' listed)" -eq 3 ]
}

cms_sign() {
	cmsutil -S -d "$db" -N "$nick" -f pin -G -i data -o signed </dev/null &&
		cms_is_good
}

cms_verify() {
	cmsutil -D -d "$db" -i signed -o back </dev/null && cmp data back
}

cms_decrypt() {
	openssl cms -encrypt -aes-256-cbc -binary -outform DER -in data -out sealed "$pki/rsa2048.cert.pem" &&
		cmsutil -D -d "$db" -f pin -i sealed -o back </dev/null && cmp data back
}

ok "a new database" nss_database
ok "modutil adds the module" nss_add
ok "modutil lists it and the token in it" lists
ok "certutil -L: four certificates without a PIN" certificates
ok "and that cost no PIN try" client_tries 3
ok "certutil -K: three keys" keys
ok "certutil -V: the chain is complete" certutil -V -d "$db" -n "$nick" -u C -f pin
ok "cmsutil signs" cms_sign
ok "cmsutil verifies it" cms_verify
ok "cmsutil decrypts what openssl sealed for the card" cms_decrypt
echo 9999 >pin
ok "a wrong PIN is told of" refused "incorrect\|password\|SEC_ERROR" certutil -K -d "$db" -h "$token" -f pin
echo 1234 >pin
ok "the right one works after it" keys
client_end 3
