# What the tests of dialogs, PIN rules and settings share: programs over pcscd and vpcd, and somebody
# who answers for the person. Source it first; it brings client.sh (which see) and person.sh.
#
#   people_start PROGRAM... -- "$@"   as client_start, with auto-login for root; $client_image is the card
#   people_end PIN-TRIES              as client_end
#   conf LINE...                      writes the user's settings file: what every test has, and these lines
#   system_conf LINE...               writes the system's, in this test's own mounts
#
# A person at a screen (person.sh):
#   at_terminal COMMAND               runs a shell command on a terminal; its output goes to ./out
#   in_sight COMMAND                  ... its output stays on the terminal
#   at_display COMMAND                runs it without a terminal, at the display
#   nowhere COMMAND                   runs it with neither, to its end
#   window TITLE                      waits for a window that was not there the last time, ready for keys
#   ends STATUS [TEXT...]             waits for its end; it has that status (! any but 0) and said that
#
# A robot in the place of pinentry-curses, for tests that count:
#   robot                             puts it there
#   answers ANSWER...                 what it gives from now on, one for each dialog: a PIN, or "cancel";
#                                     without an answer it cancels. "out": the card is taken out instead;
#                                     "cut N PIN": ... at the N-th command after this PIN
#   asked N                           it was started that often since the last time this was asked
#   dialogs_say TEXT                  a dialog since then said so (look before asking how many)
#
# A program of several steps in one process (host.c):
#   host STEP...                      each a command, with " = ANSWER" when that is not CKR_OK
#
#   reset_card                        as a neighbour might
#   shut PIN                          the card says that PIN is not open, and so does another program that
#                                     tries to use its key without one
. "$top_srcdir/t/clients/client.sh"

people_start() {
	people_programs=
	while [ "$1" != -- ]; do
		people_programs="$people_programs $1"
		shift
	done
	# shellcheck disable=SC2086
	client_start $people_programs "$@"
	# helpers must belong to root, who is nobody in a user namespace of another's
	[ "$(stat -c %u /usr/bin)" = 0 ] || pcscd_skip "only root has dialogs and mounts of its own"
	# folders for all to write keep no programs that are trusted
	chmod 755 /run
	TMPDIR=$pcsc_dir
	export TMPDIR
	. "$top_srcdir/t/askpin/person.sh"
	trap 'person_stop; rm -f "$tap_out"' EXIT
	unset DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS GPG_TTY XDG_SESSION_ID XDG_CONFIG_HOME \
		XDG_RUNTIME_DIR LC_ALL LC_MESSAGES LANG LANGUAGE disableCryptokiAutoLogin CASTOR_TRACE CASTOR_LOG
	TERM=xterm
	export TERM
	CASTOR_CONF=$PWD/conf
	export CASTOR_CONF
	mkdir -m 700 "$pcsc_dir/data"
	conf
}

people_end() {
	client_end "$1"
}

conf() {
	{
		printf '%s\n' "rootAutoLogin = 1" "logLevel = info" "logFile = $PWD/log" "DataPath = $pcsc_dir/data"
		[ $# -eq 0 ] || printf '%s\n' "$@"
	} >conf.new && mv conf.new conf
}

# ---- the system's settings file ----

people_prefix=
people_sysconf() {
	people_prefix=$(sed -n 's/^prefix = //p' "$top_builddir/Makefile")
	sed -n 's/^sysconfdir = //p' "$top_builddir/Makefile" | sed "s|\${prefix}|$people_prefix|"
}

people_layered=
system_conf() {
	people_etc=$(people_sysconf)
	if [ -z "$people_layered" ]; then
		people_at=$people_etc/castor
		while [ ! -d "$people_at" ]; do
			people_at=${people_at%/*}
		done
		mkdir -p "$pcsc_dir/over/up" "$pcsc_dir/over/work" &&
			mount -t overlay overlay "$people_at" \
				-o "lowerdir=$people_at,upperdir=$pcsc_dir/over/up,workdir=$pcsc_dir/over/work" &&
			mkdir -p "$people_etc/castor" || return 1
		people_layered=yes
	fi
	rm -f "$people_etc/castor/DigiSign.conf"
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$people_etc/castor/DigiSign.conf"
}

# ---- a person ----

people_run() {
	rm -f rc out sig
	: >out
	cat >run.sh <<-RUN
		{ $1
		} $2
		echo \$? >"$PWD/rc.new"
		mv "$PWD/rc.new" "$PWD/rc"
	RUN
}

at_terminal() {
	people_run "$1" ">'$PWD/out' 2>&1"
	echo 'exec sleep 1000' >>run.sh
	person_tmux_start "unset LC_ALL; exec sh '$PWD/run.sh'"
}

in_sight() {
	people_run "$1"
	echo 'exec sleep 1000' >>run.sh
	person_tmux_start "unset LC_ALL; exec sh '$PWD/run.sh'"
}

at_display() {
	people_run "$1" ">'$PWD/out' 2>&1"
	setsid sh "$PWD/run.sh" </dev/null &
}

people_window=
# Windows of one title: another program's can have the same number.
people_window_is_new() {
	people_id=$(person_window "$1") && people_id="$people_id $(xdotool getwindowpid "$people_id" 2>/dev/null)" &&
		[ "$people_id" != "$people_window" ]
}

window() {
	person_until "$person_patience" people_window_is_new "$1" || { echo "no new window"; return 1; }
	people_window=$people_id
	# nobody manages windows here: keys go where the pointer is until the window takes them all
	xdotool windowfocus --sync "${people_window% *}" || :
}

nowhere() {
	people_run "$1" ">'$PWD/out' 2>&1"
	env -u DISPLAY setsid -w sh "$PWD/run.sh" </dev/null
}

ends() {
	person_until "$person_patience" test -s rc || {
		echo "it goes on"
		cat out
		[ "$person_at" != terminal ] || person_tmux_screen
		return 1
	}
	ends_wanted=$1
	shift
	case $ends_wanted in
	!) [ "$(cat rc)" -ne 0 ] ;;
	*) [ "$(cat rc)" -eq "$ends_wanted" ] ;;
	esac || { echo "status $(cat rc), wanted $ends_wanted"; cat out; return 1; }
	for ends_text; do
		grep -qe "$ends_text" out || { echo "does not say: $ends_text"; cat out; return 1; }
	done
}

# ---- a robot ----

robot() {
	robot_dir=$pcsc_dir/robot
	mkdir -p "$robot_dir/notes" && chmod 755 "$robot_dir" && chmod 1777 "$robot_dir/notes" || return 1
	cat >"$robot_dir/pinentry" <<-ROBOT
		#!/bin/sh
		cd "$robot_dir/notes" || exit 1
		echo started >>asked
		echo "OK a robot"
		while read -r verb rest; do
			case \$verb in
			SETDESC | SETERROR | SETPROMPT | SETTITLE) echo "\$verb \$rest" >>dialogs ;;
			GETPIN)
				echo GETPIN >>dialogs
				answer=cancel
				if [ -s answers ]; then
					answer=\$(head -n 1 answers)
					sed 1d answers >answers.new && mv answers.new answers
				fi
				case \$answer in
				out)
					"$vcard" ctl "$pcsc_dir/ctl0" remove >/dev/null
					# the dialog is taken away
					sleep 10
					answer=cancel
					;;
				cut\ *)
					answer=\${answer#cut }
					"$vcard" ctl "$pcsc_dir/ctl0" fault "\${answer%% *}" removed >/dev/null
					answer=\${answer#* }
					;;
				esac
				if [ "\$answer" = cancel ]; then
					echo "ERR 83886179 Operation cancelled <Pinentry>"
					continue
				fi
				echo "D \$answer"
				;;
			BYE) echo OK; exit 0 ;;
			esac
			echo OK
		done
	ROBOT
	chmod 755 "$robot_dir/pinentry" && mount --bind "$robot_dir/pinentry" /usr/bin/pinentry-curses || return 1
	# any name of a terminal will do: the robot does not look at it
	GPG_TTY=/dev/null
	export GPG_TTY
	answers
	: >"$robot_dir/notes/asked"
	: >"$robot_dir/notes/dialogs"
	chmod 666 "$robot_dir/notes/asked" "$robot_dir/notes/dialogs"
}

answers() {
	rm -f "$robot_dir/notes/answers"
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$robot_dir/notes/answers"
}

asked() {
	asked_n=$(wc -l <"$robot_dir/notes/asked")
	[ "$asked_n" -eq "$1" ] || { echo "asked $asked_n times"; cat "$robot_dir/notes/dialogs"; }
	: >"$robot_dir/notes/asked"
	: >"$robot_dir/notes/dialogs"
	[ "$asked_n" -eq "$1" ]
}

dialogs_say() {
	grep -qF -- "$1" "$robot_dir/notes/dialogs" || { cat "$robot_dir/notes/dialogs"; return 1; }
}

# ---- a program, and the card ----

reset_card() {
	vcard_ctl reset >/dev/null
}

host() {
	timeout 60 "$top_builddir/t/people/host" "$module" "$@"
}

# Written as a program, so that a step of host's can run it: `do ./shut 2`.
people_shut() {
	cat >shut <<-SHUT
		#!/bin/sh
		set -- "\${1:-2}"
		[ "\$("$vcard" ctl "$pcsc_dir/ctl0" open "\$1")" = no ] || { echo "PIN \$1 is open"; exit 1; }
		# select, choose the key of that PIN, sign
		opensc-tool -s 00A404000CA000000063504B43532D3135 -s "002241B60A80010281024B0\${1}840100" \\
			-s 002A9E9A14000102030405060708090A0B0C0D0E0F1011121300 >answers 2>&1
		grep -c '^Received (SW1=0x90' answers | grep -qx 2 && tail -n 3 answers |
			grep -q '^Received (SW1=0x69, SW2=0x8[25])' || { cat answers; exit 1; }
	SHUT
	chmod +x shut
}

shut() {
	[ -x shut ] || people_shut
	./shut "$1"
}
