#!/bin/sh
# Somebody signs with pkcs11-tool and is asked by real dialogs: what they say, what may go wrong, and
# that no PIN try is lost by it.
. "$top_srcdir/t/people/people.sh"
client_image=$vcard_images/myeid-citizen.yaml
people_start pkcs11-tool openssl tmux pinentry-curses pgrep -- "$@"
openssl x509 -in "$pki/sign2048.cert.pem" -pubkey -noout >sign2048.pub.pem

tool="pkcs11-tool --module '$module'"
login="$tool --slot 0 --sign -m SHA256-RSA-PKCS --id 45 -i data -o sig"
binding="$tool --slot 1 --sign -m SHA256-RSA-PKCS --id 46 -i data -o sig"

verified() {
	openssl dgst -sha256 -verify "$1" -signature sig data && rm -f sig
}

tries() {
	[ "$(vcard_ctl tries "$1")" = "$2" ] || { vcard_ctl tries "$1"; return 1; }
}

unsigned() {
	[ ! -s sig ]
}

# What is on the screen now, without another look.
screen_says() {
	person_tmux_screen >screen
	for text; do
		grep -qF -- "$text" screen || { echo "not there: $text"; cat screen; return 1; }
	done
}

screen_lacks() {
	person_tmux_screen >screen
	! grep -F -- "$1" screen
}

# The helper of the tool that runs now.
kill_helper() {
	kill -KILL "$(pgrep -P "$(pgrep -x pkcs11-tool)")"
}

reset() {
	reset_card
}

# ---- on a terminal ----

at_terminal "$login"
ok "PIN1 is asked for" person_sees "PIN1: ____"
ok "what for, by which card and which program" screen_says "Enter PIN1 to log in with your card." \
	"Card: FINEID S4-1 (PIN1 login)" "Program: /usr/bin/pkcs11-tool" "<OK>" "<Cancel>"
ok "no word of tries: there are all" screen_lacks "tr"
person_types 1234
ok "signed" ends 0
ok "with the key of PIN1" verified "$pki/rsa2048.pub.pem"

at_terminal "$binding"
ok "PIN2 is asked for" person_sees "PIN2: ____"
ok "what for, by which card" screen_says "Enter PIN2 to sign with your card. The signature is legally binding." \
	"Card: FINEID S4-1 (PIN2 signature)" "Program: /usr/bin/pkcs11-tool"
person_types 123456
ok "signed" ends 0
ok "with the key of PIN2" verified sign2048.pub.pem
ok "PIN2 is shut" shut 2

reset_card
at_terminal "$login"
person_sees "PIN1: ____" >/dev/null
person_types 9999
ok "a wrong PIN is told of" person_sees "Wrong PIN."
ok "and how many tries are left" screen_says "2 tries left." "PIN1: ____"
ok "the card says so, too" tries 1 2
person_types 12
ok "one that is too short costs none" person_sees "too short or too long"
ok "... as the card says" tries 1 2
person_types 1234
ok "the right one signs" ends 0
ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
ok "... and the tries are back" tries 1 3

vcard_ctl tries 2 1 >/dev/null
at_terminal "$binding"
ok "the last try is said" person_sees "This is the last try"
person_types 123456
ok "the right one signs" ends 0
ok "... with the key of PIN2" verified sign2048.pub.pem
ok "... and the tries are back" tries 2 3

vcard_ctl tries 2 2 >/dev/null
at_terminal "$binding"
person_sees "PIN2: ____" >/dev/null
person_types 999999
ok "a wrong one with one left: no dialog comes again by itself" ends !
ok "... the last try is still there" tries 2 1
ok "... nothing was signed" unsigned
vcard_ctl tries 2 3 >/dev/null

reset_card
at_terminal "$login"
person_sees "PIN1: ____" >/dev/null
person_cancels
ok "cancelled: the tool fails" ends ! "CKR_FUNCTION_REJECTED\|CKR_FUNCTION_CANCELED"
ok "... no try is lost" tries 1 3
ok "... nothing was signed" unsigned
at_terminal "$binding"
person_sees "PIN2: ____" >/dev/null
person_cancels
ok "cancelled, with PIN2" ends ! "CKR_FUNCTION_REJECTED\|CKR_FUNCTION_CANCELED"
ok "... no try is lost" tries 2 3
at_terminal "$login"
person_sees "PIN1: ____" >/dev/null
# to this dialog a lone Escape is the beginning of a key, which the next one makes a choice
person_keys Escape
person_keys Escape
person_cancels
ok "Escape" ends !
ok "... no try is lost" tries 1 3
at_terminal "$login"
person_sees "PIN1: ____" >/dev/null
person_types ""
ok "an empty PIN is asked again for" person_sees "too short or too long"
ok "... and costs no try" tries 1 3
person_cancels
ok "... until it is cancelled" ends !

conf "pinDialogTimeout = 10"
at_terminal "$login"
person_sees "PIN1: ____" >/dev/null
waited=$(date +%s)
ok "nobody answers: the tool fails" ends ! "CKR_FUNCTION_REJECTED\|CKR_FUNCTION_CANCELED"
waited=$(($(date +%s) - waited))
ok "... after 10 seconds" test "$waited" -ge 8 -a "$waited" -le 13
ok "... no try is lost" tries 1 3
conf

at_terminal "$login"
person_sees "PIN1: ____" >/dev/null
kill_helper
ok "the dialog is killed: the tool is told that it failed" ends ! CKR_FUNCTION_FAILED
ok "... no try is lost" tries 1 3

# A card that goes while the person thinks.
at_terminal "$login"
person_sees "PIN1: ____" >/dev/null
vcard_ctl remove >/dev/null
ok "the card is taken out: the dialog goes" person_sees_no "PIN1:"
ok "... and the tool ends" ends !
vcard_ctl insert >/dev/null
wait_card

# ---- in other languages ----

at_terminal "LANG=fi_FI.UTF-8 $login"
ok "Finnish by LANG" person_sees "anna perustunnusluku (PIN1)"
ok "... with its words" screen_says "Kirjaudu kortillasi" "Kortti: FINEID S4-1 (PIN1 kirjautuminen)" \
	"Ohjelma: /usr/bin/pkcs11-tool" "<Peruuta>"
person_types 9999
ok "... for a wrong PIN, too" person_sees "Väärä tunnusluku."
person_types 1234
ok "... signed" ends 0
reset_card
at_terminal "LANG=sv_FI.UTF-8 $binding"
ok "Swedish by LANG" person_sees "PIN2"
ok "... with its words" screen_says "Kort: FINEID S4-1" "Program: /usr/bin/pkcs11-tool" "<Avbryt>"
person_cancels
ends ! >/dev/null
conf "Language = sv"
at_terminal "LANG=fi_FI.UTF-8 $login"
ok "Swedish by the setting, which counts before LANG" person_sees "<Avbryt>"
person_cancels
ends ! >/dev/null
conf "Language = fi"
at_terminal "$login"
ok "Finnish by the setting" person_sees "<Peruuta>"
person_cancels
ends ! >/dev/null
ok "the label of the slot is Finnish, too" says "PIN1 kirjautuminen" eval "$tool --list-slots"
conf

# ---- nowhere to ask ----

nowhere "$login"
ok "no terminal and no display: the tool asks itself" ends ! "Please enter User PIN"
ok "... and has nobody to ask" unsigned
nowhere "$login --login --pin 1234"
ok "with a PIN of its own it signs" ends 0
ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
reset_card
if [ -x /usr/bin/pinentry-tty ]; then
	in_sight "TERM=dumb $login"
	ok "a terminal that is dumb" person_sees "Enter PIN1 to log in with your card."
	person_sees "PIN1:" >/dev/null
	person_types 1234
	ok "... signed" ends 0
	ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
	reset_card
else
	skip "a terminal that is dumb" "pinentry-tty is not installed"
fi
if system_conf "pinHelper = /usr/bin/there-is-none"; then
	in_sight "$login"
	ok "a helper that is not there: the tool asks itself" person_sees "Please enter User PIN"
	person_types 1234
	ok "... and signs" ends 0
	ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
	echo 'echo this is no dialog' >"$pcsc_dir/no-dialog"
	chmod 755 "$pcsc_dir/no-dialog"
	system_conf "pinHelper = $pcsc_dir/no-dialog"
	reset_card
	at_terminal "$login"
	ok "a helper that is no dialog" ends ! CKR_FUNCTION_FAILED
	cp /usr/bin/pinentry-curses "$pcsc_dir/mine"
	system_conf "pinHelper = $pcsc_dir/mine"
	at_terminal "$login"
	ok "a helper of the administrator's choice" person_sees "PIN1: ____"
	ok "... it is that one" pgrep -x mine
	person_cancels
	ends ! >/dev/null
	chmod 777 "$pcsc_dir/mine"
	in_sight "$login"
	ok "... and not, when others could change it" person_sees "Please enter User PIN"
	system_conf
fi
conf "pinHelper = $pcsc_dir/mine"
chmod 755 "$pcsc_dir/mine"
at_terminal "$login"
ok "nobody but the administrator chooses it" person_sees "PIN1: ____"
not_ok_if "... it is that one" pgrep -x mine
person_cancels
ends ! >/dev/null
conf

# ---- change and unblock ----

at_terminal "$tool --slot 0 --login --change-pin"
ok "a login before the change" person_sees "log in with your card"
person_types 1234
ok "the old PIN is asked for" person_sees "Enter the current PIN1 of your card."
person_types 9999
ok "the new PIN is asked for" person_sees "Enter a new PIN1."
person_types 4321
ok "... again" person_sees "Again:"
person_types 4322
ok "... and both must be the same" person_sees "The two PINs are not the same."
person_types 4321
person_sees "Again:" >/dev/null
person_types 4321
ok "the old PIN again, after a wrong one" person_sees "Wrong PIN."
person_types 1234
ok "changed" ends 0 "successfully changed"
ok "the new PIN is the PIN" says "Private Key" eval "$tool --slot 0 --login --pin 4321 --list-objects"
ok "changed back without a dialog" eval "$tool --slot 0 --login --pin 4321 --change-pin --new-pin 1234"

for pin in 000000 000000 000000; do
	refused CKR_PIN eval "$tool --slot 1 --login --pin $pin --list-objects"
done
ok "PIN2 is blocked" tries 2 0
at_terminal "$tool --slot 1 --login --login-type so --init-pin"
ok "the PUK is asked for" person_sees "Enter the PUK of your card."
person_types 12345678
ok "the new PIN is asked for" person_sees "Enter a new PIN2."
person_types 123456
person_sees "Again:" >/dev/null
person_types 123456
ok "unblocked" ends 0
ok "PIN2 has its tries again" tries 2 3
ok "PIN2 is shut" shut 2
at_terminal "$binding"
person_sees "PIN2: ____" >/dev/null
person_types 123456
ok "... and signs" ends 0
ok "... with the key of PIN2" verified sign2048.pub.pem

# ---- in a window ----

person_tmux_stop
if command -v Xvfb >/dev/null && command -v xdotool >/dev/null && [ -x /usr/bin/pinentry-gtk-2 ]; then
	ok "a display" person_display_start
	reset_card
	at_display "$login"
	ok "a window for PIN1" window "Castor PIN"
	person_types 9999
	ok "... again, after a wrong one" window "Castor PIN"
	ok "... one try is lost" tries 1 2
	person_types 1234
	ok "... signed" ends 0
	ok "... with the key of PIN1" verified "$pki/rsa2048.pub.pem"
	at_display "$binding"
	ok "a window for PIN2" window "Castor PIN"
	person_types 123456
	ok "... signed" ends 0
	ok "... with the key of PIN2" verified sign2048.pub.pem
	ok "... which is shut" shut 2
	reset_card
	at_display "$login"
	window "Castor PIN" >/dev/null
	person_cancels
	ok "Escape: the tool fails" ends ! "CKR_FUNCTION_REJECTED\|CKR_FUNCTION_CANCELED"
	ok "... no try is lost" tries 1 3
	at_display "$login"
	window "Castor PIN" >/dev/null
	kill_helper
	ok "the window is killed" ends ! CKR_FUNCTION_FAILED
	at_display "LANG=fi_FI.UTF-8 $login"
	ok "the window's title is Finnish" window "Castor – tunnusluku"
	person_cancels
	ends ! >/dev/null
	person_display_stop
	DISPLAY=:4711
	export DISPLAY
	at_display "$login"
	ok "a display that is none" ends ! CKR_FUNCTION_FAILED
	unset DISPLAY
else
	skip "windows" "Xvfb, xdotool or pinentry-gtk-2 is not installed"
fi
ok "no try of PIN2 was lost" tries 2 3
people_end 3
