#!/bin/sh
# ./bootstrap demo --all-cards: every card of the list, and nothing left out: as many signatures as the
# expectations have keys that sign.
. "$top_srcdir/t/tap.sh"
if ! command -v pkcs11-tool >/dev/null || ! command -v openssl >/dev/null; then
	echo "1..0 # SKIP pkcs11-tool or openssl is not installed"
	exit 0
fi
out=$(mktemp)
trap 'rm -f "$out" "$tap_out"' EXIT
cards=$top_srcdir/t/cards

listed() {
	sed -n 's/^\([^#| ]*\.yaml\) *|.*/\1/p' "$cards/cards.list"
}

# Keys that sign, of all cards of the list.
signers() {
	for image in $(listed); do
		grep '^key [0-9]* [0-9A-F]* [a-z]* [0-9]* [a-z,]*sign' "$cards/expect/${image%.yaml}.expect"
	done | wc -l
}

has_expectations() {
	[ -f "$cards/expect/${1%.yaml}.expect" ] && [ -f "$cards/$1" ]
}

shown() {
	seen=$(grep -c ', verified$' "$out")
	[ "$seen" -eq "$(signers)" ] || { echo "$seen of $(signers) keys"; cat "$out"; return 1; }
}

for image in $(listed); do
	ok "$image is there, and what is expected of it" has_expectations "$image"
done
for way in ${CASTOR_DEMO_WAYS:-socket pcscd}; do
	ok "every card over $way" sh -c 'sh "$1" "$2" "$3" >"$4" 2>&1 || { cat "$4"; exit 1; }' - \
		"$top_srcdir/t/demo_cards.sh" "$top_builddir" "$way" "$out"
	if grep -q '^1\.\.0 # SKIP' "$out"; then
		skip "every key over $way" "$(sed -n 's/^1\.\.0 # SKIP //p' "$out")"
		continue
	fi
	ok "every key that is expected to sign, over $way" shown
	# read on a terminal by people
	sed 's/^/# /' "$out"
done
tap_done
