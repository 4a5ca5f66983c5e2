#!/bin/sh
# PIN expiry as other programs see it: OpenSC reads what the module has put on the card, and makes it old.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_needs pkcs11-tool pkcs15-tool opensc-tool openssl od
pcscd_enter "$@"
cd "$pcsc_dir" || exit 1
module=$top_builddir/.libs/libcryptoki.so
disableCryptokiAutoLogin=1
CASTOR_CONF=$pcsc_dir/settings
export disableCryptokiAutoLogin CASTOR_CONF
(umask 077; echo "changePinPeriod = 30" >settings)
echo "hello, card" >data
today=$(($(date +%s) / 86400))

castor() {
	pkcs11-tool --module "$module" "$@" >castor.out 2>&1
}

says() {
	grep -q "$1" castor.out || { cat castor.out; return 1; }
}

refused() {
	answer=$1
	shift
	if castor "$@"; then
		cat castor.out
		return 1
	fi
	says "$answer"
}

sign() {
	castor --login --pin "$1" --id 45 --sign --mechanism SHA256-RSA-PKCS --input-file data --output-file sig
}

# record NAME PATTERN: what OpenSC says of the object for the PIN of that name.
record() {
	pkcs15-tool -D 2>/dev/null | sed -n "/PIN expiry: $1/,/^\$/p" >record
	grep -q "$2" record || { cat record; return 1; }
}

path_of() {
	pkcs15-tool -D 2>/dev/null | sed -n "/PIN expiry: $1/,/^\$/s/.*Path *: *//p" | tail -n 1
}

# read_object NAME AUTH PIN: into the file object.
read_object() {
	rm -f object
	pkcs15-tool --read-data-object "PIN expiry: $1" --auth-id "$2" --verify-pin --pin "$3" --raw \
		--output object >read.out 2>&1
	[ -s object ] || { cat read.out; return 1; }
}

bytes() {
	od -An -v -t x1 -j "$1" -N "$2" object | tr -d ' \n'
}

day_is() {
	[ "$(bytes 0 4)" = 43505831 ] && [ "$((0x$(bytes 4 4)))" -eq "$1" ] && [ "$(bytes 8 4)" = "$2" ] ||
		{ od -t x1 object | head -n 4; return 1; }
}

# The first entry, by another program's hash.
entry_is() {
	openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt "pass:$1" -kdfopt "hexsalt:$(bytes 12 16)" \
		-kdfopt iter:20000 PBKDF2 | tr -d ':\n' | tr A-F a-f >want
	[ "$(bytes 28 32)" = "$(cat want)" ]
}

# make_old: the day becomes 0, under PIN1, by bare commands.
make_old() {
	file=$(path_of perustunnusluku)
	opensc-tool -s 00A404000CA000000063504B43532D3135 -s 002000010831323334FFFFFFFF \
		-s "00A4080004${file#3f00}00" -s 00D600040400000000 >apdus 2>&1
	[ "$(grep -c 'SW1=0x90, SW2=0x00' apdus)" -eq 4 ] || { cat apdus; return 1; }
}

tries() {
	[ "$(vcard_ctl tries 1)" = 3 ]
}

ok "pcscd starts" start_pcscd
ok "a citizen's card is in the reader" start_vcard "$vcard_images/myeid-citizen.yaml"
ok "a login" castor --login --pin 1234 --list-objects
ok "... shows the object it has made" says "castor PIN expiry"
ok "OpenSC finds PIN1's" record perustunnusluku '[Aa]uth ID.*01'
ok "OpenSC finds PIN2's" record allekirjoitustunnusluku '[Aa]uth ID.*02'
ok "PIN1 reads its own" read_object perustunnusluku 01 1234
ok "... which is of today, has room for five, and saw no change" day_is "$today" 01050000
not_ok_if "PIN2 does not read it" read_object perustunnusluku 02 123456
not_ok_if "nobody reads it without a PIN" sh -c 'pkcs15-tool --read-data-object "PIN expiry: perustunnusluku" \
	--raw --output none </dev/null >/dev/null 2>&1 && [ -s none ]'
ok "PIN1 signs" sign 1234
ok "the object is made old" make_old
ok "PIN1 does not sign any more" refused CKR_PIN_EXPIRED --login --pin 1234 --id 45 --sign \
	--mechanism SHA256-RSA-PKCS --input-file data --output-file sig
ok "... but logs in" castor --login --pin 1234 --list-objects
ok "the same PIN again is refused" refused CKR_PIN_INVALID --login --pin 1234 --change-pin --new-pin 1234
ok "another one is taken" castor --login --pin 1234 --change-pin --new-pin 4321
ok "... and signs" sign 4321
ok "OpenSC reads what was noted" read_object perustunnusluku 01 4321
ok "... the day and one old PIN" day_is "$today" 00050101
ok "... which is the documented hash of it" entry_is 1234
ok "the old one is refused" refused CKR_PIN_INVALID --login --pin 4321 --change-pin --new-pin 1234
ok "all that has cost no try" tries
ok "the card goes quietly" stop_vcard
stop_pcscd
tap_done
