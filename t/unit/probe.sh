# A probe (card_probe.c) held open by a shell test: source after tap.sh.
#
#   probe_start PROGRAM         starts it
#   says WANT WORD...           sends the line WORD..., succeeds when the answer starts with WANT
#   send WORD... ; heard WANT   the two halves of it, for what waits
#   probe_stop
probe_start() {
	probe_dir=$(mktemp -d)
	mkfifo "$probe_dir/in" "$probe_dir/out"
	"$@" <"$probe_dir/in" >"$probe_dir/out" 2>"$probe_dir/err" &
	probe_pid=$!
	exec 8>"$probe_dir/in" 9<"$probe_dir/out"
}

send() {
	echo "$*" >&8
}

heard() {
	read -r probe_answer <&9 || probe_answer="(ended)"
	case $probe_answer in
	"$1"*) return 0 ;;
	esac
	echo "answer: $probe_answer"
	cat "$probe_dir/err"
	return 1
}

says() {
	probe_want=$1
	shift
	send "$@"
	heard "$probe_want"
}

probe_stop() {
	send quit # what was started since holds the pipe open, so closing it ends nothing
	exec 8>&-
	wait "$probe_pid"
	probe_rc=$?
	exec 9<&-
	rm -rf "$probe_dir"
	return "$probe_rc"
}
