#!/bin/sh
# Programs that must never show a dialog nor profit from a card that somebody else has opened: root's,
# those with more rights than their user, those that lend the module out, those that find out who
# somebody is. They get plain Cryptoki.
. "$top_srcdir/t/people/people.sh"
client_image=$vcard_images/myeid-citizen.yaml
people_start setpriv pkcs11-tool p11-kit -- "$@"
robot
nobody="setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/nonexistent"

# what nobody can read, too, wherever the build is
bin=$pcsc_dir/bin
mkdir -p "$bin" && cp "$module" "$bin/module.so" && cp "$top_builddir/t/people/host" "$bin/host" && chmod 755 "$bin"/*
cp "$bin/host" "$bin/setuid" && chmod 4755 "$bin/setuid"
cp "$bin/host" "$bin/setgid" && chgrp 1 "$bin/setgid" && chmod 2755 "$bin/setgid"

# Programs for steps of host's: with PIN1 open by another program, this one sees no private key, gets no
# login without a PIN, and is served when it has one.
cat >plain <<-PLAIN
	#!/bin/sh
	exec "\$@" "slot \${SLOT:-0}" 'path = no' open 'keys = none' 'sign 45 = no key' 'login = CKR_ARGUMENTS_BAD' 'sign 45 = no key'
PLAIN
cat >served <<-SERVED
	#!/bin/sh
	exec "\$@" "slot \${SLOT:-0}" open 'login 1234' 'keys = 45' 'sign 45' logout 'keys = none'
SERVED
chmod 755 plain served

# plain PROGRAM...: while PIN1 is open; it still is afterwards
plain() {
	host 'slot 0' open 'login 1234' "do ./plain $* >>said 2>&1" 'sign 45' >>said 2>&1 && return 0
	cat said
	return 1
}

# Every check would pass if dialogs never came: they do, for the same program without the marks.
ok "nobody is asked, as everybody is" eval "answers 1234; $nobody $bin/host $bin/module.so 'slot 0' 'path = yes' open 'keys = 45' 'sign 45'"
ok "... by a dialog" asked 1
ok "an open card serves nobody, too" host 'slot 0' open 'login 1234' \
	"do $nobody $bin/host $bin/module.so 'slot 0' open 'sign 45' >said"
ok "... without a dialog" asked 0
ok "root is asked where rootAutoLogin is 1" eval "answers 1234; host 'slot 0' 'path = yes' open 'keys = 45' 'sign 45'"
ok "... by a dialog" asked 1

CASTOR_CONF=/nonexistent
ok "root, else: plain Cryptoki" host 'slot 0' 'path = no' open 'keys = none' 'sign 45 = no key' 'login = CKR_ARGUMENTS_BAD'
ok "root, with PIN1 open" plain "env CASTOR_CONF=/nonexistent $bin/host $bin/module.so"
ok "root, served" ./served "$bin/host" "$bin/module.so"
ok "root, after a neighbour's reset" host 'slot 0' open 'login 1234' 'sign 45' \
	"do '$vcard' ctl '$pcsc_dir/ctl0' reset >said" 'sign 45 = CKR_USER_NOT_LOGGED_IN' 'login 1234' 'sign 45'
CASTOR_CONF=$PWD/conf

ok "set-user-ID: plain Cryptoki" plain "$nobody $bin/setuid $bin/module.so"
ok "set-user-ID: served" ./served $nobody "$bin/setuid" "$bin/module.so"
ok "set-group-ID: plain Cryptoki" plain "$nobody $bin/setgid $bin/module.so"
ok "set-group-ID: served" ./served $nobody "$bin/setgid" "$bin/module.so"
# what a user says does not count there
echo "rootAutoLogin = 1" >"$bin/conf"
ok "set-user-ID, with settings of the user's" plain "$nobody CASTOR_CONF=$bin/conf disableCryptokiAutoLogin=0 $bin/setuid $bin/module.so"
if system_conf "rootAutoLogin = 1" "pinHelper = /usr/bin/pinentry-curses"; then
	ok "set-user-ID, with settings of the system's" plain "$nobody $bin/setuid $bin/module.so"
	system_conf
fi
ok "no dialog came to any of these" asked 0

# ---- the shipped sections ----

# Programs of all their names, somewhere.
sed -n 's/^\[app:\*\/\(.*\)\]$/\1/p' "$top_srcdir/base/shipped.conf" | sed -e 's/\*/x/g' -e 's|^.*/|in/&|' >names
while read -r name; do
	mkdir -p "$bin/$(dirname "$name")"
	ln "$bin/host" "$bin/$name"
done <names
cat >each <<-EACH
	#!/bin/sh
	while read -r name; do
		./plain "$bin/\$name" "$bin/module.so" >said 2>&1 || { echo "\$name:"; cat said; exit 1; }
	done <names
EACH
chmod 755 each
ok "there are such names" grep -c . names
ok "root's, with rootAutoLogin: plain Cryptoki for all of them" host 'slot 0' open 'login 1234' 'do ./each' 'sign 45'
ok "... and no dialog" asked 0
sed -i "s|\./plain |./plain $nobody |" each
ok "nobody's: plain Cryptoki for all of them" host 'slot 0' open 'login 1234' 'do ./each' 'sign 45'
ok "... and no dialog" asked 0
ok "sshd: served" ./served "$bin/sshd" "$bin/module.so"
if [ -e /usr/sbin/sshd ] && mount --bind "$bin/host" /usr/sbin/sshd; then
	ok "in the place of the system's sshd" plain "/usr/sbin/sshd $bin/module.so"
	umount /usr/sbin/sshd
fi
if system_conf "[app:*/su]" "disableCryptokiAutoLogin = 0"; then
	answers 1234
	ok "the administrator may have it otherwise" "$bin/su" "$bin/module.so" 'slot 0' 'path = yes' open 'sign 45'
	ok "... a dialog" asked 1
	system_conf
fi

# ---- p11-kit ----

client=$(find /usr/lib /usr/local/lib -name p11-kit-client.so 2>/dev/null | head -n 1)
proxy=$(find /usr/lib /usr/local/lib -name p11-kit-proxy.so 2>/dev/null | head -n 1)

# serve NAME COMMAND...: p11-kit's server, run by COMMAND
serve() {
	serve_name=$1
	shift
	"$@" p11-kit server --foreground --provider "$bin/module.so" --name "$sockets/$serve_name" "pkcs11:" >server.out 2>&1 &
	serve_pid=$!
	pcscd_until 10 test -S "$sockets/$serve_name" || { cat server.out; return 1; }
}

sockets=$pcsc_dir/sockets
mkdir "$sockets" && chmod 1777 "$sockets"
for who in root nobody; do
	as=
	[ $who = root ] || as=$nobody
	ok "p11-kit server of $who" serve $who $as
	through="$as env P11_KIT_SERVER_ADDRESS=unix:path=$sockets/$who $bin/host $client"
	SLOT=$($through 'slots = *' | sed -n 's/^slots : \([0-9]*\).*/\1/p')
	export SLOT
	ok "... its client: plain Cryptoki" plain "$through"
	ok "... served" ./served $through
	[ $who = nobody ] || ok "... a neighbour's reset ends the login" $through "slot $SLOT" open 'login 1234' 'sign 45' \
		"do '$vcard' ctl '$pcsc_dir/ctl0' reset >said" 'sign 45 = CKR_USER_NOT_LOGGED_IN'
	ok "... no dialog came" asked 0
	kill "$serve_pid"
done

mkdir -p etc/modules && printf 'remote: |p11-kit remote %s\nmanaged: yes\n' "$bin/module.so" >etc/modules/castor.module &&
	echo "user-config: none" >etc/pkcs11.conf
configs=$(pkg-config --variable=p11_module_configs p11-kit-1 2>/dev/null)
mkdir -p /etc/pkcs11 2>/dev/null
if mount --bind etc /etc/pkcs11 2>/dev/null; then
	mount -t tmpfs tmpfs "${configs:-/usr/share/p11-kit/modules}" 2>/dev/null
	SLOT=$("$bin/host" "$proxy" 'slots = *' | sed -n 's/^slots : \([0-9]*\).*/\1/p')
	ok "p11-kit remote: plain Cryptoki" plain "$bin/host $proxy"
	ok "... served" ./served "$bin/host" "$proxy"
	ok "... no dialog came" asked 0
else
	skip "p11-kit remote" "/etc/pkcs11 cannot be replaced here"
fi
people_end 3
