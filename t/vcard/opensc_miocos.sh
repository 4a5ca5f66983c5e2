#!/bin/sh
# The virtual MIOCOS before the one foreign program that knows such a card: OpenSC up to 0.22, with "old" among its
# drivers. Debian 12's is too new, so this is skipped there, unless OLD_OPENSC names a folder with the unpacked packages
# opensc, opensc-pkcs11 and libssl1.1 of Debian 11.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_needs opensc-tool openssl
root=${OLD_OPENSC:-}
conf=${TMPDIR:-/tmp}/castor-miocos-$$.conf

old() {
	program=$1
	shift
	OPENSC_CONF=$conf LD_LIBRARY_PATH=$libs "$root/usr/bin/$program" "$@"
}

configure() {
	libs=$(find "$root/usr/lib" -name 'libopensc.so.*' -exec dirname {} \; 2>/dev/null | head -n 1)
	printf 'app default {\n\tcard_drivers = old, internal;\n\tprofile_dir = %s/usr/share/opensc;\n}\n' "$root" >"$conf"
}

configure
old opensc-tool --list-drivers 2>/dev/null | grep -q miocos || { rm -f "$conf"; pcscd_skip "this OpenSC has no miocos driver"; }
rm -f "$conf"
pcscd_enter "$@"

pki=$top_srcdir/t/cards/pki
cd "$pcsc_dir" || exit 1
conf=$pcsc_dir/opensc.conf
configure
openssl dgst -sha256 -binary >hash256 </dev/null
openssl dgst -sha1 -binary >hash1 </dev/null

names() {
	old opensc-tool --name 2>/dev/null | grep -q ^MioCOS
}

list() {
	old pkcs15-tool -D >list 2>list.err || { cat list.err; return 1; }
	! grep -v '^Using reader' list.err || return 1
	for wanted in "PIN [perustunnusluku]" "PIN [allekirjoitustunnusluku]" "Private RSA Key [allekirjoitusavain]" \
		"Private RSA Key [todentamis- ja salausavain]" "X.509 Certificate [todentamis- ja salausvarmenne]"; do
		grep -qF "$wanted" list || { echo "not: $wanted"; cat list; return 1; }
	done
}

certificate() {
	old pkcs15-tool --read-certificate "$1" 2>/dev/null | openssl x509 -outform DER -out a &&
		openssl x509 -in "$pki/$2.cert.pem" -outform DER -out b && cmp a b
}

verify() {
	old pkcs15-tool --verify-pin --auth-id "$1" --pin "$2"
}

pins() {
	! verify 01 9999 && [ "$(vcard_ctl tries 1)" = 2 ] && verify 01 1234 && [ "$(vcard_ctl tries 1)" = 3 ] &&
		verify 02 123456 && old pkcs15-tool --change-pin --auth-id 01 --pin 1234 --new-pin 43210 && ! verify 01 1234 &&
		old pkcs15-tool --unblock-pin --auth-id 01 --puk 12345678 --new-pin 1234 && verify 01 1234
}

# sign ID PIN KEY: a whole block with SHA-256, a hash with SHA-1
sign() {
	openssl pkey -in "$pki/TEST-$3.key.pem" -pubout -out pub.pem || return 1
	rm -f sig sig1
	old pkcs15-crypt --sign --pkcs1 --sha-256 --key "$1" --pin "$2" -R -i hash256 -o sig &&
		openssl pkeyutl -verify -pubin -inkey pub.pem -in hash256 -sigfile sig -pkeyopt digest:sha256 &&
		old pkcs15-crypt --sign --pkcs1 --sha-1 --key "$1" --pin "$2" -R -i hash1 -o sig1 &&
		openssl pkeyutl -verify -pubin -inkey pub.pem -in hash1 -sigfile sig1 -pkeyopt digest:sha1
}

# decipher ID KEY
decipher() {
	rm -f plain
	openssl pkey -in "$pki/TEST-$2.key.pem" -pubout -out pub.pem &&
		openssl pkeyutl -encrypt -pubin -inkey pub.pem -in hash256 -out secret &&
		old pkcs15-crypt --decipher --pkcs1 --key "$1" --pin 1234 -R -i secret -o plain && cmp hash256 plain
}

conditions() {
	printf 'cd 5015\ninfo 4404\n' | old opensc-explorer >explored 2>&1
	if ! grep -q "ACL for READ:  *NONE" explored || ! grep -q "ACL for UPDATE:  *CHV1" explored; then
		cat explored
		return 1
	fi
}

initialise() {
	old pkcs15-init --create-pkcs15 --no-so-pin &&
		old pkcs15-init --store-pin --auth-id 01 --label tester --pin 1234 --puk 87654321 &&
		old pkcs15-init --store-private-key "$pki/TEST-auth1024.key.pem" --auth-id 01 --id 61 \
			--key-usage sign,decrypt --pin 1234 &&
		old pkcs15-init --store-certificate "$pki/auth1024.cert.pem" --auth-id 01 --id 61 --pin 1234
}

ok "pcscd starts" start_pcscd
ok "a MIOCOS is in the reader" start_vcard "$vcard_images/miocos-1.1.yaml"
ok "OpenSC names it" names
ok "it is listed without a complaint" list
ok "certificates are read whole" certificate 46 sign1024
ok "PINs are verified, counted, changed, unblocked" pins
ok "the key of PIN1 signs" sign 45 1234 auth1024
ok "the key of PIN2 signs" sign 46 123456 sign1024
ok "the key of PIN1 deciphers" decipher 45 auth1024
ok "its nibbles are read as they are meant" conditions
stop_vcard
printf 'os: miocos\natr: 3B9D944023006810114D696F434F53009000\nt0: yes\nactivated: no\n' >blank.yaml
ok "a blank one is in the reader" start_vcard "$pcsc_dir/blank.yaml"
ok "pkcs15-init makes files, a PIN, a key" initialise
ok "the key signs" sign 61 1234 auth1024
ok "the key deciphers" decipher 61 auth1024
ok "the certificate is read" certificate 61 auth1024
stop_vcard
stop_pcscd
tap_done
