#!/bin/sh
# The cards with two PINs before a foreign judge: what pcscd, vpcd and Debian's OpenSC see of them. Bare APDUs show
# the trap that the library has to mind: a PIN2 that stays open.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_needs pkcs15-tool pkcs15-crypt opensc-tool openssl
pcscd_enter "$@"

pki=$top_srcdir/t/cards/pki
cd "$pcsc_dir" || exit 1
for cert in sign2048 sign384; do
	openssl x509 -in "$pki/$cert.cert.pem" -pubkey -noout >$cert.pub.pem
done
printf 'hello, card' | openssl dgst -sha256 -binary >hash256
printf 'hello, card' | openssl dgst -sha384 -binary >hash384

# The record of a list whose first line is in $2, from list $1 (pkcs15-tool's option).
record() {
	pkcs15-tool "--list-$1" 2>record.err | sed -n "/^$2/,/^\$/p" >record
	[ -s record ] || { cat record.err; return 1; }
}

# record_says LIST FIRST-LINE PATTERN...
record_says() {
	record "$1" "$2" || return 1
	shift 2
	for pattern; do
		grep -q "$pattern" record || { echo "no $pattern"; cat record; return 1; }
	done
}

# The n-th PIN, key, ... of a list begins like this.
nth_is() {
	pkcs15-tool "--list-$1" 2>/dev/null | grep '^[A-Z]' | sed -n "$2p" >nth
	grep -q "^$3" nth || { cat nth; return 1; }
}

list15() {
	pkcs15-tool -D >list 2>list.err || { cat list.err; return 1; }
	grep -v '^Using reader' list.err >complaints
	! grep -i -e error -e warn -e fail list complaints || return 1
	[ ! -s complaints ] || { cat complaints; return 1; }
}

count() {
	pkcs15-tool "--list-$1" 2>/dev/null | grep -c "^$2 " | grep -qx "$3"
}

certificate() {
	pkcs15-tool --read-certificate "$1" >read.pem 2>/dev/null &&
		openssl x509 -in read.pem -outform DER -out a && openssl x509 -in "$pki/$2.cert.pem" -outform DER -out b &&
		cmp a b
}

sign_rsa() {
	rm -f sig
	pkcs15-crypt --sign --key 46 --sha-256 --pkcs1 --pin "$1" --input hash256 --output sig &&
		openssl pkeyutl -verify -pubin -inkey sign2048.pub.pem -pkeyopt digest:sha256 -in hash256 -sigfile sig
}

sign_ec() {
	rm -f sig
	pkcs15-crypt --sign --key 47 --signature-format openssl --pin "$1" --input hash384 --output sig &&
		openssl pkeyutl -verify -pubin -inkey sign384.pub.pem -in hash384 -sigfile sig
}

# says SW... -- APDU...: what the last answers are, of bare commands in one connection.
says() {
	wanted=
	while [ "$1" != -- ]; do
		wanted="$wanted $1"
		shift
	done
	shift
	apdus=
	for apdu; do
		apdus="$apdus -s $apdu"
	done
	# shellcheck disable=SC2086
	opensc-tool $apdus >answers 2>&1 || { cat answers; return 1; }
	got=$(sed -n 's/^Received (SW1=0x\(..\), SW2=0x\(..\)).*/ \1\2/p' answers | tr -d '\n')
	[ "$got" = "$wanted" ] || { echo "wanted$wanted, got$got"; cat answers; return 1; }
}

app=00A404000CA000000063504B43532D3135
mse=002241B60A80010281024B02840100
pso=002A9E9A14000102030405060708090A0B0C0D0E0F1011121300
pin1=002000010831323334FFFFFFFF
pin2=0020000208313233343536FFFF
ask2=00200002
change2=0024000210313233343536FFFF313233343536FFFF
unblock2=002C0002103132333435363738313233343536FFFF
forget=002E0000

open2() {
	[ "$(vcard_ctl open 2)" = "$1" ]
}

put_card() {
	vcard_ctl swap "$vcard_images/$1" && wait_no_card && wait_card
}

ok "pcscd starts" start_pcscd

ok "citizen: it is in the reader" start_vcard "$vcard_images/myeid-citizen.yaml"
ok "citizen: OpenSC lists it without a complaint" list15
ok "citizen: three PINs" count pins PIN 3
ok "citizen: PIN1" record_says pins 'PIN \[perustunnusluku\]' 'ID *: 01' 'Reference *: 1 ' 'min_len:4, max_len:8, stored_len:8'
ok "citizen: PIN2" record_says pins 'PIN \[allekirjoitustunnusluku\]' 'ID *: 02' 'Reference *: 2 ' 'min_len:6' 'local'
ok "citizen: three keys" count keys 'Private' 3
ok "citizen: the key of PIN1" record_says keys 'Private RSA Key \[todentamis- ja salausavain\]' 'Usage .*decrypt, sign, unwrap' \
	'Auth ID *: 01' 'ID *: 45' 'ModLength *: 2048'
ok "citizen: the RSA key of PIN2" record_says keys 'Private RSA Key \[allekirjoitusavain\]' 'Usage .*nonRepudiation' \
	'Auth ID *: 02' 'ID *: 46'
ok "citizen: the EC key of PIN2" record_says keys 'Private EC Key \[allekirjoitusavain 2\]' 'Usage .*nonRepudiation' \
	'Auth ID *: 02' 'ID *: 47' 'FieldLength *: 384'
ok "citizen: five certificates" count certificates 'X.509' 5
ok "citizen: ... of the RSA key" certificate 46 sign2048
ok "citizen: ... of the EC key" certificate 47 sign384
not_ok_if "citizen: a wrong PIN2 does not sign" sign_rsa 654321
ok "citizen: PIN2 has lost a try" test "$(vcard_ctl tries 2)" = 2
ok "citizen: PIN2 signs, RSA" sign_rsa 123456
ok "citizen: PIN2 signs, EC" sign_ec 123456
ok "citizen: the try is back" test "$(vcard_ctl tries 2)" = 3
ok "citizen: the card is reset" vcard_ctl reset
ok "citizen: a bare signature is refused" says 9000 9000 6982 -- $app $mse $pso
ok "citizen: ... with PIN1, too" says 9000 9000 9000 6982 -- $app $pin1 $mse $pso
ok "citizen: ... and possible with PIN2, again and again" says 9000 9000 9000 9000 9000 -- $app $pin2 $mse $pso $pso
ok "citizen: PIN2 is open after that" open2 yes
ok "citizen: the trap: the next program needs no PIN" says 9000 9000 9000 -- $app $mse $pso
ok "citizen: what a program can do: forget" says 9000 9000 63C3 6982 -- $app $forget $ask2 $pso
ok "citizen: it is forgotten" open2 no
ok "citizen: not open after a change" says 9000 9000 63C3 -- $app $change2 $ask2
ok "citizen: not open after an unblock" says 9000 9000 63C3 -- $app $unblock2 $ask2
ok "citizen: a reset shuts it" says 9000 9000 -- $app $pin2
ok "citizen: ... the card is reset" vcard_ctl reset
ok "citizen: ... and it is shut" says 9000 63C3 -- $app $ask2

ok "consent: it is in the reader" put_card myeid-consent.yaml
ok "consent: OpenSC lists it without a complaint" list15
ok "consent: the keys of PIN2 say so" sh -c '[ "$(pkcs15-tool -k 2>/dev/null | grep -c "Usage .*nonRepudiation")" = 2 ]'
ok "consent: PIN2 signs, RSA" sign_rsa 123456
ok "consent: PIN2 signs, EC" sign_ec 123456
ok "consent: PIN2 is shut after that" open2 no
ok "consent: one signature for one PIN" says 9000 9000 9000 9000 6985 63C3 -- $app $pin2 $mse $pso $pso $ask2
ok "consent: PIN1 lives on" says 9000 9000 9000 9000 9000 9000 -- $app $pin1 $pin2 $mse $pso 00200001

ok "certnr: it is in the reader" put_card myeid-certnr.yaml
ok "certnr: OpenSC lists it without a complaint" list15
ok "certnr: the directory says sign alone" record_says keys 'Private RSA Key \[allekirjoitusavain\]' 'Usage .*0x04\], sign$' 'Auth ID *: 02'
ok "certnr: the certificate says nonRepudiation alone" sh -c 'pkcs15-tool --read-certificate 46 2>/dev/null |
	openssl x509 -noout -ext keyUsage | tail -n 1 | grep -qx " *Non Repudiation"'
ok "certnr: PIN2 signs, RSA" sign_rsa 123456

ok "pin2first: it is in the reader" put_card myeid-pin2first.yaml
ok "pin2first: OpenSC lists it without a complaint" list15
ok "pin2first: PIN2 is the first PIN" nth_is pins 1 'PIN \[allekirjoitustunnusluku\]'
ok "pin2first: PIN1 is the second" nth_is pins 2 'PIN \[perustunnusluku\]'
ok "pin2first: its key is the first key" nth_is keys 1 'Private RSA Key \[allekirjoitusavain\]'
ok "pin2first: PIN2 signs, EC" sign_ec 123456

ok "threepins: it is in the reader" put_card myeid-threepins.yaml
ok "threepins: OpenSC lists it without a complaint" list15
ok "threepins: four PINs" count pins PIN 4
ok "threepins: number 4" record_says pins 'PIN \[lis' 'ID *: 04' 'Reference *: 4 '
ok "threepins: its key" record_says keys 'Private EC Key \[lis' 'Usage .*sign, derive' 'Auth ID *: 04' 'ID *: 4a'
ok "threepins: its certificate" certificate 4a p256
ok "threepins: PIN2 signs, RSA" sign_rsa 123456

ok "openers: it is in the reader" put_card myeid-openers.yaml
ok "openers: OpenSC lists it without a complaint" list15
ok "openers: PIN2 is open after a change" says 9000 9000 9000 9000 9000 -- $app $change2 $ask2 $mse $pso
ok "openers: ... and shut by the command" says 9000 9000 63C3 -- $app $forget $ask2
ok "openers: ... open after an unblock" says 9000 9000 9000 9000 9000 -- $app $unblock2 $ask2 $mse $pso

# a card that nobody knows: OpenSC is told that it speaks as a MyEID (20001)
cat >opensc.conf <<-CONF
	app default {
		card_atr 3b:fa:18:00:00:81:31:fe:45:43:41:53:54:4f:52:2d:50:31:35:88 {
			name = "unknown";
			driver = "myeid";
			type = 20001;
		}
	}
CONF
export OPENSC_CONF="$pcsc_dir/opensc.conf"
ok "noforget: it is in the reader" put_card p15-noforget.yaml
ok "noforget: OpenSC lists it without a complaint" list15
ok "noforget: three keys" count keys 'Private' 3
ok "noforget: PIN2 signs, RSA" sign_rsa 123456
ok "noforget: no command makes it forget" says 9000 9000 6D00 9000 9000 9000 -- $app $pin2 $forget $ask2 $mse $pso
ok "noforget: PIN2 is open" open2 yes
ok "noforget: the card is reset" vcard_ctl reset
ok "noforget: that makes it forget" says 9000 63C3 -- $app $ask2
ok "noforget: the console says so, too" open2 no

# cards as they come by mail: OpenSC is told that they speak as a MyEID, too
cat >opensc.conf <<-CONF
	app default {
		card_atr 3b:8a:80:01:43:41:53:54:4f:52:2d:4e:45:57:62 {
			name = "new card";
			driver = "myeid";
			type = 20001;
		}
	}
CONF
# The attributes that FINEID cards tell of a PIN: what they say of its changes.
attributes=00CB00FF05A003830101
changed() {
	opensc-tool -s $app -s "00CB00FF05A0038301$1" >answers 2>&1 || { cat answers; return 1; }
	sed -n '/^Received/,$p' answers | grep -io 'DF 2F 01 0[01]' | grep -qi "DF 2F 01 $2" || { cat answers; return 1; }
}
by_puk() {
	pkcs15-tool --unblock-pin --auth-id "$1" --puk "$2" --new-pin "$3"
}
by_change() {
	pkcs15-tool --change-pin --auth-id "$1" --pin "$2" --new-pin "$3"
}
ok "newpuk: it is in the reader" put_card myeid-newpuk.yaml
ok "newpuk: OpenSC lists it without a complaint" list15
ok "newpuk: both PINs are blocked" says 9000 6983 6983 -- $app 00200001 00200002
not_ok_if "newpuk: nobody knows the PIN" sign_rsa 000000
ok "newpuk: it tells no attributes" says 9000 6D00 -- $app $attributes
not_ok_if "newpuk: a wrong code" by_puk 01 87654321 4826
ok "newpuk: the code unblocks PIN1" by_puk 01 12345678 4826
ok "newpuk: ... and not PIN2" says 9000 63C3 6983 -- $app 00200001 00200002
ok "newpuk: the code unblocks PIN2" by_puk 02 12345678 482615
ok "newpuk: PIN2 signs, RSA" sign_rsa 482615

ok "newcode: it is in the reader" put_card myeid-newcode.yaml
ok "newcode: OpenSC lists it without a complaint" list15
ok "newcode: no PIN was changed" changed 01 00
ok "newcode: ... nor the other" changed 02 00
ok "newcode: the card itself would sign with the code" sign_rsa 7351924
ok "newcode: which is no change" changed 02 00
not_ok_if "newcode: a wrong code" by_change 01 4291537 4826
ok "newcode: which is no change" changed 01 00
ok "newcode: PIN1 is changed" by_change 01 7351924 4826
ok "newcode: ... and says so" changed 01 01
ok "newcode: ... and the other does not" changed 02 00
ok "newcode: PIN2 is changed" by_change 02 7351924 482615
ok "newcode: ... and says so" changed 02 01
ok "newcode: PIN2 signs, RSA" sign_rsa 482615
not_ok_if "newcode: ... with the code no more" sign_rsa 7351924
ok "the card goes quietly" stop_vcard
stop_pcscd
tap_done
