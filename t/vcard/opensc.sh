#!/bin/sh
# The virtual card before a foreign judge: pcscd, vpcd and Debian's OpenSC must take it for a MyEID.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_needs pkcs15-tool pkcs11-tool opensc-tool openssl
pcscd_enter "$@"

pki=$top_srcdir/t/cards/pki
module=$(find /usr/lib /usr/local/lib -name opensc-pkcs11.so 2>/dev/null | head -n 1)
cd "$pcsc_dir" || exit 1
echo "hello, card" >data

p11() {
	pkcs11-tool --module "$module" "$@"
}

user() {
	p11 --login --pin 1234 "$@"
}

# pkcs15-tool's list, without one complaint.
list15() {
	pkcs15-tool -D >list 2>list.err || { cat list.err; return 1; }
	grep -v '^Using reader' list.err >complaints
	! grep -i -e error -e warn -e fail list complaints || return 1
	[ ! -s complaints ] || { cat complaints; return 1; }
}

objects() {
	user --list-objects >objects 2>&1 || { cat objects; return 1; }
	! grep -i -e error -e warn objects || return 1
	for what in "Private Key Object:$1" "Public Key Object:$2" "Certificate Object:$3"; do
		[ "$(grep -c "^${what%:*}" objects)" -eq "${what#*:}" ] || { echo "not $what"; cat objects; return 1; }
	done
}

# sign ID MECHANISM DIGEST PUBLIC-KEY [OPENSSL-OPTION...]
sign() {
	id=$1 mech=$2 digest=$3 key=$4
	shift 4
	rm -f sig
	user --id "$id" --sign --mechanism "$mech" --signature-format openssl --input-file data --output-file sig &&
		openssl dgst "-$digest" -verify "$key" "$@" -signature sig data
}

# decrypt MECHANISM TOOL-OPTION... -- OPENSSL-OPTION...
decrypt() {
	mech=$1
	shift
	tool=
	while [ "$1" != -- ]; do
		tool="$tool $1"
		shift
	done
	shift
	rm -f plain
	# shellcheck disable=SC2086
	openssl pkeyutl -encrypt -certin -inkey "$pki/rsa2048.cert.pem" "$@" -in data -out secret &&
		user --id 45 --decrypt --mechanism "$mech" $tool --input-file secret --output-file plain &&
		cmp data plain
}

derive() {
	openssl ecparam -name prime256v1 -genkey -noout -out peer.pem &&
		openssl pkey -in peer.pem -pubout -outform DER -out peer.der &&
		user --id 47 --derive --mechanism ECDH1-DERIVE --input-file peer.der --output-file shared &&
		openssl pkeyutl -derive -inkey peer.pem -peerkey "$pki/p256.pub.pem" -out wanted &&
		cmp shared wanted
}

# keypair TYPE ID MECHANISM DIGEST: made on the card, read back, and a signature of it verified. (pkcs11-tool 0.23
# cannot read back a P-384 public key; pkcs15-tool can.)
keypair() {
	user --keypairgen --key-type "$1" --id "$2" --label "made here $2" --usage-sign &&
		pkcs15-tool --read-public-key "$2" --output made.pem &&
		sign "$2" "$3" "$4" made.pem
}

tries() {
	[ "$(vcard_ctl tries 1)" = "$1" ]
}

certificate() {
	pkcs15-tool --read-certificate 45 >read.pem 2>/dev/null &&
		openssl x509 -in read.pem -outform DER -out a && openssl x509 -in "$pki/rsa2048.cert.pem" -outform DER -out b &&
		cmp a b
}

pss="-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1"
openssl x509 -in "$pki/rsa2048.cert.pem" -pubkey -noout >rsa.pem

ok "pcscd starts" start_pcscd
ok "a MyEID is in the reader" start_vcard "$vcard_images/myeid.yaml"
ok "OpenSC names it MyEID" sh -c 'opensc-tool --name 2>/dev/null | grep -q "^MyEID"'
ok "pkcs15-tool lists it without a complaint" list15
ok "three keys, their public halves and those of two CAs, four certificates" objects 3 5 4
ok "a certificate is read whole" certificate
ok "RSA PKCS#1 v1.5" sign 45 SHA256-RSA-PKCS sha256 rsa.pem
ok "RSA with SHA-512: within the card's 40 %" sign 45 SHA512-RSA-PKCS sha512 rsa.pem
# shellcheck disable=SC2086
ok "RSA PSS: a raw block of 256 bytes, chained" sign 45 SHA256-RSA-PKCS-PSS sha256 rsa.pem $pss
ok "ECDSA P-384" sign 46 ECDSA-SHA384 sha384 "$pki/p384.pub.pem"
ok "ECDSA P-384 of a shorter digest" sign 46 ECDSA-SHA256 sha256 "$pki/p384.pub.pem"
ok "ECDSA P-256" sign 47 ECDSA-SHA256 sha256 "$pki/p256.pub.pem"
ok "RSA decryption, PKCS#1 v1.5" decrypt RSA-PKCS --
ok "RSA decryption, OAEP" decrypt RSA-PKCS-OAEP --hash-algorithm SHA-1 --mgf MGF1-SHA1 -- \
	-pkeyopt rsa_padding_mode:oaep
ok "ECDH" derive
ok "an RSA key is made on the card" keypair rsa:2048 60 SHA256-RSA-PKCS sha256
ok "a P-256 key is made on the card" keypair EC:prime256v1 61 ECDSA-SHA256 sha256
ok "a P-521 key is made on the card" keypair EC:secp521r1 62 ECDSA-SHA512 sha512
ok "three tries" tries 3
not_ok_if "a wrong PIN is refused" p11 --login --pin 9999 --list-objects
ok "... and costs one try" tries 2
ok "the right one gives it back" objects 6 8 4
ok "three tries again" tries 3
ok "the PIN is changed" user --change-pin --new-pin 4321
not_ok_if "the old one fails" user --list-objects
ok "PUK: unblocks" pkcs15-tool --unblock-pin --puk 12345678 --new-pin 1234 --auth-id 01
ok "pkcs11-tool --test" user --test

ok "the card is taken out" vcard_ctl remove
ok "pcscd sees it" wait_no_card
ok "an old card is put in" sh -c '"$1" ctl "$2" swap "$3"' - "$vcard" "$pcsc_dir/ctl0" "$vcard_images/myeid-3.3.yaml"
ok "pcscd sees that" wait_card
ok "3.3.3: pkcs15-tool lists it" list15
ok "3.3.3: RSA PKCS#1 v1.5" sign 45 SHA256-RSA-PKCS sha256 rsa.pem
# shellcheck disable=SC2086
ok "3.3.3: RSA PSS: a raw block in two halves" sign 45 SHA256-RSA-PKCS-PSS sha256 rsa.pem $pss
ok "3.3.3: RSA decryption in two halves" decrypt RSA-PKCS --

ok "a blank card is swapped in" vcard_ctl swap "$vcard_images/myeid-blank.yaml"
ok "blank: pcscd sees the old one go" wait_no_card
ok "blank: pcscd sees it" wait_card
ok "blank: nothing on it" objects 0 0 0
ok "blank: an RSA key is made" keypair rsa:2048 01 SHA256-RSA-PKCS sha256
ok "blank: an EC key is made" keypair EC:secp384r1 02 ECDSA-SHA384 sha384
ok "the card goes quietly" stop_vcard
stop_pcscd
tap_done
