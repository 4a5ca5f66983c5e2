# A pcscd of the test's own, with virtual cards in its readers. Source it after tap.sh.
#
#   pcscd_enter "$@"           first thing: runs the test again in namespaces of its own (mounts, network,
#                              processes), where no other pcscd, port or reader is; nothing outlives it.
#                              Skips the whole test when a program for that is missing.
#   pcscd_needs PROGRAM...     skips the whole test when a program is missing
#   start_pcscd, stop_pcscd
#   start_vcard IMAGE [SLOT]   puts a card in reader SLOT (0, 1) and waits until pcscd sees it
#   stop_vcard [SLOT]
#   vcard_ctl COMMAND...       the console of the card in slot 0; vcard_ctl_slot SLOT COMMAND... of any
#   wait_card [SLOT]           waits until pcscd sees the card in the reader
#   wait_no_card [SLOT]        ... until it sees it is gone
#
# Files (logs, control sockets) are in $pcsc_dir, a private folder that vanishes with the test.

vcard=$top_builddir/castor-vcard
vcard_images=$top_srcdir/t/cards

pcscd_skip() {
	echo "1..0 # SKIP $*"
	exit 0
}

pcscd_needs() {
	for pcscd_program; do
		command -v "$pcscd_program" >/dev/null 2>&1 || pcscd_skip "$pcscd_program is not installed"
	done
}

pcscd_enter() {
	if [ "${CASTOR_OWN_PCSCD:-}" != "$0" ]; then
		pcscd_needs unshare ip pcscd
		[ -n "$(find /usr/lib /usr/local/lib -name 'libifdvpcd.so*' 2>/dev/null | head -n 1)" ] ||
			pcscd_skip "the reader driver vpcd is not installed"
		for pcscd_ns in "" "-r"; do
			# Root has namespaces; others get them in a user namespace, where that is allowed.
			# shellcheck disable=SC2086
			if unshare $pcscd_ns -mnpf --mount-proc true 2>/dev/null; then
				CASTOR_OWN_PCSCD=$0
				export CASTOR_OWN_PCSCD
				rm -f "${tap_out:-}"
				exec unshare $pcscd_ns -mnpf --mount-proc --kill-child "$SHELL_OF_TEST" "$0" "$@"
			fi
		done
		pcscd_skip "namespaces are not allowed here"
	fi
	ip link set lo up
	mount -t tmpfs tmpfs /run
	mkdir -p /run/pcscd /run/castor
	pcsc_dir=/run/castor
	unset PCSCLITE_CSOCK_NAME
}
SHELL_OF_TEST=${SHELL_OF_TEST:-/bin/sh}

# Tries a command 20 times a second until it succeeds, at most $1 seconds.
pcscd_until() {
	pcscd_left=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		pcscd_left=$((pcscd_left - 1))
		[ "$pcscd_left" -gt 0 ] || return 1
		sleep 0.05
	done
}

start_pcscd() {
	set -- --foreground
	if pcscd --help 2>&1 | grep -q -- --disable-polkit; then
		set -- "$@" --disable-polkit
	fi
	pcscd "$@" >>"$pcsc_dir/pcscd.log" 2>&1 &
	pcscd_pid=$!
	pcscd_until 10 test -S /run/pcscd/pcscd.comm
}

stop_pcscd() {
	kill "$pcscd_pid" 2>/dev/null
	wait "$pcscd_pid" 2>/dev/null
	rm -f /run/pcscd/pcscd.comm
	return 0
}

# Reader lines of opensc-tool: "0    Yes             Virtual PCD 00 00".
pcscd_sees() {
	opensc-tool --list-readers 2>/dev/null | grep -q "^$1 *$2 .*Virtual PCD"
}

wait_card() {
	if command -v opensc-tool >/dev/null 2>&1; then
		pcscd_until 10 pcscd_sees "${1:-0}" Yes
	else
		sleep 3
	fi
}

wait_no_card() {
	if command -v opensc-tool >/dev/null 2>&1; then
		pcscd_until 10 pcscd_sees "${1:-0}" No
	else
		sleep 3
	fi
}

start_vcard() {
	vcard_slot=${2:-0}
	"$vcard" --image "$1" --vpcd "127.0.0.1:$((35963 + vcard_slot))" --control "$pcsc_dir/ctl$vcard_slot" \
		--log "$pcsc_dir/apdu$vcard_slot.log" \
		</dev/null >"$pcsc_dir/vcard$vcard_slot.out" 2>"$pcsc_dir/vcard$vcard_slot.err" &
	eval "vcard_pid$vcard_slot=$!"
	pcscd_until 10 grep -q ^ready: "$pcsc_dir/vcard$vcard_slot.out" || return 1
	wait_card "$vcard_slot"
}

stop_vcard() {
	eval "vcard_pid=\$vcard_pid${1:-0}"
	kill "$vcard_pid" 2>/dev/null
	wait "$vcard_pid"
	# pcscd notices at its next look only: until then the next card would be taken for this one
	! kill -0 "${pcscd_pid:-none}" 2>/dev/null || wait_no_card "${1:-0}"
}

vcard_ctl_slot() {
	vcard_slot=$1
	shift
	"$vcard" ctl "$pcsc_dir/ctl$vcard_slot" "$@"
}

vcard_ctl() {
	vcard_ctl_slot 0 "$@"
}
