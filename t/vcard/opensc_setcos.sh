#!/bin/sh
# The virtual SetCOS cards before a foreign judge: Debian's OpenSC (0.23 to 0.25) knows their ATRs, reads all of them, signs
# and deciphers with those of which it registers an algorithm, and makes files, PINs and keys on 4.4.1 and the applet.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_needs pkcs15-tool pkcs15-crypt pkcs15-init opensc-tool openssl
opensc-tool --list-drivers 2>/dev/null | grep -q setcos || pcscd_skip "this OpenSC has no setcos driver"
# From 0.26 on the driver is there, but not the ATRs.
case $(opensc-tool --version 2>/dev/null; opensc-tool --info 2>/dev/null) in
*0.2[6-9]*) pcscd_skip "this OpenSC has forgotten the Finnish cards" ;;
esac
pcscd_enter "$@"

pki=$top_srcdir/t/cards/pki
cd "$pcsc_dir" || exit 1
openssl dgst -sha256 -binary >hash256 </dev/null
openssl dgst -sha1 -binary >hash1 </dev/null
echo "hello, old card" >data

# variant IMAGE [LINE...]: an image with some of its root changed
variant() {
	printf 'extends: %s\nos: setcos\n' "$vcard_images/$1"
	shift
	printf '%s\n' "$@"
}

# list LABEL: pkcs15-tool's list of objects, without one complaint
list() {
	pkcs15-tool -D >list 2>list.err || { cat list.err; return 1; }
	grep -v '^Using reader' list.err >complaints
	[ ! -s complaints ] || { cat complaints; return 1; }
	for wanted in "PKCS#15 Card [$1]" "PIN [perustunnusluku]" "PIN [allekirjoitustunnusluku]" \
		"Private RSA Key [todentamis- ja salausavain]" "Private RSA Key [allekirjoitusavain]" \
		"X.509 Certificate [todentamis- ja salausvarmenne]" "X.509 Certificate [allekirjoitusvarmenne]" \
		"X.509 Certificate [TEST VRK CA for Citizen Certificates]"; do
		grep -qF "$wanted" list || { echo "not: $wanted"; cat list; return 1; }
	done
}

certificate() {
	pkcs15-tool --read-certificate "$1" 2>/dev/null | openssl x509 -outform DER -out a &&
		openssl x509 -in "$pki/$2.cert.pem" -outform DER -out b && cmp a b
}

certificates() {
	certificate 45 "$1" && certificate 46 "$2" && certificate 47 vrkca
}

verify() {
	pkcs15-tool --verify-pin --auth-id "$1" --pin "$2"
}

# A wrong PIN, the right one, a change and back, an unblocking with the PUK.
pins() {
	[ "$(vcard_ctl tries 1)" = 3 ] && ! verify 01 9999 && [ "$(vcard_ctl tries 1)" = 2 ] && verify 01 1234 &&
		[ "$(vcard_ctl tries 1)" = 3 ] && verify 02 123456 &&
		pkcs15-tool --change-pin --auth-id 01 --pin 1234 --new-pin 43210 && ! verify 01 1234 && verify 01 43210 &&
		pkcs15-tool --unblock-pin --auth-id 01 --puk 12345678 --new-pin 1234 && verify 01 1234
}

# sign ID PIN KEY: PKCS#1 with SHA-256 (the card pads a DigestInfo) and SHA-1 (the card is told so)
sign() {
	openssl pkey -in "$pki/TEST-$3.key.pem" -pubout -out pub.pem || return 1
	rm -f sig sig1
	pkcs15-crypt --sign --pkcs1 --sha-256 --key "$1" --pin "$2" -R -i hash256 -o sig &&
		openssl pkeyutl -verify -pubin -inkey pub.pem -in hash256 -sigfile sig -pkeyopt digest:sha256 &&
		pkcs15-crypt --sign --pkcs1 --sha-1 --key "$1" --pin "$2" -R -i hash1 -o sig1 &&
		openssl pkeyutl -verify -pubin -inkey pub.pem -in hash1 -sigfile sig1 -pkeyopt digest:sha1
}

signatures() {
	sign 45 1234 "$1" && sign 46 123456 "$2"
}

# decipher ID PUBLIC-KEY
decipher() {
	rm -f plain
	openssl pkeyutl -encrypt -pubin -inkey "$2" -in data -out secret &&
		pkcs15-crypt --decipher --pkcs1 --key "$1" --pin 1234 -R -i secret -o plain && cmp data plain
}

deciphers() {
	openssl pkey -in "$pki/TEST-$1.key.pem" -pubout -out pub.pem && decipher 45 pub.pem
}

no_algorithm() {
	! pkcs15-crypt --sign --pkcs1 --sha-256 --key 45 --pin 1234 -R -i hash256 -o none 2>none.err &&
		grep -q "Not supported" none.err
}

# judge NAME IMAGE LABEL AUTH-KEY SIGN-KEY signs|reads
judge() {
	ok "$1: in the reader" start_vcard "$2"
	ok "$1: OpenSC names it SetCOS" sh -c 'opensc-tool --name 2>/dev/null | grep -q ^SetCOS'
	ok "$1: listed without a complaint" list "$3"
	ok "$1: three certificates, read whole" certificates "$4" "$5"
	ok "$1: PINs are verified, counted, changed, unblocked" pins
	if [ "$6" = signs ]; then
		ok "$1: both keys sign" signatures "$4" "$5"
		ok "$1: the first deciphers" deciphers "$4"
	else
		ok "$1: OpenSC knows no algorithm of it" no_algorithm
	fi
	stop_vcard
}

# A blank card: files, PINs and keys by pkcs15-init. (SO PIN of eight digits: OpenSC does not pad that one.)
initialise() {
	opensc-tool -s "00 A4 00 0C 02 3F 00" -s "00 E4 00 00" >erased 2>&1 && ! grep -q "SW1=0x6" erased || return 1
	set -- --so-pin 12345699
	pkcs15-init --create-pkcs15 "$@" --so-puk 12345678 &&
		pkcs15-init --store-pin --auth-id 01 --label tester --pin 1234 --puk 87654321 "$@" &&
		pkcs15-init --generate-key rsa/1024 --auth-id 01 --id 60 --key-usage sign,decrypt --pin 1234 "$@" &&
		pkcs15-init --store-private-key "$pki/TEST-auth1024.key.pem" --auth-id 01 --id 61 --key-usage sign,decrypt \
			--pin 1234 "$@" &&
		pkcs15-init --store-certificate "$pki/auth1024.cert.pem" --auth-id 01 --id 61 --pin 1234 "$@"
}

made_keys() {
	sign 61 1234 auth1024 && decipher 61 pub.pem && pkcs15-tool --read-public-key 60 --output made.pem &&
		pkcs15-crypt --sign --pkcs1 --sha-256 --key 60 --pin 1234 -R -i hash256 -o sig &&
		openssl pkeyutl -verify -pubin -inkey made.pem -in hash256 -sigfile sig -pkeyopt digest:sha256 &&
		decipher 60 made.pem
}

# init NAME IMAGE [LINE...]
init() {
	name=$1
	shift
	variant "$@" "activated: no" "pins: []" "files: []" >blank.yaml
	ok "$name: a blank one is in the reader" start_vcard "$pcsc_dir/blank.yaml"
	ok "$name: pkcs15-init makes files, PINs, keys" initialise
	ok "$name: the keys sign and decipher" made_keys
	stop_vcard
}

# An ATR that OpenSC does not know: it asks the applet for its version.
stranger="atr: 3B7D96000080318065B0A30201F383009000"
variant setcos-4.3.1.yaml "atr: 3B9F94401E0067164346495345105266FF819000" >securid.yaml
variant setcos-eid20.yaml "$stranger" >eid20.yaml
variant setcos-eid21.yaml "$stranger" >eid21.yaml

ok "pcscd starts" start_pcscd
judge "4.3.1, FINEID" "$vcard_images/setcos-4.3.1.yaml" "FINEID S4-1" auth1024 sign1024 reads
judge "4.3.1, RSA SecurID (class 80, MSE 81)" "$pcsc_dir/securid.yaml" "FINEID S4-1" auth1024 sign1024 signs
judge "4.3.2" "$vcard_images/setcos-4.3.2.yaml" "FINEID S4-1" auth1024 sign1024 reads
judge "4.4.1" "$vcard_images/setcos-4.4.1.yaml" "FINEID S4-1" auth1024 sign1024 signs
judge "NIDEL" "$vcard_images/setcos-nidel.yaml" "FINEID S4-1" auth1024 sign1024 signs
judge "EID applet 2.0, FinEID (class 80)" "$vcard_images/setcos-eid20.yaml" "FINEID S4-1" auth1024 sign1024 reads
judge "EID applet 2.0, by its version" "$pcsc_dir/eid20.yaml" "FINEID S4-1" auth1024 sign1024 signs
judge "EID applet 2.1, FinEID (class 80)" "$vcard_images/setcos-eid21.yaml" "FINEID S4-1" auth1024 sign1024 reads
judge "EID applet 2.1, by its version" "$pcsc_dir/eid21.yaml" "FINEID S4-1" auth1024 sign1024 signs
judge "EID2048" "$vcard_images/fineid-eid2048.yaml" "FINEID S4-1" eidauth2048 eidsign2048 signs
judge "Oberthur" "$vcard_images/fineid-oberthur.yaml" "FINEID S4-2" orgauth1024 orgsign1024 reads
init "4.4.1" setcos-4.4.1.yaml
init "EID applet 2.0" setcos-eid20.yaml "$stranger"
init "EID applet 2.1" setcos-eid21.yaml "$stranger"
stop_pcscd
tap_done
