# TAP for shell tests: source it, call `ok`/`skip`, end with `tap_done`.
#
#   ok "what must hold" command args...     passes when the command succeeds
#   not_ok_if "what must not hold" command  passes when the command fails
#   skip "what" "why"                       only for software that is missing
#
# The output of a failing command is shown as TAP comments.
tap_n=0
tap_failed=0
tap_out=$(mktemp)

tap_line() {
	tap_n=$((tap_n + 1))
	echo "$1 $tap_n - $2"
	[ "$1" = ok ] || tap_failed=$((tap_failed + 1))
}

ok() {
	tap_what=$1
	shift
	if "$@" >"$tap_out" 2>&1; then
		tap_line ok "$tap_what"
	else
		tap_rc=$?
		tap_line "not ok" "$tap_what"
		echo "# exit status $tap_rc of: $*"
		sed 's/^/# /' "$tap_out" | tail -n 60
	fi
}

not_ok_if() {
	tap_what=$1
	shift
	if "$@" >"$tap_out" 2>&1; then
		tap_line "not ok" "$tap_what"
		echo "# should have failed: $*"
		sed 's/^/# /' "$tap_out" | tail -n 60
	else
		tap_line ok "$tap_what"
	fi
}

skip() {
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

tap_done() {
	rm -f "$tap_out"
	echo "1..$tap_n"
	[ "$tap_failed" -eq 0 ]
}
