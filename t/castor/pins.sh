#!/bin/sh
# castor pin, with PINs from a descriptor and one card for several commands: what is done to the card and
# what is not, tries, the rules of new PINs.
. "$top_srcdir/t/castor/castor.sh"
vcard=$top_builddir/castor-vcard

# play IMAGE: another card, for the commands until the next one
play() {
	[ -z "${player:-}" ] || { "$vcard" ctl ctl quit >quit.out; wait "$player"; }
	rm -f socket ctl ready
	"$vcard" --image "$top_srcdir/t/cards/$1" --socket "$castor_dir/socket" --control ctl --log apdus \
		</dev/null >ready 2>play.err &
	player=$!
	for _ in $(seq 100); do
		grep -q ^ready: ready && return
		sleep 0.1
	done
	cat play.err
	return 1
}
trap 'kill "$player" 2>/dev/null; rm -rf "$castor_dir" "$tap_out"' EXIT

# held ARGUMENT...: castor with that card and no PINs; pins LINES ARGUMENT...: with these
held() {
	CASTOR_VIRTUAL=unix:$castor_dir/socket "$top_builddir/castor" --module "$virtual" "$@"
}
pins() {
	printf "$1" >lines
	shift
	held "$@" --pin-fd 7 7<lines
}
tries() {
	[ "$("$vcard" ctl ctl tries "$1")" = "$2" ] || { echo "tries: $("$vcard" ctl ctl tries "$1")"; return 1; }
}
value() {
	"$vcard" ctl ctl pins | grep -q "$1" || { "$vcard" ctl ctl pins; return 1; }
}
apdus() {
	"$vcard" ctl ctl apdus | sed 's/ .*//'
}
# verbs: how many VERIFY, CHANGE and UNBLOCK commands with data the card got
verbs() {
	grep -c -E '^> 00(20|24|2C)00[0-9A-F]{2} ' apdus
}

ok "a card that stays" play myeid-citizen.yaml
ok "pin status" status 0 held pin status
ok "... of both" has "PIN1 (login)  3 tries left · PUK: 10 tries left" "PIN2 (signature)  3 tries left"
ok "pin status --json" status 0 held pin status --json
ok "... of both" json '$_->{pins}[0]{tries} == 3' '$_->{pins}[1]{number} == 2' '!$_->{pins}[1]{blocked}'

ok "pin change of a card with two, and none named" status 2 pins '1234\n4321\n' pin change
ok "... is said" said "the card has two PINs"
ok "... nothing went to the card" test "$(verbs)" -eq 0
ok "pin change" status 0 pins '1234\n4321\n' pin change --pin 1
ok "... is done" value 1=4321
ok "... in one command" test "$(verbs)" -eq 1
ok "... is said" has "The PIN was changed."
ok "pin change back, in JSON" status 0 pins '4321\n1234\n' pin change --pin 1 --json
ok "... how it stands" json '$_->{pin}{tries} == 3'
ok "a wrong PIN" status 6 pins '9999\n4321\n9999\n9999\n' pin change --pin 1
ok "... costs one try" tries 1 2
ok "... is said" said "wrong PIN (CKR_PIN_INCORRECT)"
ok "... and shown" status 0 held pin status
ok "... in the next look" has "PIN1 (login)  2 tries left"
n=$(verbs)
ok "a new PIN that is too short" status 6 pins '1234\n1\n' pin change --pin 1
ok "... is said" said "the new PIN is too short or too long"
ok "... nothing went to the card" test "$(verbs)" -eq "$n"
ok "... no try is lost" tries 1 2
ok "a descriptor without a line" status 6 pins '' pin change --pin 1
ok "... is said" said "--pin-fd has no more lines"
ok "an empty line" status 6 pins '\n4321\n' pin change --pin 1
ok "the new one is missing" status 6 pins '1234\n' pin change --pin 1
ok "a PIN of 100 characters" status 6 pins "$(printf %0100d 1)"'\n4321\n' pin change --pin 1
ok "... is said" said "empty or too long"
ok "... nothing of that went to the card" test "$(verbs)" -eq "$n"
ok "lines of another system" status 0 pins '1234\r\n4321\r\n' pin change --pin 1
ok "... are the same" value "1=4321 "
ok "a descriptor that is not open" status 2 held pin change --pin 1 --pin-fd 9
ok "a descriptor that is no number" status 2 held pin change --pin 1 --pin-fd 1234x
ok "a PIN as an argument" status 2 held pin change 1234

ok "two wrong ones" status 6 pins '9999\n4321\n' pin change --pin 1
ok "... and another" status 6 pins '9999\n4321\n' pin change --pin 1
ok "... one is left" tries 1 1
ok "... status says so" status 0 held pin status
ok "... in words" has "PIN1 (login)  1 try left"
ok "the last one" status 7 pins '9999\n4321\n' pin change --pin 1
ok "... it is blocked" tries 1 0
n=$(verbs)
ok "pin change of a blocked one" status 7 pins '4321\n1234\n' pin change --pin 1
ok "... says what helps" said "castor pin unblock"
ok "... nothing went to the card" test "$(verbs)" -eq "$n"
ok "list says it" status 0 held list
ok "... too" has "blocked: castor pin unblock"

ok "unblock with a wrong PUK" status 6 pins '99999999\n5555\n' pin unblock --pin 1
ok "... is said" said "wrong PUK"
ok "... one try of it is lost" status 0 held pin status
ok "... and shown" has "PUK: 9 tries left"
n=$(verbs)
ok "unblock, a new PIN that is too short" status 6 pins '12345678\n1\n' pin unblock --pin 1
ok "... nothing went to the card" test "$(verbs)" -eq "$n"
echo "disablePinUnblocking = 1" >conf
ok "unblock where disablePinUnblocking = 1" status 1 pins '12345678\n5555\n' pin unblock --pin 1
ok "... says which line of which file" said "disablePinUnblocking ($castor_dir/conf:1)"
: >conf
ok "unblock" status 0 pins '12345678\n5555\n' pin unblock --pin 1
ok "... is done" value "1=5555 "
ok "... with all tries" tries 1 3
ok "unblock PIN2" status 0 pins '12345678\n654321\n' pin unblock --pin 2
ok "... is done" value "2=654321"

# ---- the PUK's last tries ----
for i in 1 2 3 4 5 6 7 8 9; do
	pins '99999999\n5555\n' pin unblock --pin 1 >puk.out 2>puk.err || :
done
ok "nine wrong PUKs" status 0 held pin status
ok "... one try is left" has "PIN1 (login)  3 tries left · PUK: 1 try left"
ok "the last one, wrong" status 7 pins '99999999\n5555\n' pin unblock --pin 1
ok "... only the issuer can help" said "only the card's issuer can help"
n=$(verbs)
ok "a PUK that is blocked is not sent" status 7 pins '12345678\n5555\n' pin unblock --pin 1
ok "... indeed" test "$(verbs)" -eq "$n"

# ---- a card in trouble ----
ok "no card" sh -c '"$1" ctl ctl remove' sh "$vcard"
ok "... pin change" status 3 pins '5555\n1234\n' pin change --pin 1
ok "... says so" said "there is no card in the reader"
ok "... in JSON" status 3 held pin status --json
ok "... an answer" json '$_->{status} eq "no-card"'
"$vcard" ctl ctl insert >insert.out
# the card is taken out while the PIN is waited for
late() {
	mkfifo fifo 2>/dev/null
	{ sleep 2; "$vcard" ctl ctl remove; printf '5555\n1234\n'; } >fifo &
	held pin change --pin 1 --pin-fd 7 7<fifo
}
ok "the card is taken out before the PIN is typed" status 3 late
ok "... is said" said "the card was taken out"
"$vcard" ctl ctl insert >insert.out
ok "... nothing was changed" value "1=5555 "
# the same at the other prompts: of a new PIN, a PUK, a signature
late_at() {
	late_lines=$1
	shift
	{ sleep 2; "$vcard" ctl ctl remove >late.out; printf "$late_lines"; } >fifo &
	late_status=0
	held "$@" --pin-fd 7 7<fifo || late_status=$?
	"$vcard" ctl ctl insert >insert.out
	return "$late_status"
}
echo text >text
ok "... before the PUK is typed" status 3 late_at '12345678\n123456\n' pin unblock --pin 2
ok "... before a signature's PIN is" status 3 late_at '654321\n' sign text
ok "... no signature, nor a part of one" test -z "$(ls -A | grep text.)"
ok "... nothing was changed" value "2=654321"

# ---- two cards ----
"$vcard" --image "$top_srcdir/t/cards/myeid.yaml" --socket "$castor_dir/socket2" --control ctl2 \
	</dev/null >ready2 2>play2.err &
player2=$!
trap 'kill "$player" "$player2" 2>/dev/null; rm -rf "$castor_dir" "$tap_out"' EXIT
for _ in $(seq 100); do
	grep -q ^ready: ready2 && break
	sleep 0.1
done
both() {
	CASTOR_VIRTUAL="unix:$castor_dir/socket||unix:$castor_dir/socket2" "$top_builddir/castor" --module "$virtual" "$@"
}
ok "two cards: list" status 0 both list
ok "... has both" has "Castor virtual reader 0" "Castor virtual reader 1"
ok "two cards: pin status" status 4 both pin status
ok "... is said" said "there are several cards; say which with --reader"
ok "two cards: one named by its reader" status 0 both pin status --reader "reader 1"
"$vcard" ctl ctl2 quit >quit.out
wait "$player2"

ok "another card, with one PIN" play myeid.yaml
ok "... needs no --pin" status 0 pins '1234\n4321\n' pin change
ok "... is done" value "1=4321 "
ok "... has no PIN2" status 4 pins '1234\n4321\n' pin change --pin 2
ok "... needs no activation" status 4 pins '12345678\n4321\n' pin activate
ok "a card whose first PIN is PIN2" play myeid-pin2first.yaml
ok "... pin status" status 0 held pin status
# ---- activation ----
mkdir -p config/castor/profiles
cp "$top_srcdir/t/cards/profiles/newcard.yaml" config/castor/profiles/
for scheme in myeid-newpuk:12345678 myeid-newcode:7351924 fineid-v3-new:12345678 fineid-v4-blocked:12345678 \
	fineid-v4-new:7351924; do
	code=${scheme#*:}
	scheme=${scheme%:*}
	ok "$scheme: a new card" play "$scheme.yaml"
	ok "$scheme: list" status 0 held list
	ok "$scheme: ... says that it is to be activated" has "not activated yet: castor pin activate"
	ok "$scheme: sign" status 7 pins '123456\n' sign lines -o none.p7s
	ok "$scheme: ... says so, too" said "castor pin activate"
	n=$(verbs)
	ok "$scheme: a new PIN2 that is too short" status 6 pins "$code\n1111\n1\n" pin activate
	ok "$scheme: a code of another length" status 6 pins "123\n1111\n222222\n" pin activate
	ok "$scheme: ... nothing of both went to the card" test "$(verbs)" -eq "$n"
	ok "$scheme: lines that end before PIN2" status 6 pins "$code\n1111\n" pin activate
	ok "$scheme: ... nothing went to the card" test "$(verbs)" -eq "$n"
	wrong=$(echo "$code" | tr 1-9 2-91)
	ok "$scheme: a wrong code" status 6 pins "$wrong\n1111\n222222\n" pin activate
	ok "$scheme: ... is said" said "the activation code is wrong"
	ok "$scheme: ... went to the card once" test "$(verbs)" -eq $((n + 1))
	ok "$scheme: activate" status 0 pins "$code\n1111\n222222\n" pin activate
	ok "$scheme: ... is said" has "The card is activated"
	ok "$scheme: ... PIN1" value "1=1111 "
	ok "$scheme: ... PIN2" value "2=222222 "
	ok "$scheme: ... in two more commands" test "$(verbs)" -eq $((n + 3))
	ok "$scheme: sign with PIN2" status 0 pins '222222\n' sign ready -o "$scheme.p7s"
	ok "$scheme: activate again" status 4 pins "$code\n1111\n222222\n" pin activate
	ok "$scheme: ... nothing to be done" said "activated already"
done

# nothing but its blocked PINs and its PUK tells that this one is new
ok "a new card that says less" play fineid-org-new.yaml
ok "... a wrong code" status 6 pins "84629357\n1111\n222222\n" pin activate
ok "... looks like any card with blocked PINs then" status 7 pins '' pin activate
ok "... what helps is said" said "castor pin unblock gives it a new one with the PUK"
ok "... and does" status 0 pins '73519246\n1111\n' pin unblock --pin 1
ok "... PIN1" value "1=1111 "

ok "PINs are in no file that was made here but the one that held them" sh -c '
	! grep -l -E "5555|654321" out err puk.out puk.err apdus conf'
tap_done
