#!/bin/sh
# PIN2 is for one signature: after each use the card has forgotten it, whatever the card does by itself.
# "Forgotten" is what the card says, and what another program gets that signs without a PIN.
. "$top_srcdir/t/people/people.sh"
client_image=$vcard_images/myeid-citizen.yaml
people_start opensc-tool pkcs11-tool -- "$@"
people_shut
robot

# OpenSC, our other program, knows the card that has no profile only so
cat >opensc.conf <<-CONF
	app default {
		card_atr 3b:8a:80:01:43:41:53:54:4f:52:2d:50:31:35:6a {
			name = "unknown";
			driver = "myeid";
			type = 20001;
		}
	}
CONF
OPENSC_CONF=$PWD/opensc.conf
export OPENSC_CONF

put_card() {
	vcard_ctl swap "$vcard_images/$1.yaml" && wait_no_card && wait_card
}

tries2() {
	[ "$(vcard_ctl tries 2)" = "$1" ] || { vcard_ctl tries 2; return 1; }
}

# What holds for every card: each use of PIN2, with another program looking while we still have our
# session, and after our end.
uses() {
	ok "$card: C_Login, two keys of PIN2 in its slot" \
		host 'slot 1' open 'login 123456' 'keys = 46 47' 'always 46 = yes' 'do ./shut 2'
	ok "$card: it was that one try, and none is lost" tries2 3
}

# ... by signatures.
signs() {
	ok "$card: C_Login and a signature" host 'slot 1' open 'login 123456' 'sign 46' 'do ./shut 2'
	ok "$card: shut after the end" shut 2
	ok "$card: an EC signature" host 'slot 1' open 'login 123456' 'sign 47' 'do ./shut 2'
	ok "$card: each signature is asked for" host 'slot 1' open 'login 123456' 'sign 46' \
		'sign 46 = CKR_FUNCTION_REJECTED' 'do ./shut 2'
	ok "$card: ... by one dialog" asked 1
	ok "$card: a context login each time" host 'slot 1' open 'login 123456' \
		'begin 46' 'context 123456' 'end' 'do ./shut 2' 'begin 46' 'context 123456' 'do ./shut 2' 'end' 'do ./shut 2' \
		'begin 47' 'context 123456' 'end' 'do ./shut 2'
	ok "$card: ... by no dialog" asked 0
	ok "$card: a wrong context login" host 'slot 1' open 'login 123456' 'begin 46' \
		'context 654321 = CKR_PIN_INCORRECT' 'do ./shut 2' 'context 123456' end 'do ./shut 2'
	answers 123456 123456 123456
	ok "$card: three signatures without a login" host 'slot 1' open 'sign 46' 'do ./shut 2' 'sign 47' 'do ./shut 2' \
		'sign 46' 'do ./shut 2'
	ok "$card: ... say that they bind" dialogs_say "legally binding"
	ok "$card: ... by three dialogs" asked 3
	answers 123456
	ok "$card: a login by dialog and its signature" host 'slot 1' open login 'do ./shut 2' 'sign 46' 'do ./shut 2'
	ok "$card: ... by one dialog" asked 1
	answers 654321 123456
	ok "$card: a wrong PIN2, then the right one" host 'slot 1' open 'sign 46' 'do ./shut 2'
	ok "$card: ... by two dialogs" asked 2
	ok "$card: ... the try is back" tries2 3
	ok "$card: too much to sign" host 'slot 1' open 'login 123456' 'toolong 46 = CKR_DATA_LEN_RANGE' 'do ./shut 2'
	for fault in 6F00 6982; do
		# select, PIN, environment, sign, forget
		for n in 1 2 3 4 5; do
			answers 123456 123456
			ok "$card: $fault at command $n of a signature" fails_at $n $fault
			ok "$card: ... shut" shut 2
		done
	done
	asked 0 >/dev/null
	ok "$card: no try was lost by that" tries2 3
}

# ... by changing it.
changes() {
	ok "$card: changed" host 'slot 1' open 'set 123456 111222' 'do ./shut 2' 'set 111222 123456' 'do ./shut 2'
	ok "$card: changed after a login" host 'slot 1' open 'login 123456' 'set 123456 111222' 'do ./shut 2' \
		'set 111222 123456' 'do ./shut 2'
	# the old one, and the new one twice
	answers 123456 111222 111222
	ok "$card: changed by a person" host 'slot 1' open 'set - -' 'do ./shut 2'
	answers
	asked 0 >/dev/null
	ok "$card: changed by a wrong PIN" host 'slot 1' open 'set 123456 222111 = CKR_PIN_INCORRECT' 'do ./shut 2' \
		'set 111222 123456' 'do ./shut 2'
	ok "$card: unblocked" host 'slot 1' open 'so 12345678' 'init 111222' 'do ./shut 2' 'init 123456' 'do ./shut 2'
	ok "$card: shut after the end" shut 2
	ok "$card: PIN1 does not open it" host 'slot 0' open 'login 1234' 'do ./shut 2' 'slot 1' open \
		'sign 46 = CKR_FUNCTION_REJECTED' 'do ./shut 2'
	asked 0 >/dev/null
}

# The n-th command fails. Whether the signature comes about in the end does not count here.
fails_at() {
	host 'slot 1' open 'begin 46' "do '$vcard' ctl '$pcsc_dir/ctl0' fault $1 $2 >fault" 'end = *' 'do ./shut 2'
	fails_rc=$?
	vcard_ctl fault 1 none >/dev/null
	return "$fails_rc"
}

# What comes of the two PINs, the first slot being that of PIN1 whatever the card's order.
slots() {
	ok "$card: two slots" host 'slots = 0 1'
	ok "$card: PIN1's key is in the first" host 'slot 0' open 'login 1234' 'keys = 45' 'sign 45' 'always 45 = no'
	ok "$card: the label of the first" host "slot 0" "label = $1"
	ok "$card: the label of the second" host "slot 1" "label = $2"
}

# hides, shows ID...: certificates for pkcs11-tool, in any slot
certificates() {
	pkcs11-tool --module "$module" --list-token-slots | sed -n 's/^Slot .*(0x\([0-9a-f]*\)):.*/\1/p' >numbers
	while read -r number; do
		pkcs11-tool --module "$module" --slot "0x$number" --list-objects --type cert 2>/dev/null
	done <numbers >certificates
}

shows() {
	certificates
	for shows_id; do
		grep -q "ID: *$shows_id\$" certificates || { cat certificates; return 1; }
	done
}

hides() {
	certificates
	for shows_id; do
		! grep -q "ID: *$shows_id\$" certificates || { cat certificates; return 1; }
	done
}

for card in myeid-citizen myeid-consent myeid-certnr myeid-pin2first myeid-openers p15-noforget; do
	ok "$card is in the reader" put_card $card
	uses
	case $card in
	p15*)
		# keys of a card without a profile can be seen, not used, and its PINs not be changed
		ok "$card: two slots" host 'slots = 0 1' 'slot 0' open 'login 1234' 'keys = 45' 'do ./shut 2'
		ok "$card: no changes" host 'slot 1' open 'set 123456 111222 = CKR_FUNCTION_NOT_SUPPORTED' \
			'set - - = CKR_FUNCTION_NOT_SUPPORTED' 'so 12345678 = CKR_FUNCTION_NOT_SUPPORTED' 'do ./shut 2'
		ok "$card: ... are asked for" asked 0
		;;
	*)
		signs
		changes
		slots "FINEID S4-1 (PIN1 login)" "FINEID S4-1 (PIN2 signature)"
		;;
	esac
done

ok "without PIN2 slots" conf "disableCryptokiPIN2Slot = 1"
for card in myeid-citizen myeid-pin2first; do
	ok "$card is in the reader" put_card $card
	ok "$card: PIN1's slot alone" host 'slots = 0' 'slot 1' 'open = CKR_SLOT_ID_INVALID' 'token = CKR_SLOT_ID_INVALID'
	ok "$card: PIN1's key alone" host 'slot 0' open 'login 1234' 'keys = 45' 'sign 46 = no key' 'sign 45'
	ok "$card: no certificate of PIN2's keys" hides 46 47
	ok "$card: PIN1's is there" shows 45
done
conf
ok "with them again" host 'slots = 0 1'
ok "$card: the certificates are there" shows 46 47

ok "threepins is in the reader" put_card myeid-threepins
ok "threepins: two slots" host 'slots = 0 1'
ok "threepins: the third PIN's key is in neither" host 'slot 0' open 'keys = 45' 'login 1234' 'keys = 45' 'sign 4a = no key' \
	'sign 45' 'slot 1' open 'keys = 46 47' 'login 123456' 'keys = 46 47' 'sign 4a = no key' 'sign 46' 'do ./shut 2'
ok "threepins: its PIN is none of ours" host 'slot 0' open 'login 4444 = CKR_PIN_INCORRECT' 'slot 1' open \
	'login 444444 = CKR_PIN_INCORRECT'
ok "threepins: ... the right ones" host 'slot 0' open 'login 1234' 'slot 1' open 'login 123456'
ok "threepins: ... are not lost" tries2 3

# The card decides: one that lets PIN2 open signs as many as it likes.
ok "citizen is in the reader" put_card myeid-citizen
ok "the user cannot have PIN2 stay open" conf "pin2EveryTime = 0"
ok "... it is as before" host 'slot 1' open 'login 123456' 'sign 46' 'do ./shut 2' 'sign 46 = CKR_FUNCTION_REJECTED'
conf
if system_conf "pin2EveryTime = 0"; then
	asked 1 >/dev/null
	ok "the system's settings leave PIN2 to the card" host 'slot 1' open 'login 123456' 'always 46 = no' 'sign 46' \
		'sign 47' 'sign 46' 'do ./shut 2 = 1' 'logout' 'do ./shut 2'
	answers 123456
	ok "... asked once by dialog" host 'slot 1' open 'sign 46' 'sign 46' 'logout = CKR_USER_NOT_LOGGED_IN' 'do ./shut 2'
	ok "... one dialog" asked 1
	ok "... it is never kept" host 'slot 1' open 'login 123456' 'sign 46' "do '$vcard' ctl '$pcsc_dir/ctl0' reset" \
		'sign 46 = CKR_FUNCTION_REJECTED'
	ok "consent is in the reader" put_card myeid-consent
	ok "a card that shuts PIN2 itself" host 'slot 1' open 'login 123456' 'sign 46' 'do ./shut 2' \
		'sign 46 = CKR_FUNCTION_REJECTED'
	system_conf
else
	skip "the system's settings" "a folder cannot be replaced here"
fi
people_end 3
