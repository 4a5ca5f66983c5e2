# A person in front of a screen, for tests: sees what is there and types. Source it after tap.sh.
#
# On a terminal (80 x 24, in tmux):
#   person_tmux_start COMMAND     runs a shell command on a terminal of its own
#   person_tmux_stop              closes it, with all that runs there
#   person_tmux_screen            prints what is on it
#
# On a display (Xvfb), which is exported as DISPLAY:
#   person_display_start          starts it; fails when it does not come up
#   person_display_stop
#   person_window TITLE           prints the id of the visible window with that title; fails without one
#   person_title ID               prints a window's title
#
# On whichever was started last:
#   person_sees TEXT              waits until TEXT is there (on a display: a window with that title)
#   person_sees_no TEXT           waits until it is not there
#   person_types TEXT             types it, and Enter
#   person_keys KEY...            presses keys by name: Escape, Return, Tab, BSpace, C-c (tmux), ctrl+c (xdotool)
#   person_cancels                lets a dialog know that there will be no PIN
#
#   person_until SECONDS COMMAND...   tries a command 20 times a second until it succeeds
#   person_needs PROGRAM...       skips the whole test when a program is missing
#   person_stop                   ends all that was started; call it when the test exits
#
# Waiting ends after $person_patience seconds. All files are in $person_dir. Works in namespaces of
# one's own (mounts, network, processes) as t/pcscd.sh makes them.

person_patience=${person_patience:-15}
person_dir=$(mktemp -d) || exit 1
person_at=
person_display_pid=

person_needs() {
	for person_program; do
		command -v "$person_program" >/dev/null 2>&1 && continue
		echo "1..0 # SKIP $person_program is not installed"
		rm -rf "$person_dir" "${tap_out:-}"
		exit 0
	done
}

person_until() {
	person_end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -le "$person_end" ] || return 1
		sleep 0.05
	done
}

# A server of its own without anybody's settings. UTF-8 whatever the locale of the test is.
person_tmux() {
	env -u TMUX LC_ALL=C.UTF-8 tmux -u -S "$person_dir/tmux" -f /dev/null "$@"
}

person_tmux_start() {
	person_tmux_stop
	person_at=terminal
	# a server that is about to go may still take the order
	person_until 5 person_tmux_begins "$1"
}

person_tmux_begins() {
	# remain-on-exit: what a command leaves on the screen can still be looked at
	person_tmux new-session -d -x 80 -y 24 -s person "$1" \; set-option -g remain-on-exit on \; \
		set-option -g status off \; set-option -s escape-time 0 && person_tmux has-session
}

person_tmux_stop() {
	person_tmux kill-server 2>/dev/null
	person_until 5 person_tmux_is_gone
}

person_tmux_is_gone() {
	! person_tmux has-session 2>/dev/null
}

person_tmux_screen() {
	person_tmux capture-pane -p -t person
}

person_display_start() {
	person_display_stop
	person_at=display
	mkdir -p /tmp/.X11-unix && chmod 1777 /tmp/.X11-unix 2>/dev/null
	rm -f "$person_dir/display"
	# it picks a free number itself and tells it once it listens
	Xvfb -displayfd 3 -screen 0 1024x768x24 -nolisten tcp -noreset \
		3>"$person_dir/display" >"$person_dir/Xvfb.log" 2>&1 &
	person_display_pid=$!
	person_until "$person_patience" grep -qs . "$person_dir/display" || return 1
	DISPLAY=:$(cat "$person_dir/display")
	export DISPLAY
}

person_display_stop() {
	[ -n "$person_display_pid" ] || return 0
	kill "$person_display_pid" 2>/dev/null
	wait "$person_display_pid" 2>/dev/null
	person_display_pid=
	unset DISPLAY
}

person_window() {
	person_id=$(xdotool search --onlyvisible --name "$1" 2>/dev/null | head -n 1)
	[ -n "$person_id" ] && echo "$person_id"
}

person_title() {
	xdotool getwindowname "$1"
}

person_glance() {
	case $person_at in
	terminal) person_tmux_screen | grep -qF -- "$1" ;;
	display) person_window "$1" >/dev/null ;;
	esac
}

person_glance_no() {
	! person_glance "$1"
}

person_sees() {
	person_until "$person_patience" person_glance "$1" && return
	echo "not seen: $1"
	[ "$person_at" != terminal ] || person_tmux_screen
	return 1
}

person_sees_no() {
	person_until "$person_patience" person_glance_no "$1" && return
	echo "still there: $1"
	return 1
}

person_types() {
	case $person_at in
	terminal)
		[ -z "$1" ] || person_tmux send-keys -t person -l -- "$1"
		;;
	display)
		[ -z "$1" ] || xdotool type --delay 5 -- "$1"
		;;
	esac
	person_keys "$(person_enter)"
}

person_enter() {
	[ "$person_at" = terminal ] && echo Enter || echo Return
}

person_keys() {
	case $person_at in
	terminal) person_tmux send-keys -t person "$@" ;;
	display) xdotool key "$@" ;;
	esac
}

person_cancels() {
	case $person_at in
	# Escape is no key of its own there, but the beginning of one with Alt: over OK to Cancel
	terminal) person_keys Tab Tab Enter ;;
	display) person_keys Escape ;;
	esac
}

person_stop() {
	person_tmux_stop
	person_display_stop
	rm -rf "$person_dir"
}
