#!/bin/sh
# The virtual organisation cards before a foreign judge: Debian's OpenSC, whose driver for IAS-ECC knows other members
# of the family. It is told to take these for one of them, and must then read all that is on them and use their PINs.
# It gets no further: it wants the last round of a hash from the card (its build for OpenSSL 3 cannot do its own part
# of that), and INTERNAL AUTHENTICATE of the authentication key.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_needs pkcs15-tool opensc-tool openssl
pcscd_enter "$@"

pki=$top_srcdir/t/cards/pki
cd "$pcsc_dir" || exit 1
# 25005 is the card of a ministry, whose ATR differs in one byte: no application is selected but the MF's.
for atr in 3b:df:96:00:80:31:fe:45:00:31:b8:64:04:29:ec:c1:73:94:01:80:82:90:00:da \
	3b:dd:96:00:80:31:fe:45:00:31:b8:64:04:29:ec:c1:73:94:01:80:82:48 \
	3b:dd:96:00:80:31:fe:45:00:31:b8:64:04:29:ec:c1:73:94:01:80:83:49; do
	echo "card_atr $atr { name = \"FINEID organisation\"; driver = \"iasecc\"; type = 25005; }"
done >atrs
{
	echo "app default {"
	cat atrs
	echo "framework pkcs15 { use_file_caching = no; }"
	echo "}"
} >opensc.conf
OPENSC_CONF=$pcsc_dir/opensc.conf
export OPENSC_CONF
# OpenSC asks the card itself how long a PIN is, and the images' cards do not tell.
cat >told.yaml <<-YAML
	schema: 1
	extends: $(cd "$vcard_images" && pwd)/fineid-org-cosmo7.yaml
	os: iasecc
	pin-attributes: yes
YAML

list15() {
	pkcs15-tool -D >list 2>list.err || { cat list.err; return 1; }
	grep -v '^Using reader' list.err >complaints
	! grep -i -e error -e warn -e fail list complaints || return 1
	[ ! -s complaints ] || { cat complaints; return 1; }
}

# has COUNT PATTERN
has() {
	[ "$(grep -c -- "$2" list)" -eq "$1" ] || { cat list; return 1; }
}

# certificate ID NAME: the card's is the PKI's, byte for byte.
certificate() {
	pkcs15-tool --read-certificate "$1" >read.pem 2>/dev/null &&
		openssl x509 -in read.pem -outform DER -out a && openssl x509 -in "$pki/$2.cert.pem" -outform DER -out b &&
		cmp a b
}

serial() {
	opensc-tool --serial 2>/dev/null | grep -q "^$1 "
}

swap() {
	vcard_ctl remove && wait_no_card && vcard_ctl swap "$1" && wait_card
}

verify() {
	pkcs15-tool --verify-pin --auth-id "$1" --pin "$2"
}

tries() {
	[ "$(vcard_ctl tries "$1")" = "$2" ]
}

# pins PIN1 PIN2
pins() {
	[ "$(vcard_ctl pins)" = "1=$1 2=$2 3=12345678" ]
}

# told COMMAND: it was sent, with its secret starred.
told() {
	grep -q "^> $1\$" log || { cat log; return 1; }
}

ok "pcscd starts" start_pcscd
ok "Cosmo v7 is in the reader" start_vcard "$vcard_images/fineid-org-cosmo7.yaml"
ok "OpenSC drives it as IAS-ECC" sh -c 'opensc-tool --name 2>/dev/null | grep -q "^FINEID organisation"'
ok "it finds the serial number in EF.SN" serial "01 60 00 47 11 01 23 45"
ok "pkcs15-tool lists it without a complaint" list15
ok "two RSA keys" has 2 "^Private RSA Key"
ok "... one of reference 82, written as a negative number" has 1 "Key ref *: 130 (0x82)"
ok "three PINs" has 3 "^PIN \["
ok "... of references 03" has 1 "Reference *: 3 (0x03)"
ok "... 04" has 1 "Reference *: 4 (0x04)"
ok "... and 12, which unblocks" has 1 "Flags .*initialized, unblockingPin"
ok "four certificates" has 4 "^X.509 Certificate"
ok "authentication certificate" certificate 45 careauth
ok "signature certificate, of DF.ESIGN" certificate 46 caresign
ok "issuer, of the MF" certificate 47 careissuing
ok "root, of the MF" certificate 48 root
not_ok_if "without the card's word on lengths it sends no PIN" verify 01 1234
ok "... and no try is spent" tries 1 5

ok "the card that tells how long a PIN is" swap "$pcsc_dir/told.yaml"
vcard_ctl log "$pcsc_dir/log" >/dev/null
ok "PIN1 is verified" verify 01 1234
ok "... as bare digits" told '00200003 04 \[\*4\]'
ok "PIN2 is verified" verify 02 654321
ok "... as bare digits" told '00200004 06 \[\*6\]'
not_ok_if "a wrong PIN is refused" verify 01 9999
ok "... and costs one try" tries 1 4
ok "PIN1 is changed" pkcs15-tool --change-pin --auth-id 01 --pin 1234 --new-pin 54321
ok "... by two PINs side by side" told '00240003 09 \[\*9\]'
ok "... to that" pins 54321 654321
vcard_ctl tries 2 0 >/dev/null
not_ok_if "a blocked PIN2 is refused" verify 02 654321
ok "PIN2 is unblocked" pkcs15-tool --unblock-pin --auth-id 02 --puk 12345678 --new-pin 111222
ok "... by the PUK" told '00200012 08 \[\*8\]'
ok "... and then a command without it" told '002C0204 06 \[\*6\]'
ok "... to that" pins 54321 111222
ok "... and is right again" verify 02 111222

ok "ID.me" swap "$vcard_images/fineid-org-idme.yaml"
ok "ID.me: pkcs15-tool lists it" list15
ok "ID.me: two RSA keys of 3072 bits" has 2 "ModLength *: 3072"
ok "ID.me: authentication certificate" certificate 45 orgauth
ok "ID.me: signature certificate" certificate 46 orgsign
ok "Cosmo X, over T=1" swap "$vcard_images/fineid-org-cosmox.yaml"
ok "Cosmo X: pkcs15-tool lists it" list15
ok "Cosmo X: an EC key beside an RSA one" has 1 "^Private EC Key"
ok "Cosmo X: authentication certificate" certificate 45 xauth
ok "Cosmo X: signature certificate" certificate 46 xsign
ok "Cosmo X: issuer" certificate 47 orgissuing
ok "the card goes quietly" stop_vcard
stop_pcscd
tap_done
