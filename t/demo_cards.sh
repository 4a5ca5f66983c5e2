#!/bin/sh
# What ./bootstrap demo --all-cards shows: every kind of card (t/cards/cards.list), by programs that nobody here
# wrote: slots, certificates, and a signature of each key that OpenSSL verifies.
#   t/demo_cards.sh BUILD-FOLDER socket|pcscd [IMAGE]...
# Over a socket with libcryptoki-virtual.so, or over a pcscd of its own that has virtual readers with
# libcryptoki.so. The exit status says whether every key signed.
set -u
build=$1
over=$2
here=$(cd "$(dirname "$0")" && pwd)
cards=$here/cards
# shellcheck source=t/ecpoint.sh
. "$here/ecpoint.sh"
if [ "$over" = pcscd ]; then
	top_builddir=$build top_srcdir=$(dirname "$here")
	# shellcheck source=t/pcscd.sh
	. "$here/pcscd.sh"
	pcscd_enter "$@"
fi
shift 2
images=$*
LC_ALL=C.UTF-8
disableCryptokiAutoLogin=1
export LC_ALL disableCryptokiAutoLogin
keys=0
good=0

if [ -t 1 ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
else
	bold= plain=
fi

# IMAGE: the PIN of slot N, from what is expected of the card.
pin_of() {
	sed -n "s/^slot $2 .*pin=\([0-9]*\) puk.*/\1/p" "$cards/expect/${1%.yaml}.expect"
}

stop_card() {
	[ -z "${card:-}" ] || { kill "$card"; wait "$card"; } 2>/dev/null
	card=
}

socket_card() {
	rm -f "$dir/socket" "$dir/ready"
	"$build/castor-vcard" --image "$cards/$1" --socket "$dir/socket" --control "$dir/control" </dev/null \
		>"$dir/ready" 2>"$dir/err" &
	card=$!
	left=100
	until grep -q ^ready: "$dir/ready" 2>/dev/null; do
		left=$((left - 1))
		[ "$left" -gt 0 ] && kill -0 "$card" 2>/dev/null || return 1
		sleep 0.05
	done
}

tool() {
	pkcs11-tool --module "$module" "$@" 2>"$dir/err"
}

# SLOT-ID: the first way that the slot lists for keys of this type, of pkcs11-tool's and OpenSSL's names.
way_of() {
	for way in $2; do
		if grep -q "^  $way, .*sign" "$dir/mechs"; then
			echo "$way"
			return
		fi
	done
}

verifies() {
	case $1 in
	*-PSS) openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -verify "$dir/pub.pem" \
		-signature "$dir/sig" "$dir/letter" ;;
	*) openssl dgst -sha256 -verify "$dir/pub.pem" -signature "$dir/sig" "$dir/letter" ;;
	esac >/dev/null 2>&1
}

# SLOT-ID ID TYPE: the public key, of the certificate or else as an object of its own.
public_half() {
	if tool --slot "$1" --read-object --type cert --id "$2" --output-file "$dir/cert" >/dev/null; then
		openssl x509 -inform DER -in "$dir/cert" -pubkey -noout >"$dir/pub.pem" 2>/dev/null
		return
	fi
	case $3 in
	RSA*) tool --slot "$1" --read-object --type pubkey --id "$2" --output-file "$dir/pub.der" >/dev/null ;;
	*) tool --slot "$1" --list-objects --type pubkey >"$dir/listed" && ec_public "$dir/listed" "$2" "$dir/pub.der" ;;
	esac && openssl pkey -pubin -inform DER -in "$dir/pub.der" -out "$dir/pub.pem" 2>/dev/null
}

# SLOT-ID ID TYPE: one signature; says what came of it.
one_signature() {
	case $3 in
	RSA*) way=$(way_of "$1" "SHA256-RSA-PKCS SHA256-RSA-PKCS-PSS") ;;
	*) way=$(way_of "$1" "ECDSA-SHA256") ;;
	esac
	[ -n "$way" ] || { echo "the slot lists no way to sign"; return 1; }
	case $way in
	*-PSS) set -- "$@" --salt-len 32 ;;
	ECDSA*) set -- "$@" --signature-format openssl ;;
	esac
	id=$2 slot=$1 type=$3
	shift 3
	rm -f "$dir/sig" "$dir/pub.pem"
	tool --slot "$slot" --login --pin env:PIN --sign --mechanism "$way" --id "$id" "$@" \
		--input-file "$dir/letter" --output-file "$dir/sig" >/dev/null ||
		{ echo "$way failed: $(tail -n 1 "$dir/err")"; return 1; }
	public_half "$slot" "$id" "$type" && verifies "$way" || { echo "$way DOES NOT VERIFY"; return 1; }
	echo "$way, verified"
}

# IMAGE N ID LABEL: certificates, keys and signatures of its N-th slot.
show_slot() {
	tool --slot "$3" --list-objects --type cert |
		sed -n 's/^  label: *//p' >"$dir/certs"
	printf '    slot %s  %s\n' "$2" "$4"
	sed 's/^/      certificate  /' "$dir/certs"
	tool --slot "$3" --list-mechanisms >"$dir/mechs"
	PIN=$(pin_of "$1" "$2")
	export PIN
	tool --slot "$3" --login --pin env:PIN --list-objects --type privkey | awk '
		/^Private Key Object/ { type = $4 }
		/^  label:/ { label = $0; sub(/^  label: */, "", label) }
		/^  ID:/ { id = $2 }
		/^  Usage:/ { if (/sign/) print id "|" type "|" label }' >"$dir/keys"
	while IFS='|' read -r key_id type label; do
		keys=$((keys + 1))
		if what=$(one_signature "$3" "$key_id" "$type" </dev/null); then
			good=$((good + 1))
		fi
		printf '      key %-4s %-28s %-4s %s\n' "$key_id" "$label" "$type" "$what"
	done <"$dir/keys"
}

# IMAGE: the settings of a person who has written down what is printed on a contactless card.
number_of() {
	(umask 077 && sed -n 's/^can /cardAccessNumber = /p' "$cards/expect/${1%.yaml}.expect" >"$dir/DigiSign.conf")
}

# IMAGE NAME WHAT
show_card() {
	number_of "$1"
	printf '\n  %s%s%s: %s\n' "$bold" "$2" "$plain" "$3"
	if ! "$way_in" "$1"; then
		echo "    the virtual card does not start: $(tail -n 1 "$dir/err")"
		keys=$((keys + 1))
		return
	fi
	tool --list-slots | awk '
		/^Slot / { id = $2 }
		/token label/ { sub(/^  token label *: */, ""); print id "|" $0 }' >"$dir/slots"
	if ! [ -s "$dir/slots" ]; then
		echo "    no slot has a token"
		keys=$((keys + 1))
	fi
	no=0
	while IFS='|' read -r slot_id label; do
		no=$((no + 1))
		show_slot "$1" "$no" "$slot_id" "$label"
	done <"$dir/slots"
	"$way_out"
}

show_all() {
	while IFS='|' read -r image name what; do
		image=${image%% }
		case $image in "" | "#"*) continue ;; esac
		case " $images " in "  " | *" $image "*) ;; *) continue ;; esac
		show_card "$image" "$(echo "$name" | sed 's/^ *//; s/ *$//')" "$(echo "$what" | sed 's/^ *//')" </dev/null
	done <"$cards/cards.list"
}

pcscd_card() {
	start_vcard "$cards/$1" 2>"$dir/err"
}

if [ "$over" = socket ]; then
	dir=$(mktemp -d)
	trap 'stop_card; rm -rf "$dir"' EXIT
	trap 'exit 1' INT TERM HUP
	module=$build/.libs/libcryptoki-virtual.so
	CASTOR_VIRTUAL=unix:$dir/socket
	export CASTOR_VIRTUAL
	way_in=socket_card way_out=stop_card
	echo "Over a socket, with $(basename "$module"):"
else
	# a private /run, which is gone with the namespace
	dir=$pcsc_dir
	module=$build/.libs/libcryptoki.so
	way_in=pcscd_card way_out=stop_vcard
	echo "Over pcscd, for which it is a reader with a card, with $(basename "$module"):"
	start_pcscd || { echo "  pcscd does not start"; exit 1; }
fi
CASTOR_CONF=$dir/DigiSign.conf
export CASTOR_CONF
echo "A letter that everybody signs" >"$dir/letter"
show_all
[ "$over" = socket ] || stop_pcscd
printf '\n  %s of %s keys signed, each signature verified by OpenSSL.\n' "$good" "$keys"
[ "$good" -eq "$keys" ] && [ "$keys" -gt 0 ]
