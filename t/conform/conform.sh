# Runs the programs of t/conform with a virtual card. Source it after tap.sh.
#
#   conform_module NAME         sets $module: CASTOR_MODULE, or NAME of this build; ends the test without it
#   conform_card IMAGE          a virtual card on a socket, for libcryptoki-virtual.so
#   conform_second IMAGE        another one in a second reader, behind the first
#   conform_hooks CTL           the card can be taken out through this control socket
#   conform_run PROGRAM ARG...  runs t/conform/PROGRAM (or t/bench/...) and takes over its TAP lines
#   conform_dialogs SETTINGS    auto-login, with the scripted helper; more lines of settings, or nothing
#   conform_modes PROGRAM       runs it plain, then with a person who gives the right PIN, then with one who
#                               cancels; each time with the card myeid.yaml
#   conform_tries PIN N         one TAP line: the card has N tries left for a PIN
#   conform_end                 ends the card; the last line of a test
#
# Strict conformance is claimed without auto-login, which conform_dialogs switches on.
disableCryptokiAutoLogin=1
CASTOR_TEST_SO_PIN=12345678
export disableCryptokiAutoLogin CASTOR_TEST_SO_PIN
conform_dir=$(mktemp -d)
conform_pid=
trap 'conform_stop; rm -rf "$conform_dir" "$tap_out"' EXIT

conform_module() {
	module=${CASTOR_MODULE:-$top_builddir/.libs/$1}
	[ -f "$module" ] && return
	echo "Bail out! there is no $module"
	exit 1
}

conform_stop() {
	# waited for: they take their sockets away, which must not be the next card's
	# shellcheck disable=SC2086 # none, one or two of them
	[ -z "$conform_pid" ] || { kill $conform_pid; wait $conform_pid; } 2>/dev/null
	conform_pid=
}

conform_hooks() {
	conform_ctl=$1
	CASTOR_TEST_REMOVE="$top_builddir/castor-vcard ctl $1 remove >/dev/null"
	CASTOR_TEST_INSERT="$top_builddir/castor-vcard ctl $1 insert >/dev/null"
	CASTOR_TEST_RESET="$top_builddir/castor-vcard ctl $1 reset >/dev/null"
	CASTOR_BENCH_COUNT="$top_builddir/castor-vcard ctl $1 apdus"
	CASTOR_TEST_CTL="$top_builddir/castor-vcard ctl $1"
	export CASTOR_TEST_REMOVE CASTOR_TEST_INSERT CASTOR_TEST_RESET CASTOR_BENCH_COUNT CASTOR_TEST_CTL
}

# IMAGE N: a card on socketN.
conform_start() {
	rm -f "$conform_dir/socket$2" "$conform_dir/ctl$2" "$conform_dir/out$2"
	"$top_builddir/castor-vcard" --image "$top_srcdir/t/cards/$1" --socket "$conform_dir/socket$2" \
		--control "$conform_dir/ctl$2" </dev/null >"$conform_dir/out$2" 2>"$conform_dir/err" &
	conform_new=$!
	conform_pid="$conform_pid $conform_new"
	conform_left=200
	until grep -q ^ready: "$conform_dir/out$2" 2>/dev/null; do
		conform_left=$((conform_left - 1))
		if [ "$conform_left" -eq 0 ] || ! kill -0 "$conform_new" 2>/dev/null; then
			sed 's/^/# /' "$conform_dir/err"
			echo "Bail out! the virtual card does not start"
			exit 1
		fi
		sleep 0.05
	done
}

conform_card() {
	conform_stop
	conform_start "$1" ""
	CASTOR_VIRTUAL="unix:$conform_dir/socket"
	export CASTOR_VIRTUAL
	conform_hooks "$conform_dir/ctl"
}

conform_second() {
	conform_start "$1" 2
	CASTOR_VIRTUAL="unix:$conform_dir/socket||unix:$conform_dir/socket2"
}

# Root has to say that it wants dialogs; a display is only looked for, the helper uses none.
conform_dialogs() {
	unset disableCryptokiAutoLogin WAYLAND_DISPLAY GPG_TTY
	CASTOR_TEST_DIALOGS=$conform_dir/dialogs
	CASTOR_CONF=$conform_dir/settings
	DISPLAY=:0
	LC_ALL=C
	export CASTOR_TEST_DIALOGS CASTOR_CONF DISPLAY LC_ALL
	mkdir -p "$CASTOR_TEST_DIALOGS"
	(umask 077; mkdir -p "$conform_dir/run"; cat >"$CASTOR_CONF" <<-END
		rootAutoLogin = 1
		pinHelper = $top_builddir/t/unit/pinpeer
		DataPath = $conform_dir/run
		$1
	END
	)
}

# The plan and the numbers of the lines are ours; everything else is the program's.
conform_run() {
	conform_program=$1
	shift
	echo "# $conform_program"
	"$top_builddir/t/$conform_program" "$@" "$module" </dev/null >"$conform_dir/tap" 2>"$conform_dir/tap.err"
	conform_rc=$?
	awk -v n="$tap_n" '
		/^1\.\.[0-9]+$/ { next }
		/^(not )?ok [0-9]+/ { n++; sub(/ok [0-9]+/, "ok " n) }
		{ print }' "$conform_dir/tap"
	tap_n=$((tap_n + $(grep -c -E '^(not )?ok [0-9]+' "$conform_dir/tap")))
	tail -n 200 "$conform_dir/tap.err" | sed 's/^/# /'
	ok "$conform_program ends well and with a plan" conform_ended
}

conform_ended() {
	grep -q -E '^1\.\.[1-9]' "$conform_dir/tap" || { echo "no plan; status $conform_rc"; return 1; }
	return "$conform_rc"
}

conform_tries_are() {
	conform_seen=$("$top_builddir/castor-vcard" ctl "$conform_ctl" tries "$1")
	[ "$conform_seen" = "$2" ] || { echo "left: $conform_seen"; return 1; }
}

conform_tries() {
	ok "the card has $2 tries left for PIN $1: none was burnt" conform_tries_are "$1" "$2"
}

conform_modes() {
	conform_card myeid.yaml
	conform_run "$1"
	conform_tries 1 3
	conform_dialogs
	for conform_answer in 'D 1234\nOK\n' 'ERR 83886179 cancelled\n'; do
		PINENTRY_USER_DATA="GETPIN $conform_answer"
		export PINENTRY_USER_DATA
		conform_card myeid.yaml
		conform_run "$1"
		conform_tries 1 3
		CASTOR_TEST_CANCELS=1
		export CASTOR_TEST_CANCELS
	done
}

conform_end() {
	conform_stop
	tap_done
}
