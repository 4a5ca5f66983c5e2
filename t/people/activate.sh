#!/bin/sh
# Somebody gets a card by mail and makes it theirs, by what programs see and say of it: with dialogs, in both
# ways, whatever goes wrong on the way; and by a program of the field alone.
. "$top_srcdir/t/people/people.sh"
client_image=$vcard_images/myeid-newpuk.yaml
people_start pkcs11-tool openssl opensc-tool -- "$@"
openssl x509 -in "$pki/sign2048.cert.pem" -pubkey -noout >sign2048.pub.pem
XDG_CONFIG_HOME=$pcsc_dir/config
export XDG_CONFIG_HOME
mkdir -p -m 700 "$XDG_CONFIG_HOME/castor/profiles"
(umask 077; cat "$vcard_images/profiles/newcard.yaml" >"$XDG_CONFIG_HOME/castor/profiles/newcard.yaml")
robot
people_shut

tool="pkcs11-tool --module '$module'"
signs="$tool --slot 0 --sign -m SHA256-RSA-PKCS --id 45 -i data -o sig"
binds="$tool --slot 1 --sign -m SHA256-RSA-PKCS --id 46 -i data -o sig"

verified() {
	openssl dgst -sha256 -verify "$1" -signature sig data && rm -f sig
}

put_card() {
	vcard_ctl swap "$vcard_images/myeid-$1.yaml" >/dev/null && wait_no_card && wait_card
}

# card IMAGE CODE: another new card, and what one has to know of it
card() {
	put_card "$1" || return 1
	code=$2
	asked 0 >/dev/null
	:
}

tries() {
	[ "$(vcard_ctl tries "$1")" = "$2" ] || { vcard_ctl tries "$1"; return 1; }
}

# With the tries of the PINs a new card has: nobody has changed anything.
untouched() {
	tries 1 "$1" && tries 2 "$1"
}

with_dialogs() {
	card "$1" "$2"
	answers "$code" 4826 4826 482615 482615
	ok "$1: a signature with PIN1 makes it ours" eval "$signs"
	ok "$1: ... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
	ok "$1: ... by one code and two PINs" dialogs_say "Activate your card: enter the activation code from the letter"
	ok "$1: ... on five dialogs" asked 5
	answers 482615
	ok "$1: PIN2 signs" eval "$binds"
	ok "$1: ... with the key of PIN2" verified sign2048.pub.pem
	ok "$1: ... on one dialog" asked 1
	ok "$1: ... and is shut" shut 2
	ok "$1: PIN1 is the new one" says "Private Key" eval "$tool --slot 0 --login --pin 4826 --list-objects"

	card "$1" "$2"
	answers "$code" 4826 4826 482615 482615
	ok "$1: PIN2 first" eval "$binds"
	ok "$1: ... with the key of PIN2" verified sign2048.pub.pem
	ok "$1: ... on five dialogs" asked 5

	card "$1" "$2"
	answers "$code" 4826 4826 482615 482615
	ok "$1: a login without a PIN" host 'slot 0' open 'login' 'sign 45'
	ok "$1: ... on five dialogs" asked 5

	for n in 0 1 2 3 4; do
		card "$1" "$2"
		case $n in
		0) answers cancel ;;
		1) answers "$code" cancel ;;
		2) answers "$code" 4826 cancel ;;
		3) answers "$code" 4826 4826 cancel ;;
		4) answers "$code" 4826 4826 482615 cancel ;;
		esac
		ok "$1: cancelled after $n answers" host 'slot 0' open 'sign 45 = CKR_FUNCTION_REJECTED'
		ok "$1: ... the card is as it came" untouched "$3"
		case $n in
		0) answers out ;;
		1) answers "$code" out ;;
		2) answers "$code" 4826 out ;;
		3) answers "$code" 4826 4826 out ;;
		4) answers "$code" 4826 4826 482615 out ;;
		esac
		ok "$1: the card is taken out after $n answers" host 'slot 0' open 'sign 45 = CKR_DEVICE_REMOVED'
		vcard_ctl insert >/dev/null
		wait_card
		ok "$1: ... the card is as it came" untouched "$3"
		asked 0 >/dev/null
		answers "$code" 4826 4826 482615 482615
		ok "$1: ... and can be made ours" host 'slot 0' open 'sign 45'
		ok "$1: ... on five dialogs" asked 5
	done

	# pulled out when the card was told of PIN1, and not of PIN2
	n=0
	until [ "$n" -gt 15 ]; do
		n=$((n + 1))
		card "$1" "$2"
		answers "$code" 4826 4826 482615 "cut $n 482615"
		host 'slot 0' open 'sign 45 = *' >said
		vcard_ctl insert >/dev/null
		wait_card
		host 'slot 0' open 'needs = 0' 'slot 1' open "needs = $4" >said 2>&1 && break
	done
	ok "$1: taken out between the PINs (command $n)" test "$n" -lt 15
	asked 0 >/dev/null
	answers 4826
	ok "$1: ... PIN1 is ours, and asks as ever" host 'slot 0' open 'sign 45'
	ok "$1: ... on one dialog" asked 1
	answers "$code" 482615 482615
	ok "$1: ... PIN2 is offered by itself" eval "$binds"
	ok "$1: ... and says so" dialogs_say "$5"
	ok "$1: ... with the key of PIN2" verified sign2048.pub.pem
	ok "$1: ... on three dialogs" asked 3
}

# wrong IMAGE CODE WRONG LEFT: the first of so many tries is wrong
wrong() {
	card "$1" "$2"
	answers "$3" 4826 4826 482615 482615 "$3" "$code"
	ok "$1: a wrong code, the same again, and the right one" host 'slot 0' open 'sign 45'
	ok "$1: ... said to be wrong" dialogs_say "SETERROR Wrong activation code."
	ok "$1: ... with the tries left" dialogs_say "$4 tries left."
	not_ok_if "$1: ... the second time none was spent" dialogs_say "$(($4 - 1)) tries left."
	ok "$1: ... on seven dialogs" asked 7
	card "$1" "$2"
	answers "$3" 4826 4826 482615 482615 cancel
	ok "$1: a wrong code, and no other" host 'slot 0' open 'sign 45 = CKR_FUNCTION_REJECTED' 'needs = *'
	ok "$1: ... on six dialogs" asked 6
}

# ---- with dialogs ----

with_dialogs newpuk 12345678 0 1 "PIN2 of your card is blocked: enter the activation code (PUK)"
wrong newpuk 12345678 87654321 9
with_dialogs newcode 7351924 5 2 "Activate PIN2 of your card: enter the activation code"
wrong newcode 7351924 4291537 4

# one try left of the code: said, and not offered again by itself
card newcode 7351924
vcard_ctl tries 1 2 >/dev/null
answers 4291537 4826 4826 482615 482615
ok "the last but one try is wrong" host 'slot 0' open 'login = CKR_PIN_INCORRECT'
ok "... which is said" dialogs_say "Wrong activation code. One try is left"
ok "... and no dialog asks again by itself" asked 6
ok "... the last one is there" tries 1 1
answers 7351924 4826 4826 482615 482615
ok "the last one is right" host 'slot 0' open 'sign 45'
ok "... and was said to be the last" dialogs_say "This is the last try: a wrong code blocks the card's PIN."

conf "Language = fi"
card newpuk 12345678
answers "$code" 4826 4826 482615 482615
ok "in Finnish" eval "$signs"
ok "... the code" dialogs_say "Aktivoi korttisi: anna aktivointitunnusluku"
ok "... the new PIN2" dialogs_say "Anna uusi allekirjoitustunnusluku (PIN2)."
conf "Language = sv"
card newcode 7351924
answers "$code" 4826 4826 482615 482615
ok "in Swedish" eval "$signs"
ok "... the code" dialogs_say "Aktivera ditt kort: ange aktiveringskoden"
conf "disableCryptokiPIN2Slot = 1"
card newpuk 12345678
answers "$code" 4826 4826
ok "without a slot for PIN2 there is one PIN to choose" eval "$signs"
ok "... on three dialogs" asked 3

# ---- without ----

conf "disableCryptokiAutoLogin = 1"
card newpuk 12345678
ok "plain: the PIN is blocked" host 'slot 0' open 'login 1234 = CKR_PIN_LOCKED' 'needs = 1'
ok "plain: pkcs11-tool says so" says "user PIN locked" eval "$tool --list-slots"
ok "plain: pkcs11-tool unblocks PIN1 with the code" eval "$tool --slot 0 --login --login-type so --so-pin $code --init-pin --new-pin 4826"
ok "plain: ... and PIN2" eval "$tool --slot 1 --login --login-type so --so-pin $code --init-pin --new-pin 482615"
ok "plain: PIN1 signs" eval "$signs --login --pin 4826"
ok "plain: ... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
ok "plain: PIN2 signs" eval "$binds --login --pin 482615"
ok "plain: ... with the key of PIN2" verified sign2048.pub.pem
card newcode 7351924
ok "plain: the PIN is to be changed" says "user PIN to be changed" eval "$tool --list-slots"
ok "plain: it is the code, which signs nothing" host 'slot 0' open "login $code" 'needs = 2' 'sign 45 = CKR_PIN_EXPIRED'
ok "plain: a PIN that cannot be the code costs no try" host 'slot 0' open 'login 1234 = CKR_PIN_INCORRECT' \
	'set 123456 4826 = CKR_PIN_INCORRECT'
ok "plain: ... as the card says" tries 1 5
ok "plain: C_SetPIN needs no login" host 'slot 0' open "set $code 4826" 'needs = 0' 'login 4826' 'sign 45'
ok "plain: pkcs11-tool changes PIN2" eval "$tool --slot 1 --login --pin $code --change-pin --new-pin 482615"
ok "plain: PIN2 signs" eval "$binds --login --pin 482615"
ok "plain: ... with the key of PIN2" verified sign2048.pub.pem
conf
ok "nobody was asked" asked 0

# ---- with a real dialog ----

if command -v tmux >/dev/null && umount /usr/bin/pinentry-curses; then
	card newcode 7351924
	unset GPG_TTY
	at_terminal "$signs"
	ok "on a terminal: the code is asked for" person_sees "Activation code: ____"
	ok "... with what it is" person_sees "Activate your card"
	person_types 7351924
	ok "... PIN1" person_sees "Enter a new PIN1."
	person_types 4826
	person_sees "Again:" >/dev/null
	person_types 4826
	ok "... PIN2" person_sees "Enter a new PIN2."
	person_types 482615
	person_sees "Again:" >/dev/null
	person_types 482615
	ok "... signed" ends 0
	ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
	card newcode 7351924
	vcard_ctl tries 1 2 >/dev/null
	at_terminal "$signs"
	person_sees "Activation code: ____" >/dev/null
	person_types 4291537
	for pin in 4826 482615; do
		person_sees "New PIN:" >/dev/null
		person_types $pin
		person_sees "Again:" >/dev/null
		person_types $pin
	done
	ok "... the last try is said, and not offered" person_sees "One try is left"
	person_keys Enter
	ok "... and that is the end" ends !
	ok "... with the last try" tries 1 1
	person_tmux_stop
else
	skip "on a terminal" "no tmux"
fi
card newcode 7351924
people_end 5
