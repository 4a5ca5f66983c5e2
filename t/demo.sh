#!/bin/sh
# What ./bootstrap demo shows: a virtual card, the module, and programs that nobody here wrote.
#   t/demo.sh BUILD-FOLDER
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
module=$build/.libs/libcryptoki-virtual.so
dir=$(mktemp -d)
card=
PIN=1234
PIN2=123456
export PIN PIN2

end() {
	[ -z "$card" ] || kill "$card" 2>/dev/null || :
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 1' INT TERM HUP

if [ -t 1 ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
else
	bold= plain=
fi

step() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

# Shows a command as a person would type it, then what it says, indented.
show() {
	printf '  $ %s\n' "$1"
	shift
	if ! "$@" >"$dir/out" 2>"$dir/err"; then
		sed 's/^/    /' "$dir/out" "$dir/err"
		echo "  That failed. The build is in $build."
		exit 1
	fi
	sed 's/^/    /' "$dir/out"
}

apdus() {
	"$build/castor-vcard" ctl "$dir/control" apdus | sed 's/ .*//'
}

count_from() {
	echo "  ($(($(apdus) - $1)) commands (APDUs) to the card)"
}

tool() {
	pkcs11-tool --module "$module" "$@"
}

# start_card IMAGE: in the virtual reader, instead of the one before it.
start_card() {
	if [ -n "$card" ]; then
		kill "$card"
		wait "$card" || :
	fi 2>/dev/null
	rm -f "$dir/socket" "$dir/control" "$dir/ready"
	"$build/castor-vcard" --image "$here/cards/$1" --socket "$dir/socket" \
		--control "$dir/control" </dev/null >"$dir/ready" 2>"$dir/err" &
	card=$!
	left=100
	until grep -q ^ready: "$dir/ready"; do
		left=$((left - 1))
		if [ "$left" -eq 0 ] || ! kill -0 "$card" 2>/dev/null; then
			cat "$dir/err"
			echo "  The virtual card does not start."
			exit 1
		fi
		sleep 0.1
	done
}

step "1. A virtual smart card is put into a virtual reader"
start_card myeid-citizen.yaml
CASTOR_VIRTUAL=unix:$dir/socket
export CASTOR_VIRTUAL
echo "  A citizen's card on an Aventra MyEID, in software, made from t/cards/myeid-citizen.yaml."
echo "  Its PIN1 is $PIN, to log in; its PIN2 is $PIN2, for signatures that are legally binding."
echo "  The module is $(basename "$module"): libcryptoki.so with virtual readers."

step "2. Which readers and cards are there? A slot for each PIN"
n=$(apdus)
show "pkcs11-tool --module libcryptoki-virtual.so --list-slots" tool --list-slots
count_from "$n"

step "3. Whose card is it? The certificates, which need no PIN"
n=$(apdus)
show "pkcs11-tool --module libcryptoki-virtual.so --list-objects --type cert --slot 0" \
	tool --list-objects --type cert --slot 0
show "pkcs11-tool --module libcryptoki-virtual.so --list-objects --type cert --slot 1" \
	tool --list-objects --type cert --slot 1
count_from "$n"

step "4. A text is signed by the RSA key on the card, after PIN1"
echo "Meet me at the market square at noon." >"$dir/letter.txt"
n=$(apdus)
show "pkcs11-tool ... --login --sign --mechanism SHA256-RSA-PKCS --id 45 letter.txt" \
	tool --login --pin env:PIN --sign --mechanism SHA256-RSA-PKCS --id 45 \
	--input-file "$dir/letter.txt" --output-file "$dir/letter.sig"
echo "  The signature: $(wc -c <"$dir/letter.sig") bytes, beginning $(od -An -tx1 -N8 "$dir/letter.sig" | tr -d ' \n')..."
count_from "$n"

step "5. Is it good? OpenSSL checks it with the public key from the card's certificate"
tool --read-object --type cert --id 45 --output-file "$dir/cert.der" >/dev/null 2>&1
openssl x509 -inform DER -in "$dir/cert.der" -pubkey -noout >"$dir/pub.pem"
show "openssl dgst -sha256 -verify pub.pem -signature letter.sig letter.txt" \
	openssl dgst -sha256 -verify "$dir/pub.pem" -signature "$dir/letter.sig" "$dir/letter.txt"
echo "Meet me at the market square at one." >"$dir/forged.txt"
if openssl dgst -sha256 -verify "$dir/pub.pem" -signature "$dir/letter.sig" "$dir/forged.txt" >/dev/null 2>&1; then
	echo "  A changed text passes as well: that must not be."
	exit 1
fi
echo "  With one word of the text changed it does not verify, as it should not."

step "6. A legally binding signature: the P-384 key in the slot of PIN2"
n=$(apdus)
show "pkcs11-tool ... --slot 1 --login --sign --mechanism ECDSA-SHA384 --id 47 letter.txt" \
	tool --slot 1 --login --pin env:PIN2 --sign --mechanism ECDSA-SHA384 --id 47 --signature-format openssl \
	--input-file "$dir/letter.txt" --output-file "$dir/letter.ec.sig"
tool --slot 1 --read-object --type cert --id 47 --output-file "$dir/cert.der" >/dev/null 2>&1
openssl x509 -inform DER -in "$dir/cert.der" -pubkey -noout >"$dir/pub.pem"
show "openssl dgst -sha384 -verify pub.pem -signature letter.ec.sig letter.txt" \
	openssl dgst -sha384 -verify "$dir/pub.pem" -signature "$dir/letter.ec.sig" "$dir/letter.txt"
if [ "$("$build/castor-vcard" ctl "$dir/control" open 2)" != no ]; then
	echo "  The card still holds PIN2 open: that must not be."
	exit 1
fi
echo "  The card has forgotten PIN2 again: nobody can sign a second text with it unasked."

step "7. The same by Castor's own command, with a new test card each time"
castor() {
	"$build/castor" --module "$module" --test-card="$here/cards/myeid-citizen.yaml" "$@"
}
signs() {
	echo "$PIN2" | castor sign letter.txt --pin-fd 0
}
cd "$dir"
show "castor --test-card sign letter.txt          (the PIN is typed; here it comes from --pin-fd)" signs
show "castor --test-card verify letter.txt.p7s" castor verify letter.txt.p7s

step "8. What it costs: commands to a card, phase by phase (another card, with keys of both kinds for PIN1)"
start_card myeid.yaml
if [ -x "$build/t/bench/apdus" ]; then
	CASTOR_BENCH_COUNT="$build/castor-vcard ctl $dir/control apdus" CASTOR_TEST_PIN=$PIN \
		"$build/t/bench/apdus" "$module" 2>&1 | sed 's/^/  /'
fi

step "Done."
cat <<TEXT
  Everything above went through the PKCS#11 module just built. With a real card and reader
  the module to load is $build/.libs/libcryptoki.so;
  ./bootstrap check runs all tests, among them the tools of NSS, GnuTLS, OpenSSH and OpenSSL.
TEXT
