#!/bin/sh
# castor register and unregister in a home made up: what is written, what is kept, what is left alone.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/castor/findings.sh"

work=$(mktemp -d)
holder=
trap '[ -z "$holder" ] || kill $holder 2>/dev/null; chmod -R u+w "$work"; rm -rf "$work" "$tap_out"' EXIT
module=$top_builddir/.libs/libcryptoki.so
castor="$top_builddir/castor_at --color=never --language=en --module $module"

# A home with two profiles of Firefox, a mail program, and the database of Chromium.
start() {
	rm -rf "$work/before"
	computer
	put home/.mozilla/firefox/profiles.ini "[Profile1]" "Name=default" "IsRelative=1" "Path=abc.default" \
		"[Profile0]" "IsRelative=1" "Path=def.work" "[General]" "Version=2"
	profile=$HOME/.mozilla/firefox/abc.default
	put home/.mozilla/firefox/def.work/places.sqlite
	put home/.thunderbird/profiles.ini "[Profile0]" "IsRelative=0" "Path=$HOME/mail"
	put home/mail/pkcs11.txt "library=" "name=NSS Internal PKCS #11 Module" "NSS=Flags=internal" ""
	put home/.mozilla/firefox/abc.default/pkcs11.txt "# kept by me" "library=" "name=NSS Internal PKCS #11 Module" \
		"parameters=configdir='x' certPrefix='' " "NSS=Flags=internal,critical trustOrder=75" "" \
		"library=/usr/lib/other.so" 'name="A \"quoted\" one"' "" ""
	put home/.pki/nssdb/pkcs11.txt "library=" "name=NSS Internal PKCS #11 Module" "NSS=Flags=internal"
	chmod 600 "$profile/pkcs11.txt"
	cp -r "$HOME" "$work/before"
}

# does STATUS TEXT COMMAND...: has that status and says that text
does() {
	does_status=$1
	does_text=$2
	shift 2
	$castor "$@" >"$work/said" 2>&1
	does_rc=$?
	cat "$work/said"
	[ "$does_rc" -eq "$does_status" ] || { echo "status $does_rc"; return 1; }
	grep -q -F -e "$does_text" "$work/said" || { echo "does not say: $does_text"; return 1; }
}

lists() {
	grep -c "^library=$module\$" "$1/pkcs11.txt"
}

grown() {
	cat "$work/before/$1/pkcs11.txt" >"$work/want"
	printf '%s' "$2" >>"$work/want"
	printf 'library=%s\nname=castor\n\n' "$module" >>"$work/want"
	cmp "$work/want" "$HOME/$1/pkcs11.txt"
}

same_home() {
	diff -r -x '*.castor-*' -x pkcs11 -x .config "$work/before" "$HOME"
}

unchanged() {
	does "$@" && same_home
}

start
ok "firefox alone" does 0 "registered" register firefox
ok "every byte of other modules is where it was" grown .mozilla/firefox/abc.default ""
ok "the file's mode is what it was" test "$(stat -c %a "$profile/pkcs11.txt")" = 600
ok "what was there is kept, dated" sh -c 'cmp "$1"/pkcs11.txt.castor-20??????-?????? "$2"' sh "$profile" \
	"$work/before/.mozilla/firefox/abc.default/pkcs11.txt"
ok "other programs are left alone" cmp "$HOME/mail/pkcs11.txt" "$work/before/mail/pkcs11.txt"
ok "once more: is registered already" does 0 "is registered already" register firefox
ok "nothing is done twice" test "$(lists "$profile")" = 1
copies() {
	set -- "$profile"/pkcs11.txt.castor-*
	[ $# -eq 1 ]
}
ok "... and no second copy kept" copies
ok "a profile never opened has nothing to change" does 0 "has not been started yet" register firefox
ok "unregister" does 0 unregistered unregister firefox
ok "gives back what was there" same_home
ok "once more: was not registered" does 0 "was not registered" unregister firefox

start
ok "all of them" does 0 "p11-kit" register
ok "Chromium's list, without an empty line at its end, gets one" grown .pki/nssdb "
"
ok "Thunderbird's profile is elsewhere" grown mail ""
own=$HOME/.config/pkcs11/modules/castor.module
ok "p11-kit's file is the person's own" grep -qx "module: $module" "$own"
ok "... with no word on trust, and not critical" grep -qx "critical: no" "$own"
ok "all of them again" does 0 "is registered already" register all
ok "in JSON" does 0 '"outcome": "already"' --json register all
ok "unregister all" does 0 unregistered unregister
ok "takes p11-kit's file away" test ! -e "$own"
ok "... and a list without an empty line at its end gets the module's own only" \
	cmp -n "$(wc -c <"$work/before/.pki/nssdb/pkcs11.txt")" "$work/before/.pki/nssdb/pkcs11.txt" "$HOME/.pki/nssdb/pkcs11.txt"

start
put root/usr/share/p11-kit/modules/castor.module "module: $module"
ok "p11-kit has it from the system: nothing to do" does 0 "the system registers it for everybody" register p11-kit
ok "... and nothing done" test ! -e "$HOME/.config/pkcs11"
printf 'library=/usr/lib/p11-kit-proxy.so\nname=p11\n\n' >>"$profile/pkcs11.txt"
cp "$profile/pkcs11.txt" "$work/want"
ok "a list with p11-kit's proxy has it through that" does 0 "has it already, through p11-kit" register firefox
ok "... and stays as it was" cmp "$work/want" "$profile/pkcs11.txt"

start
CASTOR_AT_IS_ROOT=1
export CASTOR_AT_IS_ROOT
ok "p11-kit takes no file of root's own: left alone" unchanged 10 "/etc/pkcs11/modules" register p11-kit
ok "... and none is written" test ! -e "$own"
unset CASTOR_AT_IS_ROOT

start
printf 'library=/opt/old/libcryptoki.so\nname=castor\n\n' >>"$profile/pkcs11.txt"
ok "an older copy by our name is replaced" does 0 "in the place of another copy" register firefox
ok "... to the letter" grown .mozilla/firefox/abc.default ""
start
printf 'library=%s\nname=DigiSign\n\n' "$module" >>"$profile/pkcs11.txt"
cp "$profile/pkcs11.txt" "$work/want"
ok "registered by hand under another name: is there already" does 0 "is registered already" register firefox
ok "... and stays" cmp "$work/want" "$profile/pkcs11.txt"

# ---- left alone ----

start
mv "$profile/pkcs11.txt" "$profile/secmod.db"
rm -rf "$work/before" && cp -r "$HOME" "$work/before"
ok "a database of the old form is left alone" unchanged 10 "secmod.db" register firefox
start
mkdir -p "$root/proc/4711"
ln -s "192.0.2.1:+4711" "$profile/lock"
ok "a browser that runs, by its link" does 10 "(process 4711)" register firefox
ok "... is left alone" cmp "$profile/pkcs11.txt" "$work/before/.mozilla/firefox/abc.default/pkcs11.txt"
rmdir "$root/proc/4711"
ok "the link that a crash left behind stops nobody" does 0 registered register firefox
start
if perl -e 1 2>/dev/null; then
	: >"$profile/.parentlock"
	perl -e 'use Fcntl; open my $f, "+<", shift; my $l = pack "s s x4 q q l x4", F_WRLCK, 0, 0, 0, 0;
		fcntl $f, F_SETLK, $l or die; $| = 1; print "locked\n"; sleep 100' "$profile/.parentlock" >"$work/locked" &
	holder=$!
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ ! -s "$work/locked" ] || break
		sleep 0.2
	done
	ok "a browser that runs, by its lock" does 10 "(process $holder)" register firefox
	ok "... is left alone" cmp "$profile/pkcs11.txt" "$work/before/.mozilla/firefox/abc.default/pkcs11.txt"
	ok "... also by unregister" does 10 "is running" unregister firefox
	kill "$holder"
	wait "$holder" 2>/dev/null
	holder=
else
	skip "a browser that runs, by its lock" "perl is not installed"
fi
start
mkdir -p "$root/proc/4712"
mkdir -p "$HOME/.config/chromium"
ln -s "host-4712" "$HOME/.config/chromium/SingletonLock"
ok "Chromium that runs" does 10 "(process 4712)" register chromium
start
if [ "$(id -u)" -ne 0 ]; then
	chmod a-w "$profile"
	ok "a folder that cannot be written" does 10 "cannot be written" register firefox
	chmod u+w "$profile"
elif unshare -m true 2>/dev/null; then
	ok "a folder that cannot be written" unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" &&
		shift && "$@" | grep "cannot be written"; [ $? -eq 0 ]' sh "$profile" $castor register firefox
else
	skip "a folder that cannot be written" "root can write all, and mounts are not allowed"
fi
start
mv "$profile/pkcs11.txt" "$work/elsewhere"
ln -s "$work/elsewhere" "$profile/pkcs11.txt"
ok "a list that is a link is left alone" does 10 "is a link" register firefox
ok "... and a link" test -L "$profile/pkcs11.txt"
start
put home/snap/firefox/common/.mozilla/firefox/profiles.ini "[Profile0]" "IsRelative=1" "Path=x"
put home/snap/firefox/common/.mozilla/firefox/x/pkcs11.txt "library=" "name=NSS Internal PKCS #11 Module" "NSS=Flags=internal" ""
rm -rf "$work/before" && cp -r "$HOME" "$work/before"
ok "a browser in a snap is told apart" does 10 "Firefox (snap)" register firefox
ok "... and what does work is said" grep -q "from a package of the system" "$work/said"
ok "... nothing was done to it" cmp "$HOME/snap/firefox/common/.mozilla/firefox/x/pkcs11.txt" \
	"$work/before/snap/firefox/common/.mozilla/firefox/x/pkcs11.txt"

# ---- the command line ----

ok "a program nobody knows" does 2 "firefox, thunderbird" register opera
castor="$top_builddir/castor_at --language=en --module $work/none.so"
ok "a module that is not there" does 2 "there is no module" register
castor="$top_builddir/castor_at --language=en --module $top_builddir/.libs/libcryptoki-virtual.so"
ok "the module of test cards" does 2 "not for other programs" register
computer
castor="$top_builddir/castor_at --language=en --module $module"
ok "nobody to tell" does 0 "start it once" register firefox
tap_done
