#!/bin/sh
# Dialogs on a terminal: pinentry-curses and pinentry-tty, with a person at tmux.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/askpin/person.sh"

probe=$top_builddir/t/askpin/ask_probe
curses=/usr/bin/pinentry-curses
out=$person_dir/out
trap 'person_stop; rm -f "$tap_out"' EXIT
person_needs tmux "$curses" pgrep

unset DISPLAY WAYLAND_DISPLAY GPG_TTY
printf 1234 >"$person_dir/pin"

# asks ARGUMENT...: a shell on the terminal asks, with the PIN of $person_dir/pin expected, and then
# looks whether it got the terminal back as it was.
asks() {
	rm -f "$out" "$person_dir/after"
	for asks_word; do
		printf " '%s'" "$asks_word"
	done >"$person_dir/arguments"
	cat >"$person_dir/asks.sh" <<SCRIPT
stty -g >"$person_dir/before"
${asks_how:-} "$probe" out="$out.new" expect=5 $(cat "$person_dir/arguments") 5<"$person_dir/pin"
stty -g >"$person_dir/after.new"
mv "$person_dir/after.new" "$person_dir/after"
[ ! -e "$out.new" ] || mv "$out.new" "$out"
echo the shell is back
sleep 1000
SCRIPT
	person_tmux_start "exec ${asks_shell:-sh} '$person_dir/asks.sh'"
}

# results LINE...: these are what the probe tells once it is done.
results() {
	person_until "$person_patience" test -s "$out" || {
		echo "no result"
		person_tmux_screen
		return 1
	}
	for results_line; do
		grep -qx "$results_line" "$out" || {
			cat "$out"
			return 1
		}
	done
}

terminal_is_back() {
	person_sees "the shell is back" && cmp "$person_dir/before" "$person_dir/after"
}

dialog_pid() {
	pgrep -P "$(pgrep -f "$probe out=$out.new" | head -n 1)" -x pinentry-curses
}

asks helper=$curses "text=Anna tunnusluku: åäö ÅÄÖ €
toinen rivi 100%" "prompt=PIN 1:" "error=Väärä tunnusluku" ok=Hyväksy_ cancel=Peruuta language=fi
ok "the text is shown, with its letters" person_sees "Anna tunnusluku: åäö ÅÄÖ €"
ok "a second line, too" person_sees "toinen rivi 100%"
ok "the prompt" person_sees "PIN 1: ____"
ok "what was wrong before" person_sees "Väärä tunnusluku"
ok "the buttons, an underscore being one" person_sees "<Hyväksy_>"
ok "the other button" person_sees "<Peruuta>"
person_types 1234
ok "the PIN that is typed is the PIN that is read" results "result E_OK" "length 4" "equal yes"
ok "the terminal is as it was" terminal_is_back
ok "the PIN is not on the screen" person_sees_no 1234

asks helper=$curses
person_sees "Give the PIN" >/dev/null
person_types 1235
ok "another PIN is another one" results "result E_OK" "length 4" "equal no"

printf 'å%%_ €' >"$person_dir/pin"
asks helper=$curses
person_sees "Give the PIN" >/dev/null
person_types 'å%_ €'
ok "a PIN of any letters" results "result E_OK" "length 8" "equal yes"
printf 1234 >"$person_dir/pin"

asks helper=$curses
person_sees "Give the PIN" >/dev/null
person_types ""
ok "Enter alone is an empty PIN" results "result E_OK" "length 0"

asks helper=$curses
person_sees "Give the PIN" >/dev/null
person_types 1234567890123456789012345678901234567890123456789012345678901234
ok "64 digits are too many" results "result E_PIN_LEN"

asks helper=$curses
person_sees "Give the PIN" >/dev/null
person_cancels
ok "cancelled" results "result E_CANCEL"
ok "the terminal is as it was" terminal_is_back

asks helper=$curses timeout=1
ok "the time is over" results "result E_CANCEL"
ok "the terminal is as it was" terminal_is_back

touch "$person_dir/wanted"
asks helper=$curses "while=$person_dir/wanted"
ok "wanted for now" person_sees "Give the PIN"
rm "$person_dir/wanted"
ok "not wanted any more" results "result E_CLOSED"
ok "the dialog is gone" person_sees_no "Give the PIN"
ok "the terminal is as it was" terminal_is_back

asks helper=$curses
person_sees "Give the PIN" >/dev/null
kill -KILL "$(dialog_pid)"
ok "the dialog is killed" results "result E_UNSUPPORTED"

# Ctrl-C goes to the dialog and to the program that asks.
asks helper=$curses
person_sees "Give the PIN" >/dev/null
dialog=$(dialog_pid)
asker=$(pgrep -f "$probe out=$out.new" | head -n 1)
is_over() {
	! kill -0 "$1" 2>/dev/null || grep -q '^State:.*zombie' "/proc/$1/status"
}
person_keys C-c
ok "Ctrl-C ends the program" person_until "$person_patience" is_over "$asker"
ok "and the dialog with it" person_until "$person_patience" is_over "$dialog"

asks_how="trap '' INT;"
asks helper=$curses
person_sees "Give the PIN" >/dev/null
person_keys C-c
ok "a program that lives on gets no PIN" results "result E_UNSUPPORTED"
ok "the terminal is as it was" terminal_is_back
asks_how=

asks helper=$curses
person_sees "Give the PIN" >/dev/null
dialog=$(dialog_pid)
person_tmux_stop
ok "a terminal that is closed takes the dialog along" person_until "$person_patience" is_over "$dialog"

# A program in the background: its dialog must not be stopped by the terminal.
asks_how="set -m;" asks_shell=bash
asks helper=$curses
sed -i '/ask_probe/s/$/ \& wait/' "$person_dir/asks.sh"
person_tmux_start "exec bash '$person_dir/asks.sh'"
ok "a program in the background can ask" person_sees "Give the PIN"
person_types 1234
ok "and gets its PIN" results "result E_OK" "equal yes"
asks_how='tty=$(tty); setsid -w env GPG_TTY="$tty"' asks_shell=
asks helper=$curses
sed -i '/ask_probe/s/$/ <\/dev\/null >\/dev\/null 2>\&1/' "$person_dir/asks.sh"
person_tmux_start "exec sh '$person_dir/asks.sh'"
ok "a program without a terminal can ask on that of GPG_TTY" person_sees "Give the PIN"
person_types 1234
ok "and gets its PIN" results "result E_OK" "equal yes"
asks_how=

# headless HOW...: the outcome of a program without a terminal.
headless() {
	rm -f "$out"
	setsid -w env "$@" </dev/null >/dev/null 2>&1
	grep -qx "result E_UNSUPPORTED" "$out" || { cat "$out"; return 1; }
}
ok "no terminal, no dialog" headless "$probe" out="$out" helper=$curses
ok "a terminal that is no more" headless GPG_TTY=/dev/pts/9999 "$probe" out="$out" helper=$curses
ok "a terminal type that is none" headless GPG_TTY=/dev/pts/9999 TERM=none "$probe" out="$out" helper=$curses
ok "nothing is found to ask with" headless "$probe" out="$out"

if command -v pinentry-tty >/dev/null; then
	asks helper=/usr/bin/pinentry-tty "text=Anna tunnusluku: åäö" prompt=PIN:
	ok "pinentry-tty: the text is shown" person_sees "Anna tunnusluku: åäö"
	person_sees "PIN:" >/dev/null
	person_types 1234
	ok "pinentry-tty: the PIN is read" results "result E_OK" "equal yes"
	ok "pinentry-tty: the terminal is as it was" terminal_is_back
	asks helper=/usr/bin/pinentry-tty "while=/nonexistent"
	ok "pinentry-tty: not wanted from the beginning" results "result E_CLOSED"
else
	skip "pinentry-tty" "pinentry-tty is not installed"
fi
tap_done
