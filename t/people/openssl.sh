#!/bin/sh
# OpenSSL through libp11's engine, which has no PIN: our dialog asks, once for a program that signs many
# times, whatever happens to the card in between.
. "$top_srcdir/t/people/people.sh"
client_image=$vcard_images/myeid-citizen.yaml
people_start openssl tmux pinentry-curses mkfifo -- "$@"
openssl x509 -in "$pki/sign2048.cert.pem" -pubkey -noout >pin2.pub.pem

engine_conf

verified() {
	openssl dgst -sha256 -verify "$1" -signature sig data
}

key="pkcs11:id=%45;type=private"
binding="pkcs11:id=%46;type=private"

# ---- a person ----

at_terminal "OPENSSL_CONF=$PWD/openssl.cnf openssl dgst -engine pkcs11 -keyform engine -sha256 -sign '$key' -out sig data"
ok "dgst asks by our dialog" person_sees "PIN1: ____"
ok "... for openssl" person_sees "Program: /usr/bin/openssl"
person_types 1234
ok "... and signs" ends 0
ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
reset_card
at_terminal "OPENSSL_CONF=$PWD/openssl.cnf openssl dgst -engine pkcs11 -keyform engine -sha256 -sign '$key' -out sig data"
person_sees "PIN1: ____" >/dev/null
person_cancels
ok "cancelled: dgst fails" ends !
ok "... no try is lost" client_tries 3

# Plain Cryptoki: openssl asks itself. Of two slots that fit, libp11 logs into none, so the URI names one.
named="pkcs11:token=FINEID%20S4-1%20%28PIN1%20login%29;id=%45;type=private"
rm -f sig
in_sight "disableCryptokiAutoLogin=1 OPENSSL_CONF=$PWD/openssl.cnf openssl dgst -engine pkcs11 -keyform engine -sha256 -sign '$named' -out sig data"
ok "without the auto-login openssl asks itself" person_sees "Enter PKCS#11 token PIN"
person_types 1234
ok "... and signs" person_until 10 test -s sig
ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
person_tmux_stop

# ---- a robot ----

robot
ok "a robot" test -x "$robot_dir/pinentry"

# signs COMMAND...: with PIN1 typed once
signs() {
	reset_card
	answers 1234
	rm -f sig signed
	"$@" </dev/null || return 1
	answers
	asked 1
}

ok "dgst" signs engine dgst -engine pkcs11 -keyform engine -sha256 -sign "$key" -out sig data
ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
openssl dgst -sha256 -binary data >hash
ok "pkeyutl" signs engine pkeyutl -engine pkcs11 -keyform engine -sign -inkey "$key" -pkeyopt digest:sha256 -in hash -out sig
ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
ok "cms" signs engine cms -sign -engine pkcs11 -keyform engine -inkey "$key" -signer "$pki/rsa2048.cert.pem" -md sha256 \
	-binary -nodetach -outform DER -in data -out signed
ok "... with the key of PIN1" cms_is_good
ok "req" signs engine req -new -engine pkcs11 -keyform engine -key "$key" -sha256 -out req.pem
ok "... with the key of PIN1" openssl req -in req.pem -verify -noout

answers 123456
ok "cms with the key of PIN2" engine cms -sign -engine pkcs11 -keyform engine -inkey "$binding" \
	-signer "$pki/sign2048.cert.pem" -md sha256 -binary -nodetach -outform DER -in data -out signed
ok "... as it says" dialogs_say "legally binding"
ok "... one dialog" asked 1
ok "... the signature is right" cms_is_good
ok "... PIN2 is shut" shut 2

# ---- many signatures in one process: a certification authority ----

cat >>openssl.cnf <<CNF
[ca]
default_ca = ours
[ours]
database = $PWD/index
serial = $PWD/serial
new_certs_dir = $PWD/certs
default_md = sha256
default_days = 1
unique_subject = no
policy = any
[any]
commonName = supplied
CNF
openssl ecparam -name prime256v1 -genkey -noout -out request.key
for n in 1 2 3 4 5 6 7 8 9; do
	openssl req -new -key request.key -subj "/CN=number $n" -out "request$n"
done

# certify KEY CERTIFICATE REQUEST...
certify() {
	certify_key=$1 certify_by=$2
	shift 2
	rm -rf certs index serial
	mkdir certs && : >index && echo 01 >serial &&
		engine ca -batch -notext -engine pkcs11 -keyform engine -keyfile "$certify_key" \
			-cert "$pki/$certify_by.cert.pem" -infiles "$@" </dev/null || return 1
	[ "$(ls certs | wc -l)" -eq $# ] || { ls certs; return 1; }
}

# all_signed_by PUBLIC-KEY: the certificates, checked without what a chain wants of their issuer
all_signed_by() {
	for one in certs/*; do
		openssl x509 -in "$one" -outform DER -out one.der
		# the first of the three parts, and the third without its count of unused bits
		openssl asn1parse -inform DER -in one.der -strparse 4 -out tbs -noout &&
			openssl asn1parse -inform DER -in one.der \
				-strparse "$(openssl asn1parse -inform DER -in one.der | sed -n '$s/^ *\([0-9]*\):.*/\1/p')" -out end -noout &&
			openssl dgst -sha256 -verify "$1" -signature end tbs || return 1
	done
}

reset_card
answers 1234
ok "nine certificates in one process" certify "$key" rsa2048 request1 request2 request3 request4 request5 request6 \
	request7 request8 request9
ok "... signed with the key of PIN1" all_signed_by "$pki/rsa2048.pub.pem"
ok "... one dialog" asked 1

# The fifth request comes late: the pipe opens when the first four are done, and a neighbour resets the card.
mkfifo late
reset_card
answers 1234
timeout 20 sh -c 'exec 4>late; "$@"; cat request5 >&4' late "$vcard" ctl "$pcsc_dir/ctl0" reset >after &
ok "nine more, and a neighbour who resets the card" certify "$key" rsa2048 request1 request2 request3 request4 late \
	request6 request7 request8 request9
ok "... the reset was there" wait $!
ok "... signed with the key of PIN1" all_signed_by "$pki/rsa2048.pub.pem"
ok "... one dialog: PIN1 was kept" asked 1

answers 123456 123456
ok "two certificates with the key of PIN2" certify "$binding" sign2048 request1 request2
ok "... signed with it" all_signed_by pin2.pub.pem
ok "... two dialogs" asked 2
ok "... PIN2 is shut" shut 2
answers 123456
not_ok_if "the second dialog is cancelled" certify "$binding" sign2048 request1 request2
ok "... two dialogs" asked 2
people_end 3
