# What the tests of castor doctor share. Source it after tap.sh, with $work a folder of the test's own.
#
#   computer             a new computer in $root where all is well, with a home in $HOME; castor runs in it
#   put PATH [LINE...]   writes a file below $work, with its folders
#   finds ID [TEXT...]   castor doctor finds it, with these texts on its lines, in words and in JSON, and its
#                        status is FINDINGS
#   mentions ID [TEXT]   the same for one that is for information alone: the status is 0
#   fine                 exactly the one line that all is well, and status 0
#   $doctor              the command line that is tried
#
# Each finding that was seen is noted in $work/found.

put() {
	mkdir -p "$work/$(dirname "$1")"
	put_to=$work/$1
	shift
	[ $# -eq 0 ] || printf '%s\n' "$@" >"$put_to"
	[ $# -ne 0 ] || : >"$put_to"
}

computer() {
	rm -rf "$work/root" "$work/home"
	root=$work/root
	mkdir -p "$root/proc/net" "$work/home"
	put root/usr/sbin/pcscd
	put root/usr/bin/apt
	put root/usr/bin/pinentry-curses
	put root/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist
	# what a list of modules names by its whole path is in the computer, too
	for computer_file in libcryptoki.so libcryptoki-virtual.so; do
		mkdir -p "$root$top_builddir/.libs"
		ln -s "$top_builddir/.libs/$computer_file" "$root$top_builddir/.libs/$computer_file"
	done
	put home/DigiSign.conf
	chmod 600 "$work/home/DigiSign.conf"
	HOME=$work/home
	CASTOR_AT_ROOT=$root
	CASTOR_AT_PROC=$root/proc
	CASTOR_CONF=$work/home/DigiSign.conf
	PCSCLITE_CSOCK_NAME=$work/comm
	export HOME CASTOR_AT_ROOT CASTOR_AT_PROC CASTOR_CONF PCSCLITE_CSOCK_NAME
	unset CASTOR_AT_IS_ROOT XDG_CONFIG_HOME GNUPGHOME SSH_CONNECTION XDG_SESSION_ID DISPLAY WAYLAND_DISPLAY
}

# The lines of that finding in the words of the last run.
lines_of() {
	sed -n "/\[$1\]\$/,/^[^ ]/p" "$work/said"
}

run_doctor() {
	$doctor --color=never --language=en doctor >"$work/said" 2>"$work/err"
	status=$?
	$doctor --json --language=en doctor >"$work/json" 2>>"$work/err"
	json_status=$?
	cat "$work/said" "$work/err"
	[ "$status" -eq "$json_status" ] || { echo "JSON has status $json_status"; return 1; }
}

seen() {
	seen_status=$1
	seen_id=$2
	shift 2
	run_doctor || return 1
	[ "$status" -eq "$seen_status" ] || { echo "status $status"; return 1; }
	grep -q "\[$seen_id\]\$" "$work/said" || { echo "not found: $seen_id"; return 1; }
	grep -q "\"id\": *\"$seen_id\"" "$work/json" || { cat "$work/json"; echo "not in JSON: $seen_id"; return 1; }
	for seen_text; do
		lines_of "$seen_id" | grep -q -F -e "$seen_text" || { echo "$seen_id does not say: $seen_text"; return 1; }
	done
	! grep -q "{[1-9]}" "$work/said" || { echo "a text was left out"; return 1; }
	echo "$seen_id" >>"$work/found"
}

finds() {
	seen 10 "$@"
}

mentions() {
	seen 0 "$@"
}

fine() {
	run_doctor || return 1
	[ "$status" -eq 0 ] && [ "$(cat "$work/said")" = "✓ Everything is fine." ] && [ ! -s "$work/err" ] &&
		grep -q '"healthy": *true' "$work/json"
}
