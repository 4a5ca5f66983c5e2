#!/bin/sh
# castor in front of a person: PINs at a terminal without echo and in a dialog, wrong ones, cancelling, the
# terminal closed, the card taken out.
. "$top_srcdir/t/castor/castor.sh"
. "$top_srcdir/t/askpin/person.sh"
trap 'person_stop; rm -rf "$castor_dir" "$tap_out"' EXIT
person_needs tmux
unset GPG_TTY
echo "a letter" >letter.txt

# at ARGUMENT...: castor with a card of its own on the terminal, then a shell that tells how it ended
at() {
	printf " '%s'" "$@" >args
	cat >run.sh <<-RUN
		trap : INT
		stty -g >before
		"$top_builddir/castor" --module "$virtual" --test-card="$image" $(cat args)
		echo "ended with \$?."
		stty -g >after
		exec sleep 1000
	RUN
	person_tmux_start "cd '$castor_dir' && exec sh run.sh"
}
screen() {
	person_tmux_screen >screen
	for screen_text; do
		grep -q -F -e "$screen_text" screen || { echo "not there: $screen_text"; cat screen; return 1; }
	done
}
screen_no() {
	person_tmux_screen >screen
	! grep -F -e "$1" screen
}
same_terminal() {
	person_until 5 test -s after && cmp before after
}

ok "sign" at sign letter.txt
ok "... asks for PIN2, and says what for and which card" person_sees "PIN:"
ok "... on the screen" screen "PIN2, for legally binding signatures" "Card: TEST CARD" "File: letter.txt"
ok "... it is typed" person_types 123456
ok "... and done" person_sees "ended with 0."
ok "... is not to be seen" screen_no "PIN: 123456"
ok "... the terminal is as it was" same_terminal
ok "sign with PIN1" at sign letter.txt -f --pin 1
ok "... asks" person_sees "PIN:"
ok "... a wrong one" person_types 9999
ok "... asks again, with what is left" person_sees "Wrong PIN."
ok "... in words" person_sees "2 tries left."
ok "... another wrong one" person_types 9998
ok "... ends: the last try is not asked for" person_sees "ended with 6."
ok "pin change" at pin change --pin 1
ok "... asks for the PIN" person_sees "PIN:"
person_types 1234
ok "... for the new one" person_sees "New PIN:"
person_types 4321
ok "... for it again" person_sees "Once more:"
person_types 4322
ok "... the two differ: from the start" person_sees "The two were not the same."
person_types 1
ok "... again" person_sees "Once more:"
person_types 1
ok "... it is too short, and another one asked for" person_sees "too short or too long"
person_types 4321
sleep 1
person_types 4321
ok "... done" person_sees "The PIN was changed."
ok "... status 0" person_sees "ended with 0."
ok "... nothing was to be seen" screen_no ": 4321"
for way in C-c C-d; do
	ok "$way at the PIN" at sign letter.txt -f
	ok "... when it asks" person_sees "PIN:"
	person_keys $way
	ok "... cancels" person_sees "ended with 5."
	ok "... says so" screen "cancelled"
	ok "... the terminal is as it was" same_terminal
done
ok "an empty line at the PIN" at sign letter.txt -f
ok "... when it asks" person_sees "PIN:"
person_types ""
ok "... cancels" person_sees "ended with 5."
image_was=$image
image=$castor_dir/last.yaml
mkdir -p pki-of && ln -sfn "$pki" pki
sed 's/number: 1, value: "1234", puk: "12345678", max: 3, puk-max: 10/&, puk-tries: 1/' "$image_was" >last.yaml
if grep -q puk-tries last.yaml && "$top_builddir/castor" --module "$virtual" --test-card="$image" pin status >out 2>err &&
	grep -q "PUK: 1 try" out; then
	ok "unblock with one try of the PUK left" at pin unblock --pin 1
	ok "... asks whether to go on" person_sees "Type yes to go on:"
	person_types no
	ok "... and ends" person_sees "ended with 5."
	ok "unblock, and yes" at pin unblock --pin 1
	ok "... asks" person_sees "Type yes to go on:"
	person_types yes
	ok "... then for the PUK" person_sees "PUK:"
	ok "... the last try is said" screen "This is the last try"
	person_types 12345678
	ok "... the new PIN" person_sees "New PIN:"
	person_types 5555
	sleep 1
	person_types 5555
	ok "... done" person_sees "ended with 0."
else
	not_ok_if "an image can say that the PUK has one try left" true
	cat out err
fi
image=$image_was
ok "the terminal is closed at the PIN" at sign letter.txt -f
ok "... when it asks" person_sees "PIN:"
person_tmux_stop
gone() {
	! pgrep -f "test-card=$image sign" >/dev/null && [ -z "$(find . -name 'castor-*')" ]
}
ok "... castor and its card end, and leave nothing" person_until 10 gone
# a card that takes its time
"$top_builddir/castor-vcard" --image "$image" --socket "$castor_dir/slow" --control "$castor_dir/ctl" \
	</dev/null >ready 2>slow.err &
slow=$!
trap 'kill "$slow" 2>/dev/null; person_stop; rm -rf "$castor_dir" "$tap_out"' EXIT
person_until 10 grep -q ^ready: ready
"$top_builddir/castor-vcard" ctl ctl slow 100 >slow.out
cat >run.sh <<-RUN
	CASTOR_VIRTUAL=unix:$castor_dir/slow "$top_builddir/castor" --module "$virtual" list
	echo "ended with \$?."
	exec sleep 1000
RUN
ok "a slow card" person_tmux_start "cd '$castor_dir' && exec sh run.sh"
ok "... what goes on is said, and how long it takes" person_sees "Reading the card … 2 s"
ok "... until it is done" person_sees "ended with 0."
ok "... and then no more" screen_no "Reading the card"

# neither terminal nor dialog
nowhere() {
	setsid -w "$top_builddir/castor" --module "$virtual" --test-card="$image" sign letter.txt -f </dev/null
}
ok "nobody is there to be asked" status 1 nowhere
ok "... says what to do" said "--pin-fd"
if command -v pinentry-curses >/dev/null; then
	ok "--dialog" at sign letter.txt -f --dialog
	ok "... is pinentry" person_sees "<OK>"
	ok "... in our words" screen "PIN2, for legally binding signatures"
	person_types 123456
	ok "... signs" person_sees "ended with 0."
	ok "--dialog" at sign letter.txt -f --dialog
	ok "... is there" person_sees "<OK>"
	person_cancels
	ok "... and can be cancelled" person_sees "ended with 5."
else
	skip "--dialog" "pinentry-curses is not installed"
fi
tap_done
