#!/bin/sh
# Which dialog is found on which system, and whether the session is locked: with other programs in
# /usr/bin than there are, in a mount namespace of this test's own.
. "$top_srcdir/t/tap.sh"

if [ "${CASTOR_OWN_MOUNTS:-}" != "$$" ]; then
	rm -f "$tap_out"
	# not as root of a user namespace: there the programs of the system belong to nobody
	if [ "$(id -u)" -ne 0 ] || ! unshare -m true 2>/dev/null; then
		echo "1..0 # SKIP only root has mounts of its own"
		exit 0
	fi
	CASTOR_OWN_MOUNTS=$$
	export CASTOR_OWN_MOUNTS
	exec unshare -m /bin/sh "$0"
fi

work=$(mktemp -d) || exit 1
mounts=0
trap 'umount_all; rm -rf "$work" "$tap_out"' EXIT
umount_all() {
	while [ "$mounts" -gt 0 ]; do
		umount -l /usr/bin
		mounts=$((mounts - 1))
	done
}
# what the probe reads must stay when /usr/bin changes
probe=$work/ask_probe
cp "$top_builddir/t/askpin/ask_probe" "$probe"
unset DISPLAY WAYLAND_DISPLAY GPG_TTY DBUS_SESSION_BUS_ADDRESS XDG_SESSION_ID
chmod 755 "$work"

# has NAME...: a /usr/bin with these dialogs only; NAME>TARGET is a link, NAME! one that all can write.
has() {
	umount_all
	rm -rf "${work:?}/bin"
	mkdir -m 755 "$work/bin"
	for has_name in /usr/bin/pinentry*; do
		# a whiteout: not there in the layers below
		[ ! -L "$has_name" ] && [ ! -e "$has_name" ] || mknod "$work/bin/${has_name##*/}" c 0 0
	done
	for has_name; do
		case $has_name in
		*\>*) has_file=${has_name%%>*} ;;
		*) has_file=${has_name%!} ;;
		esac
		rm -f "$work/bin/$has_file"
		case $has_name in
		*\>*) ln -s "${has_name#*>}" "$work/bin/$has_file" ;;
		*) printf '#!/bin/sh\n' >"$work/bin/$has_file"; chmod 755 "$work/bin/$has_file" ;;
		esac
		case $has_name in *!) chmod 777 "$work/bin/$has_file" ;; esac
	done
	mount -t overlay overlay -o "lowerdir=$work/bin:/usr/bin" /usr/bin && mounts=1
}

# finds HELPER [VARIABLE=VALUE]...
finds() {
	finds_want=$1
	shift
	env "$@" "$probe" out="$work/out" find="${setting:-}" ${any:+any=1} </dev/null >/dev/null 2>&1
	grep -qx "helper $finds_want" "$work/out" || { cat "$work/out"; return 1; }
}

x=DISPLAY=:7 w=WAYLAND_DISPLAY=w tty=GPG_TTY=/dev/pts/7 term=TERM=xterm bus=DBUS_SESSION_BUS_ADDRESS=unix:x
b=/usr/bin
none=E_UNSUPPORTED

if has pinentry; then
	ok "a script that chooses itself" finds $b/pinentry $x
	ok "... on a terminal, too" finds $b/pinentry $tty $term
	ok "neither display nor terminal" finds $none TERM=xterm
	has
	ok "nothing installed: a display" finds $none $x
	ok "nothing installed: a terminal" finds $none $tty $term
	has 'pinentry>pinentry-qt' pinentry-qt pinentry-gtk-2 pinentry-curses
	ok "what the administrator chose" finds $b/pinentry $x
	ok "it is known to need a display" finds $b/pinentry-curses $tty $term
	has 'pinentry>/etc/alternatives/castor-test' pinentry-gtk-2
	ok "a link to nowhere is passed over" finds $b/pinentry-gtk-2 $x
	has 'pinentry>pinentry-curses' pinentry-curses pinentry-gtk-2
	ok "a window goes before the chosen terminal" finds $b/pinentry-gtk-2 $x $tty $term
	ok "the chosen one on a terminal" finds $b/pinentry $tty $term
	has 'pinentry>pinentry-curses' pinentry-curses
	ok "a terminal goes for a display without window" finds $b/pinentry $x $tty $term
	ok "but not where there is none" finds $none $x
	has pinentry-gnome3 pinentry-gtk-2 pinentry-tty
	ok "gnome3 needs a bus: without" finds $b/pinentry-gtk-2 $x
	ok "gnome3 needs a bus: with" finds $b/pinentry-gnome3 $x $bus
	ok "gtk-2 has no Wayland" finds $none $w
	ok "gnome3 has" finds $b/pinentry-gnome3 $w $bus
	has pinentry-curses pinentry-tty
	ok "a terminal that can move its cursor" finds $b/pinentry-curses $tty $term
	ok "one that cannot" finds $b/pinentry-tty $tty TERM=dumb
	has 'pinentry>pinentry-gtk-2' pinentry-gtk-2
	ok "those with windows can do with a terminal" finds $b/pinentry $tty $term
	has pinentry-gtk-2! pinentry-x11
	ok "what others can write is passed over" finds $b/pinentry-x11 $x
	any=1
	ok "... but for a virtual card" finds $b/pinentry-gtk-2 $x
	any=
	has pinentry! pinentry-curses!
	ok "nothing that can be trusted" finds $none $x $tty $term
	setting=/usr/bin/pinentry
	ok "not even as a setting" finds $none $x $tty $term
	setting=/bin/sh
	ok "a setting that can" finds /bin/sh $x
	setting=
	umount_all
else
	skip "which dialog is found" "this kernel has no overlay for namespaces"
fi

# A set-id program trusts no environment: it has no dialog, even with a setting.
if cp "$probe" "$work/setid" && chown nobody "$work/setid" && chmod 4755 "$work/setid" &&
	! findmnt -no OPTIONS -T "$work" | grep -q nosuid; then
	chmod 777 "$work"
	rm -f "$work/out"
	probe=$work/setid
	setting=/bin/sh
	ok "a set-id program has no dialog" finds $none $x $tty $term
	probe=$work/ask_probe
	rm -f "$work/out"
	ok "the same program without does" finds /bin/sh $x $tty $term
	setting=
else
	skip "a set-id program has no dialog" "needs a file system with set-id"
fi

# logind SCRIPT: what loginctl does.
logind() {
	umount_all
	rm -rf "${work:?}/bin"
	mkdir -m 755 "$work/bin"
	printf '#!/bin/sh\necho "$*" >>%s\n%s\n' "$work/calls" "$1" >"$work/bin/loginctl"
	chmod 755 "$work/bin/loginctl"
	rm -f "$work/calls"
	mount -t overlay overlay -o "lowerdir=$work/bin:/usr/bin" /usr/bin && mounts=1
}

locked() {
	locked_want=$1
	shift
	locked_start=$(date +%s%N)
	env "$@" "$probe" out="$work/out" locked=1
	locked_ms=$((($(date +%s%N) - locked_start) / 1000000))
	grep -qx "locked $locked_want" "$work/out" || { cat "$work/out" "$work/calls"; return 1; }
	[ "$locked_ms" -lt 2500 ] || { echo "took $locked_ms ms"; return 1; }
}

calls() {
	printf '%s\n' "$@" | cmp - "$work/calls"
}

if mount -t tmpfs tmpfs /run && logind 'echo yes'; then
	ok "no logind: nobody can tell" locked -1 XDG_SESSION_ID=7
	ok "... and nothing is started to find out" test ! -e "$work/calls"
	mkdir -p /run/systemd/sessions
	ok "locked" locked 1 XDG_SESSION_ID=7
	ok "it was this session" calls "show-session 7 -p LockedHint --value"
	logind 'echo no'
	ok "not locked" locked 0 XDG_SESSION_ID=c7
	logind 'case $1 in show-user) echo 12 ;; *) echo yes ;; esac'
	ok "no session of one's own: that of the display" locked 1
	ok "it was that of this user" calls "show-user $(id -u) -p Display --value" \
		"show-session 12 -p LockedHint --value"
	rm "$work/calls"
	ok "a name of a session that is none is not used" locked 1 XDG_SESSION_ID=--help
	ok "but the display's" calls "show-user $(id -u) -p Display --value" \
		"show-session 12 -p LockedHint --value"
	for script in 'exit 1' 'echo yes; exit 1' 'echo' 'echo maybe' 'printf yesterday' \
		'yes' 'kill -9 $$' 'case $1 in show-user) echo --all ;; *) echo yes ;; esac' \
		'case $1 in show-user) ;; *) echo yes ;; esac'; do
		logind "$script"
		case $script in
		case*) ok "nobody can tell: $script" locked -1 ;;
		*) ok "nobody can tell: $script" locked -1 XDG_SESSION_ID=7 ;;
		esac
	done
	logind 'sleep 100'
	ok "two seconds are enough" locked -1
	logind "trap '' TERM; while :; do sleep 1; done"
	ok "... for a stubborn one, too" locked -1 XDG_SESSION_ID=7
	logind 'case $1 in show-user) sleep 1; echo 7 ;; *) sleep 1; echo yes ;; esac'
	ok "... for both questions" locked -1
else
	skip "whether the session is locked" "this kernel has no overlay for namespaces"
fi
tap_done
