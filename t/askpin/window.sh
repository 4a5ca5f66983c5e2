#!/bin/sh
# Dialogs in a window: pinentry-gtk-2 on Xvfb, with a person at xdotool.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/askpin/person.sh"

probe=$top_builddir/t/askpin/ask_probe
gtk=/usr/bin/pinentry-gtk-2
out=$person_dir/out
title="Castor: PIN 1 – åäö 50%"
trap 'person_stop; rm -f "$tap_out"' EXIT
person_needs Xvfb xdotool "$gtk" pgrep

unset WAYLAND_DISPLAY GPG_TTY
person_display_start || {
	cat "$person_dir/Xvfb.log"
	echo "Bail out! Xvfb does not start"
	exit 1
}
printf 1234 >"$person_dir/pin"

# asks ARGUMENT...: in the background, without a terminal; waits for the window. Its process is $asker.
asks() {
	rm -f "$out"
	setsid "$probe" "out=$out.new" "helper=$gtk" "title=$title" expect=5 "$@" \
		5<"$person_dir/pin" </dev/null >/dev/null 2>&1 &
	asker=$!
}

results() {
	wait "$asker"
	for results_line; do
		grep -qx "$results_line" "$out.new" || {
			cat "$out.new"
			return 1
		}
	done
}

is_over() {
	! kill -0 "$1" 2>/dev/null || grep -q '^State:.*zombie' "/proc/$1/status"
}

asks "text=Anna tunnusluku: åäö €" ok=Hyväksy cancel=Peruuta language=fi
ok "a window with the title" person_sees "$title"
person_types 1234
ok "the PIN that is typed is the PIN that is read" results "result E_OK" "length 4" "equal yes"
ok "the window is gone" person_sees_no "$title"

asks
person_sees "$title" >/dev/null
person_types 12345
ok "another PIN is another one" results "result E_OK" "length 5" "equal no"

asks
person_sees "$title" >/dev/null
person_types ""
ok "Return alone is an empty PIN" results "result E_OK" "length 0"

asks
person_sees "$title" >/dev/null
person_cancels
ok "cancelled" results "result E_CANCEL"
ok "the window is gone" person_sees_no "$title"

asks timeout=2
ok "a window for two seconds" person_sees "$title"
ok "the time is over" results "result E_CANCEL"
ok "the window is gone" person_sees_no "$title"

touch "$person_dir/wanted"
asks "while=$person_dir/wanted"
ok "wanted for now" person_sees "$title"
dialog=$(pgrep -P "$asker" -x pinentry-gtk-2)
rm "$person_dir/wanted"
ok "not wanted any more" results "result E_CLOSED"
ok "the window is gone" person_sees_no "$title"
ok "and its program, too" is_over "$dialog"

asks
person_sees "$title" >/dev/null
kill -KILL "$(pgrep -P "$asker" -x pinentry-gtk-2)"
ok "the dialog is killed" results "result E_UNSUPPORTED"

asks
person_sees "$title" >/dev/null
xdotool windowkill "$(person_window "$title")"
ok "the window is torn away" results "result E_UNSUPPORTED"

person_display_stop
DISPLAY=:4711
export DISPLAY
asks
ok "a display that is none" results "result E_UNSUPPORTED"
tap_done
