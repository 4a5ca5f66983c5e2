#!/bin/sh
# The Debian package in fresh Debian systems: built from `make dist` with nothing but its Build-Depends and
# without a network, looked at by lintian, installed, used, upgraded and removed.
#
#   make distcheck-deb
#
# It takes root, the right to mount, debootstrap, and the package archive that this machine's own apt uses,
# with its proxies and certificates; without one of them it skips itself. Everything happens in namespaces of
# its own, so that mounts and processes are gone with it however it ends.
#
#   CASTOR_DEB_SUITE   the release of Debian; bookworm (12) when not set
#   CASTOR_DEB_CACHE   folder for the first state of a system and for downloaded packages, kept from one run to
#                      the next; BUILD-FOLDER/deb-cache when not set. It may be deleted at any time.
. "$top_srcdir/t/tap.sh"

suite=${CASTOR_DEB_SUITE:-bookworm}
cache=${CASTOR_DEB_CACHE:-$top_builddir/deb-cache}
here=$top_srcdir/t/deb
unset MAKEFLAGS MAKELEVEL
PATH=$PATH:/usr/sbin:/sbin

skip_all() {
	rm -f "$tap_out"
	echo "1..0 # SKIP $*"
	exit 0
}

# The outer half: a folder for the systems, namespaces, and cleaning up when they are gone.
if [ "${1-}" != inside ]; then
	work=
	child=
	# Killing unshare kills all that is inside. Mounts were never seen out here.
	finish() {
		[ -z "$child" ] || kill -KILL "$child" 2>/dev/null || :
		wait
		[ -z "$work" ] || rm -rf --one-file-system "$work"
		rm -f "$tap_out"
	}
	trap finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	[ "$(id -u)" -eq 0 ] || skip_all "only root can make a system"
	for program in debootstrap unshare chroot mount ip apt-get apt-config; do
		command -v "$program" >/dev/null || skip_all "$program is not installed"
	done
	work=$(mktemp -d "${TMPDIR:-/tmp}/castor-deb.XXXXXX") || exit 99
	unshare -mnpf --mount-proc mount -t tmpfs tmpfs "$work" 2>/dev/null || skip_all "mounting is not allowed here"
	mknod "$work/null" c 1 3 2>/dev/null && : 2>/dev/null >"$work/null" || skip_all "devices are not allowed here"
	rm -f "$work/null"
	TMPDIR=$work unshare -mpf --mount-proc --kill-child /bin/sh "$0" inside "$work" &
	child=$!
	wait "$child"
	status=$?
	child=
	exit "$status"
fi

work=$2
child=

# archives: the sources of this machine that are Debian's own, for the release wanted, as lines of sources.list.
archives() {
	# shellcheck disable=SC2016 # apt's variables
	apt-get indextargets --format '$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)' \
		'Created-By: Packages' 2>/dev/null |
		awk -F '|' -v host="$(. /etc/os-release && echo "${VERSION_CODENAME-}")" -v suite="$suite" '
			$1 != "Debian" || index($2, host) != 1 { next }
			{ $4 = $2; sub("^" host, suite, $4); sub("/$", "", $3) }
			$5 == "main" && !seen[$3 $4]++ { print "deb " $3 " " $4 " main" }'
}

# How apt gets there: proxies, and what else this machine's apt needs of these.
transport() {
	apt-config dump | grep -E '^Acquire::(Check-Valid-Until|Check-Date|Retries|Languages|IndexTargets|(http|https|ftp)::)'
}

# prepare ROOT: this machine's way to the archive, put into a new system.
prepare() {
	cp "$work/sources.list" "$1/etc/apt/sources.list"
	transport >"$1/etc/apt/apt.conf.d/90transport"
	for file in /etc/resolv.conf /etc/hosts; do
		[ ! -f "$file" ] || cat "$file" >"$1$file"
	done
	if [ -f /etc/ssl/certs/ca-certificates.crt ] && [ ! -e "$1/etc/ssl/certs/ca-certificates.crt" ]; then
		cp /etc/ssl/certs/ca-certificates.crt "$1/etc/apt/transport.crt"
		echo 'Acquire::https::CAInfo "/etc/apt/transport.crt";' >>"$1/etc/apt/apt.conf.d/90transport"
	fi
	# nothing starts by itself
	printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
	chmod 755 "$1/usr/sbin/policy-rc.d"
}

# base: $cache/SUITE-ARCH.tar, a minimal system, up to date with the archive.
base() {
	root=$work/base
	mkdir -p "$root"
	debootstrap --variant=minbase "$suite" "$root" "$mirror" || { tail -n 20 "$root/debootstrap/debootstrap.log"; return 1; }
	rm -f "$root"/var/cache/apt/archives/*.deb
	tar -C "$root" --one-file-system -cf "$tar.new" . || return 1
	mv "$tar.new" "$tar"
	umount -R "$root/proc" "$root/sys" 2>/dev/null
	rm -rf --one-file-system "$root"
}

# system NAME: a fresh one, in $root, with a user.
system() {
	root=$work/$1
	mkdir -p "$root" "$cache/archives/partial"
	tar -C "$root" -xf "$tar" || return 1
	prepare "$root"
	mount -t proc proc "$root/proc" || return 1
	mount --bind /dev "$root/dev" || return 1
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts" || return 1
	mount --bind "$cache/archives" "$root/var/cache/apt/archives" || return 1
	root_do useradd -m -s /bin/sh person && root_do apt-get update -qq
}

# root_do, user_do COMMAND...: in $root. Nothing of this shell's environment comes along but proxies.
do_in() {
	env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
		${no_proxy:+no_proxy="$no_proxy"} "$@" </dev/null
}

root_do() {
	do_in HOME=/root chroot "$root" "$@"
}

user_do() {
	do_in HOME=/home/person chroot --userspec=person:person "$root" env -C /home/person "$@"
}

# Without a network, and in one of its own where ports are free.
user_do_alone() {
	do_in HOME=/home/person unshare -n /bin/sh -c 'ip link set lo up; exec "$@"' sh \
		chroot --userspec=person:person "$root" env -C /home/person "$@"
}

# with_pcscd user_do|root_do COMMAND...: likewise, beside a pcscd.
with_pcscd() {
	who=--userspec=person:person home=/home/person
	[ "$1" = user_do ] || who=--userspec=root:root home=/root
	shift
	# shellcheck disable=SC2016 # of the inner shell
	do_in HOME=$home ROOT="$root" AS=$who unshare -n /bin/sh -c '
		ip link set lo up
		mkdir -p "$ROOT/run/pcscd"
		chroot "$ROOT" sh -c "exec pcscd --foreground \$(pcscd --help 2>&1 | grep -o -m 1 -e --disable-polkit)" \
			>"$ROOT/tmp/pcscd.log" 2>&1 &
		pcscd=$!
		chroot "$AS" "$ROOT" env -C "$HOME" "$@"
		status=$?
		kill "$pcscd"
		wait
		rm -rf "$ROOT/run/pcscd"
		exit "$status"' sh "$@"
}

install() {
	root_do apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@"
}

# The first half: from the tarball to packages in $work/out.
build() {
	tarball=$(find "$top_builddir" -maxdepth 1 -name "castor-$version.tar.xz")
	system build || return 1
	tar -C "$root/home/person" -xf "$tarball" && root_do chown -R person:person "/home/person/castor-$version"
}

# build_package PROFILES OPTIONS: what it depends on is what debian/control says, no more.
build_package() {
	root_do apt-get build-dep -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 -P "$1" \
		"/home/person/castor-$version" &&
		user_do_alone env DEB_BUILD_PROFILES="$1" DEB_BUILD_OPTIONS="$2" sh -c "
			rm -f castor*.deb && cd castor-$version && dpkg-buildpackage -us -uc --build=$3"
}

hardened() {
	for file in usr/bin/castor usr/bin/castor-vcard usr/lib/*/libcryptoki.so; do
		user_do sh -c "cd castor-$version/debian/castor && readelf -d $file | grep -q BIND_NOW" ||
			{ echo "$file: no BIND_NOW"; return 1; }
	done
	user_do sh -c "cd castor-$version/debian/castor && readelf -h usr/bin/castor | grep -q 'DYN (Position'"
}

# What it only wants to say is kept for people to judge.
lintian_finds_nothing() {
	user_do sh -c 'lintian --fail-on error,warning --display-info --pedantic castor_*.changes' >"$work/lintian" 2>&1
	status=$?
	cat "$work/lintian"
	return "$status"
}

keep() {
	mkdir -p "$work/out" && cp "$root"/home/person/castor*.deb "$work/out/" &&
		deb=$(find "$work/out" -name 'castor_*.deb') && [ -f "$deb" ]
}

# newer: the same package with a higher version, and another settings file in it.
newer() {
	dpkg-deb -R "$deb" "$work/newer" &&
		sed -i "s/^Version: .*/Version: $version+newer/" "$work/newer/DEBIAN/control" &&
		echo "# A line of the newer version." >>"$work/newer/etc/castor/DigiSign.conf" &&
		(cd "$work/newer" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | xargs md5sum >DEBIAN/md5sums) &&
		dpkg-deb --root-owner-group -b "$work/newer" "$work/out/castor_newer.deb" >/dev/null
}

# all_files FILE: every file of the system, with what it is; of dpkg, apt and the linker only what they have
# of us. What programs made while they were used is not told apart from what packages brought.
all_files() {
	(cd "$root" && find . -xdev \
		\( -path ./proc -o -path ./dev -o -path ./tmp -o -path ./var/cache -o -path ./var/lib/apt -o \
		-path ./var/log \) -prune -o \
		! -path './var/lib/dpkg/*-old' ! -path ./var/lib/dpkg/available ! -path ./var/lib/dpkg/status \
		! -path ./etc/ld.so.cache ! -path './var/lib/dpkg/lock*' ! -path './var/lib/dpkg/triggers/*' \
		-printf '%y %m %U %G %p %l\n' | sort) >"$1"
}

nothing_left() {
	all_files "$work/after"
	diff "$work/before" "$work/after" || return 1
	if root_do dpkg-query -W -f '${Status}\n' castor 2>/dev/null | grep -v 'unknown ok not-installed'; then
		return 1
	fi
}

whole() {
	root_do dpkg -V castor >"$work/verify" 2>&1
	cat "$work/verify"
	[ ! -s "$work/verify" ]
}

# What is in debian/ but not in the package would be a package for nobody.
has() {
	root_do dpkg-query -L castor | grep -q -x -E "$1"
}

# In words, without a crash, a hang or a hint at our insides.
says() {
	said_status=$1
	said=$2
	shift 2
	"$@" >"$work/said" 2>&1
	status=$?
	cat "$work/said"
	case ,$said_status, in
	*,"$status",*) ;;
	*) echo "exit status $status"; return 1 ;;
	esac
	grep -q -i -E "$said" "$work/said"
}

page_opens() {
	user_do sh -c "MANPAGER=cat MANWIDTH=80 man $1 >page && [ \$(wc -l <page) -gt 20 ]" || return 1
	title=$(echo "${1#* }(${1% *})" | tr '[:lower:]' '[:upper:]')
	head -n 1 "$root/home/person/page" | tr '[:lower:]' '[:upper:]' | grep -q -F "$title"
}

conf=etc/castor/DigiSign.conf
mine='logLevel = error'

change_settings() {
	echo "$mine" >"$root/$conf"
}

settings_are_mine() {
	cat "$root/$conf"
	[ "$(cat "$root/$conf")" = "$mine" ]
}

# sign_and_verify WHO: the two commands that a person who has never seen it types.
sign_and_verify() {
	"$1" sh -c 'rm -rf ~/trial && mkdir ~/trial && cd ~/trial && echo "Meet me at noon." >letter &&
		{ echo 123456 | castor --test-card sign --pin-fd 0 letter; } && castor --test-card verify letter.p7s'
}

forged_is_noticed() {
	"$1" sh -c 'cd ~/trial && echo "Meet me at one." >letter; castor --test-card verify letter.p7s; [ $? -eq 8 ]'
}

main() {
	mkdir -p "$cache" "$work/out"
	tar=$cache/$suite-$(dpkg --print-architecture).tar
	archives >"$work/sources.list"
	[ -s "$work/sources.list" ] || skip_all "apt knows no archive of Debian here; apt-get update may help"
	mirror=$(awk -v suite="$suite" '$3 == suite { print $2; exit }' "$work/sources.list")
	timeout 60 /usr/lib/apt/apt-helper download-file "$mirror/dists/$suite/Release" "$work/Release" >/dev/null 2>&1 ||
		skip_all "the package archive cannot be reached"
	if [ ! -f "$tar" ]; then
		ok "a minimal system of $suite" base
	fi
	version=$(sed -n 's/^AC_INIT(\[castor\], \[\(.*\)\])$/\1/p' "$top_srcdir/configure.ac")
	ok "the changelog has the version of the sources" grep -q "^castor ($version) " "$top_srcdir/debian/changelog"
	ok "make dist" make -s -C "$top_builddir" dist

	ok "a system to build in" build
	ok "it builds without tests and their packages" build_package nocheck nocheck binary
	ok "it builds with them, as a person, without a network" build_package "" "" full
	ok "there are packages" keep
	[ -n "${deb-}" ] || { tap_done; return; }
	ok "with the symbols for a debugger" test -f "$(find "$work/out" -name 'castor-dbgsym_*.deb')"
	ok "programs and module are hardened" hardened
	ok "lintian is there" install lintian
	ok "lintian finds nothing" lintian_finds_nothing
	sed 's/^/# lintian: /' "$work/lintian"
	ok "a newer version of it, to upgrade to" newer
	unmount_system

	ok "a system to install it in" system use
	cp "$work"/out/castor*.deb "$root/home/person/"
	cp "$top_srcdir/debian/tests/sign" "$here/card.sh" "$root/home/person/"
	deb=/home/person/$(basename "$deb")
	all_files "$work/before"

	ok "apt install" install "$deb"
	ok "what it recommends exists" root_do apt-get install -s -qq --install-recommends pcscd pinentry-gnome3
	ok "every file is as in the package" whole
	ok "the path of documents leads to the module" test -f "$root$(root_do readlink -f /usr/lib/libcryptoki.so)"
	ok "castor, castor-vcard and the module are in it" eval \
		'has /usr/bin/castor && has /usr/bin/castor-vcard && has "/usr/lib/[^/]*/libcryptoki.so"'
	ok "so are completions for bash, zsh and fish" eval 'has "/usr/share/bash-completion/.*/castor" &&
		has "/usr/share/zsh/vendor-completions/_castor" && has "/usr/share/fish/vendor_completions.d/castor.fish"'
	ok "what should not be found is in a folder of its own" eval 'has "/usr/lib/.*/castor/libcryptoki-virtual.so" &&
		! has "/usr/lib/[^/]*(/pkcs11)?/libcryptoki-virtual.so"'
	for who in user_do root_do; do
		as="as a person"
		[ "$who" = user_do ] || as="as root"
		ok "$as: castor without pcscd says that there is no reader" says 3 'no smart card reader' \
			"$who" timeout 60 castor list
		ok "$as: castor doctor says why" says 10 'pcscd' "$who" timeout 60 castor doctor
		ok "$as: a virtual card signs and the signature is good" sign_and_verify "$who"
		ok "$as: a changed text is not" forged_is_noticed "$who"
	done
	rm -rf "$root/home/person/trial" "$root/root/trial"
	ok "apt purge" root_do apt-get purge -y -qq --auto-remove -o Dpkg::Use-Pty=0 castor
	ok "leaves nothing behind" nothing_left

	ok "programs to use it with" install castor "$deb" opensc openssl p11-kit openssh-client man-db pcscd vsmartcard-vpcd
	for who in user_do root_do; do
		as="as a person"
		[ "$who" = user_do ] || as="as root"
		ok "$as: p11-kit has the module" says 0 '^castor' "$who" timeout 60 p11-kit list-modules
		ok "$as: pkcs11-tool without pcscd sees no slots" says 0,1 'no slot|available slots' "$who" \
			timeout 60 pkcs11-tool --module /usr/lib/libcryptoki.so --list-slots
		ok "$as: the test that comes with the package" "$who" sh /home/person/sign
		ok "$as: a card in a reader of pcscd, pkcs11-tool and ssh-agent" with_pcscd "$who" sh /home/person/card.sh
	done
	for page in $(cd "$root/usr/share/man" && find . -name "*.gz" -printf "%f\n" | sed "s/\.gz$//" | sort); do
		root_do dpkg-query -L castor | grep -q -F "/$page.gz" || continue
		ok "man ${page##*.} ${page%.*}" page_opens "${page##*.} ${page%.*}"
	done

	change_settings
	ok "reinstalled" install --reinstall "$deb"
	ok "the settings are those of the system" settings_are_mine
	ok "upgraded" install -o Dpkg::Options::=--force-confold /home/person/castor_newer.deb
	ok "the newer version is there" says 0 "newer" root_do dpkg-query -W -f '${Version}\n' castor
	ok "the settings still are" settings_are_mine
	ok "the new ones are beside them" test -f "$root/$conf.dpkg-dist"
	ok "removed" root_do apt-get remove -y -qq -o Dpkg::Use-Pty=0 castor
	ok "the settings stay" settings_are_mine
	ok "purged" root_do apt-get purge -y -qq -o Dpkg::Use-Pty=0 castor
	ok "and now they are gone" test ! -e "$root/etc/castor"
	tap_done
}

unmount_system() {
	umount -R "$root/proc" "$root/dev" "$root/var/cache/apt/archives"
}

# As the first process of its namespace it gets no signal that it does not ask for.
trap 'exit 143' INT TERM HUP
main &
child=$!
wait "$child"
