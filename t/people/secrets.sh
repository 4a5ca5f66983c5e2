#!/bin/sh
# PINs that a person types, while PIN1 is kept and after all else was used: not in what a core file of the
# program would hold, in no argument and no environment of any process, not in the log, not in a trace.
. "$top_srcdir/t/people/people.sh"
client_image=$vcard_images/myeid-citizen.yaml
people_start gdb gcore tmux pinentry-curses pgrep opensc-tool -- "$@"

# Long enough not to be found by chance. Variables of this shell, which hands them to nobody.
random_pin() {
	od -An -N4 -tu4 /dev/urandom | awk '{ printf "%08d", $1 % 89999999 + 10000000 }'
}
pin1=$(random_pin) pin2=$(random_pin) puk=$(random_pin) new1=$(random_pin) new2=$(random_pin)
sed -e "s|value: \"1234\", puk: \"12345678\"|value: \"$pin1\", puk: \"$puk\"|" \
	-e "s|value: \"123456\", puk: \"12345678\"|value: \"$pin2\", puk: \"$puk\"|" \
	-e "s|pki/|$pki/|" "$client_image" >card.yaml
ok "a card with other PINs" eval 'vcard_ctl swap "$PWD/card.yaml" && wait_no_card && wait_card'

hex() {
	printf %s "$1" | od -An -v -tx1 | tr -d ' \n'
}

# Two digits a byte, for grep -P.
packed() {
	printf %s "$1" | sed 's/../\\x&/g'
}

# holds FILE SECRET: as it is typed, in hexadecimal, packed
holds() {
	LC_ALL=C grep -qaiF -e "$2" -e "$(hex "$2")" "$1" || LC_ALL=C grep -qaP "$(packed "$2")" "$1"
}

# clean FILE: none of them is there; blanks between digits do not hide one
clean() {
	[ -s "$1" ] || { echo "$1 is empty"; return 1; }
	tr -d ' \n' <"$1" >flat
	for clean_secret in "$pin1" "$pin2" "$puk" "$new1" "$new2"; do
		! holds "$1" "$clean_secret" && ! holds flat "$clean_secret" || { echo "$1 holds one"; return 1; }
	done
}

# What all processes were started with, collected while dialogs are up.
: >processes
look() {
	cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n' >>processes
}

# types PROMPT PIN
types() {
	person_sees "$1: ____" || return 1
	look
	person_types "$2"
	person_sees_no "$1: ____"
}

conf "logLevel = apdu"
CASTOR_TRACE=$PWD/trace
export CASTOR_TRACE
at_terminal "'$top_builddir/t/people/host' '$module' 'slot 0' open 'sign 45' 'slot 1' open 'sign 46' \
	'slot 0' open 'set - -' 'slot 1' open 'so' 'init -' 'logout' 'sign 47' 'slot 0' open 'login' 'sign 45' \
	'do touch ready' 'wait 60000'"
ok "PIN1 to sign" types PIN1 "$pin1"
ok "PIN2 to sign" types PIN2 "$pin2"
ok "the old PIN1" types PIN1 "$pin1"
ok "the new PIN1" types "New PIN" "$new1"
ok "... again" types Again "$new1"
ok "the PUK" types PUK "$puk"
ok "the new PIN2" types "New PIN" "$new2"
ok "... again" types Again "$new2"
ok "PIN2 to sign" types PIN2 "$new2"
ok "PIN1 to log in" types PIN1 "$new1"
ok "all is done, PIN1 is kept" person_until 15 test -e ready
pid=$(pgrep -f '^[^ ]*t/people/host ' | head -n 1)
look

ok "the program's memory, as a core file would have it" gcore -o core "$pid"
ok "... is without any PIN" clean "core.$pid"
# or else it is the search that finds nothing
gcore -a -o all "$pid" >gcore.out 2>&1
ok "... the kept PIN is in the memory that core files leave out" holds "all.$pid" "$new1"
for other in "$pin1" "$pin2" "$puk" "$new2"; do
	not_ok_if "... and no other PIN is" holds "all.$pid" "$other"
done
kill "$pid"
ok "the log was written" grep -q debug: log
ok "... without any PIN" clean log
ok "the trace was written" grep -q '^> 00200001 08 \[\*8\]' trace
ok "... without any PIN" clean trace
ok "the card's log, which is ours, too" clean "$pcsc_dir/apdu0.log"
ok "the processes were seen, the dialog among them" eval 'grep -q pinentry-curses processes && grep -q CASTOR_TRACE processes'
ok "... none had a PIN in its arguments or environment" clean processes
ok "PIN2 is shut" shut 2
people_end 3
