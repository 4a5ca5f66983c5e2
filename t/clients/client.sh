# What the tests with real programs share. Source it first; it brings tap.sh and pcscd.sh.
#
#   client_start PROGRAM... -- "$@"   a pcscd of the test's own with the MyEID card in it; $module is
#                                     CASTOR_MODULE or libcryptoki.so of this build
#   client_end PIN-TRIES              the last lines: the card has that many tries left, and all of
#                                     the log's wrong PINs were wanted; then stop
#   refused TEXT COMMAND...           succeeds when the command fails and says TEXT
#   says TEXT COMMAND...              succeeds when the command succeeds and says TEXT
#
# $pki holds the keys of the card; the current folder is private and vanishes.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"

client_start() {
	while [ "$1" != -- ]; do
		pcscd_needs "$1"
		shift
	done
	shift
	# A program that knows nothing of a sanitizer cannot load a module that needs one.
	[ -z "$CASTOR_SANITIZER" ] || [ -n "$client_preloads" ] ||
		pcscd_skip "foreign programs cannot load a module built with a sanitizer"
	pcscd_enter "$@"
	module=${CASTOR_MODULE:-$top_builddir/.libs/libcryptoki.so}
	[ -f "$module" ] || { echo "Bail out! there is no $module"; exit 1; }
	pki=$top_srcdir/t/cards/pki
	mkdir "$pcsc_dir/work" && cd "$pcsc_dir/work" || exit 1
	HOME=$pcsc_dir/work
	export HOME
	ok "pcscd starts" start_pcscd
	ok "the card is in the reader" start_vcard "${client_image:-$vcard_images/myeid.yaml}"
	echo "a message to sign" >data
}

client_tries() {
	client_seen=$(vcard_ctl tries 1)
	[ "$client_seen" = "$1" ] || { echo "tries left: $client_seen"; return 1; }
}

client_end() {
	ok "the card has $1 tries left: no PIN try was burnt" client_tries "$1"
	stop_vcard
	stop_pcscd
	tap_done
}

says() {
	client_text=$1
	shift
	"$@" >said 2>&1 || { client_rc=$?; cat said; return "$client_rc"; }
	grep -q -e "$client_text" said || { cat said; echo "does not say: $client_text"; return 1; }
}

refused() {
	client_text=$1
	shift
	if "$@" >said 2>&1; then
		cat said
		echo "should have failed"
		return 1
	fi
	grep -q -e "$client_text" said || { cat said; echo "does not say: $client_text"; return 1; }
}

# engine_conf [LINE]: libp11's engine with the module, for `engine COMMAND...`; skips the test without it.
engine_conf() {
	engine_so=$(find /usr/lib /usr/local/lib -path '*engines-3/pkcs11.so' 2>/dev/null | head -n 1)
	[ -n "$engine_so" ] || pcscd_skip "libengine-pkcs11-openssl is not installed"
	cat >openssl.cnf <<-CNF
		openssl_conf = init
		[init]
		engines = engines
		[engines]
		pkcs11 = pkcs11
		[pkcs11]
		engine_id = pkcs11
		dynamic_path = $engine_so
		MODULE_PATH = $module
		${1:-}
		init = 0
		[req]
		distinguished_name = dn
		prompt = no
		[dn]
		CN = castor test
	CNF
}

# It is for the commands that want it alone.
engine() {
	OPENSSL_CONF=$PWD/openssl.cnf openssl "$@"
}

# nss_database: a new one in $db that trusts the test authorities; nss_add: with the module in it.
nss_database() {
	mkdir -p db
	db=sql:$PWD/db
	certutil -N -d "$db" --empty-password &&
		certutil -A -d "$db" -n root -t CT,C,C -a -i "$pki/root.cert.pem" &&
		certutil -A -d "$db" -n issuing -t ,, -a -i "$pki/issuing.cert.pem"
}

nss_add() {
	echo | modutil -dbdir "$db" -add castor -libfile "$module" -force
}

# The CMS message in ./signed holds ./data, and its signature is good.
cms_is_good() {
	openssl cms -verify -noverify -inform DER -in signed -out back && cmp data back
}

# An sshd at 127.0.0.1:$port for the keys in ./authorized; $sshd is the program.
start_sshd() {
	ssh-keygen -q -t ed25519 -N "" -f hostkey &&
		printf '%s\n' "Port $port" "ListenAddress 127.0.0.1" "HostKey $PWD/hostkey" "PidFile $PWD/sshd.pid" \
			"AuthorizedKeysFile $PWD/authorized" "StrictModes no" "UsePAM no" "PasswordAuthentication no" \
			"PermitRootLogin prohibit-password" >sshd.conf &&
		mkdir -p /run/sshd && "$sshd" -f sshd.conf -E sshd.log && pcscd_until 10 test -s sshd.pid
}
