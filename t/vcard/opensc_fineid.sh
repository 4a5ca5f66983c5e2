#!/bin/sh
# The virtual FINEID citizen's cards before a foreign reader of PKCS#15: Debian's OpenSC, which has no driver for them
# and reads them with that for any ISO 7816 card, over pcscd and vpcd, by T=0. It lists every directory, takes every
# certificate off, and verifies, changes and unblocks PINs (of v4, whose PUK has a record, it sends none); signing is
# beyond it, for it sends the hash along.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_needs pkcs15-tool pkcs15-crypt opensc-tool openssl
pcscd_enter "$@"

pki=$(cd "$top_srcdir/t/cards/pki" && pwd)
cd "$pcsc_dir" || exit 1
cat >opensc.conf <<-CONF
	app default {
		enable_default_driver = true;
		card_drivers = default;
		framework pkcs15 { use_file_caching = no; enable_builtin_emulation = no; }
	}
CONF
printf '%s' 0123456789ABCDEF0123456789ABCDEF >digest
OPENSC_CONF=$PWD/opensc.conf
export OPENSC_CONF

tool() {
	timeout 60 pkcs15-tool "$@"
}

# The list, without one complaint.
list() {
	tool -D >list 2>list.err || { cat list.err; return 1; }
	grep -v '^Using reader' list.err >complaints
	! grep -i -e error -e warn -e fail list complaints || return 1
	[ ! -s complaints ] || { cat complaints; return 1; }
}

# counts PINS KEYS CERTIFICATES
counts() {
	[ "$(grep -c '^PIN \[' list)" -eq "$1" ] && [ "$(grep -c '^Private .* Key \[' list)" -eq "$2" ] &&
		[ "$(grep -c '^X.509 Certificate \[' list)" -eq "$3" ] || { cat list; return 1; }
}

# says OBJECT LINE: within the paragraph that begins with OBJECT.
says() {
	sed -n "/^$1/,/^\$/p" list | tr -s '\t ' ' ' | grep -q -F "$2" || { cat list; return 1; }
}

# same ID NAME: the certificate on the card is the one of the PKI.
same() {
	tool --read-certificate "$1" --output got.pem 2>err || { cat err; return 1; }
	openssl x509 -in got.pem -outform DER -out got.der && openssl x509 -in "$pki/$2.cert.pem" -outform DER -out want.der &&
		cmp got.der want.der
}

tries() {
	[ "$(vcard_ctl tries "$1")" = "$2" ]
}

verify() {
	tool --verify-pin --auth-id "$1" --pin "$2"
}

# card IMAGE PINS KEYS CERTIFICATES [ID NAME]...
card() {
	image=$1
	ok "$image: pcscd takes the card" start_vcard "$vcard_images/$image"
	ok "$image: OpenSC reads every directory" list
	ok "$image: $2 PINs, $3 keys, $4 certificates" counts "$2" "$3" "$4"
	shift 4
	while [ $# -gt 0 ]; do
		ok "$image: certificate $1 is $2" same "$1" "$2"
		shift 2
	done
}

# pins: of the card that is there, both are right, a wrong one is counted, PIN1 changes and changes back.
pins() {
	ok "$image: PIN1 is right" verify 01 1234
	ok "$image: PIN2 is right" verify 02 123456
	not_ok_if "$image: a wrong PIN1 is not" verify 01 4321
	ok "$image: and is counted" tries 1 4
	ok "$image: PIN1 is changed" tool --change-pin --auth-id 01 --pin 1234 --new-pin 87654321
	ok "$image: PIN1 is the new one" verify 01 87654321
	not_ok_if "$image: and no more the old one" verify 01 1234
	ok "$image: PIN1 is changed back" tool --change-pin --auth-id 01 --pin 87654321 --new-pin 1234
	ok "$image: with all its tries" tries 1 5
}

start_pcscd || exit 1

card fineid-v3.0.yaml 2 2 4 45 fineid-v30-auth 46 fineid-v30-sign 47 fineid-g3 48 fineid-root
ok "the token is what the card says" says 'PKCS#15 Card \[FINEID S4-1\]' 'Serial number : 92461004900012345607'
ok "PIN1 has reference 11" says 'PIN \[perustunnusluku\]' 'Reference : 17 (0x11)'
ok "PIN2 has reference 82" says 'PIN \[allekirjoitustunnusluku\]' 'Reference : 130 (0x82)'
ok "PIN2 is local to 5016" says 'PIN \[allekirjoitustunnusluku\]' 'Path : 3f005016'
ok "PIN1 is 4 to 12 digits in 12 bytes" says 'PIN \[perustunnusluku\]' 'Length : min_len:4, max_len:12, stored_len:12'
ok "the key of PIN1 decrypts" says 'Private RSA Key \[todentamis- ja salausavain\]' 'decrypt, sign, unwrap'
ok "the key of PIN2 is for signatures" says 'Private RSA Key \[allekirjoitusavain\]' 'nonRepudiation'
pins
stop_vcard

card fineid-v3.1.yaml 2 3 5 45 fineid-v31-auth 46 fineid-v31-sign 47 fineid-v31-sign2 48 fineid-g4r 49 fineid-root
ok "the key of PIN1 has 3072 bits" says 'Private RSA Key \[todentamis- ja salausavain\]' 'ModLength : 3072'
ok "the second signature key is P-256" says 'Private EC Key \[allekirjoitusavain 2\]' 'FieldLength : 256'
pins
stop_vcard

card fineid-v4.yaml 3 2 4 45 fineid-v4-auth 46 fineid-v4-sign 47 fineid-g4e 48 fineid-root-ecc
ok "a reference of one byte is read" says 'PIN \[allekirjoitustunnusluku\]' 'Reference : 130 (0x82)'
ok "the PUK has a record" says 'PIN \[PUK-tunnusluku\]' 'unblockingPin'
ok "the EC key of PIN1 derives" says 'Private EC Key \[todentamis- ja salausavain\]' 'sign, derive'
stop_vcard

card fineid-v4-dual.yaml 3 4 6 45 fineid-v4-auth 46 fineid-v4-sign 49 fineid-v4-auth2 4A fineid-v4-sign2
ok "the second signature key is RSA" says 'Private RSA Key \[allekirjoitusavain 2\]' 'ModLength : 3072'
stop_vcard

card fineid-v3-new.yaml 2 3 5
ok "PIN1 is blocked" tries 1 0
not_ok_if "no PIN opens it" verify 01 1234
ok "the PUK activates PIN1" tool --unblock-pin --auth-id 01 --puk 12345678 --new-pin 1234
ok "PIN1 is right" verify 01 1234
ok "PIN2 is still blocked" tries 2 0
ok "the PUK activates PIN2" tool --unblock-pin --auth-id 02 --puk 12345678 --new-pin 123456
ok "PIN2 is right" verify 02 123456
not_ok_if "a signature with the hash in the command is refused" \
	pkcs15-crypt --sign --key 45 --pin 1234 --sha-256 --pkcs1 --input digest --output sig
stop_vcard

card fineid-v4-reader.yaml 3 2 4 45 fineid-v4-auth 46 fineid-v4-sign
stop_vcard
stop_pcscd
tap_done
