#!/bin/sh
# PINs, PUKs and private keys: not in the log at its loudest, not in the trace, not in what a core
# file would hold, not in the environment or on a command line.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
unset disableCryptokiAutoLogin CASTOR_TEST_SO_PIN DISPLAY WAYLAND_DISPLAY GPG_TTY

# Long enough not to be found by chance, and in no file that the program maps.
pin=$(od -An -N4 -tu4 /dev/urandom | awk '{ printf "%08d", $1 % 89999999 + 10000000 }')
new=$(od -An -N4 -tu4 /dev/urandom | awk '{ printf "%08d", $1 % 89999999 + 10000000 }')
puk=$(od -An -N4 -tu4 /dev/urandom | awk '{ printf "%08d", $1 % 89999999 + 10000000 }')
masked() {
	printf %s "$1" | od -An -v -tu1 | awk '
		function x(a, b,  r, p) { for (p = 1; a || b; p *= 2) { if (a % 2 != b % 2) r += p
			a = int(a / 2); b = int(b / 2) } return r }
		{ for (i = 1; i <= NF; i++) printf "%02x", x($i, 85) } END { print "" }'
}
needles=$conform_dir/needles
{
	masked "$pin"
	masked "$new"
	masked "$puk"
	"$top_builddir/t/secrets" prepare "$top_srcdir/t/cards/pki/TEST-rsa2048.key.pem"
} >"$needles"
ok "the needles are made" test "$(wc -l <"$needles")" -eq 6

sed -e "s|value: \"1234\", puk: \"12345678\"|value: \"$pin\", puk: \"$puk\"|" \
	-e "s|pki/|$top_srcdir/t/cards/pki/|" "$top_srcdir/t/cards/myeid.yaml" >"$conform_dir/card.yaml"
top_srcdir_was=$top_srcdir
mkdir -p "$conform_dir/t/cards"
mv "$conform_dir/card.yaml" "$conform_dir/t/cards/"
top_srcdir=$conform_dir
conform_card card.yaml
top_srcdir=$top_srcdir_was

# with the period, PINs are hashed as well
(umask 077; printf 'changePinPeriod = 90\nlogLevel = apdu\nlogFile = %s\n' "$conform_dir/log" >"$conform_dir/conf")
CASTOR_CONF=$conform_dir/conf
CASTOR_TRACE=$conform_dir/trace
export CASTOR_CONF CASTOR_TRACE
timeout 60 "$top_builddir/t/secrets" run "$module" "$needles" >"$conform_dir/tap"
result=$?
while read -r line; do
	case $line in
	'ok '*) tap_line ok "${line#ok * - }" ;;
	'not ok '*) tap_line "not ok" "${line#not ok * - }" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$conform_dir/tap"
ok "the program came to its end" test "$result" -eq 0

hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
holds() { # FILE SECRET: as it is, in hexadecimal, with and without blanks
	tr -d ' \n' <"$1" | grep -aiq -e "$2" -e "$(hex "$2")"
}
ok "the log was written" test -s "$conform_dir/log"
ok "the trace was written" grep -q '^> ' "$conform_dir/trace"
ok "the trace stars the PIN" grep -q '^> 00200001 08 \[\*8\]' "$conform_dir/trace"
for secret in "$pin" "$new" "$puk"; do
	not_ok_if "a PIN stands in the log" holds "$conform_dir/log" "$secret"
	not_ok_if "a PIN stands in the trace" holds "$conform_dir/trace" "$secret"
done
sed -n 4,6p "$needles" | while read -r key; do
	# 24 bytes of each number, unmasked
	printf '%s\n' "$key" | cut -c1-48 | awk '
		function h(c) { return index("0123456789abcdef", c) - 1 }
		function x(a, b,  r, p) { for (p = 1; a || b; p *= 2) { if (a % 2 != b % 2) r += p
			a = int(a / 2); b = int(b / 2) } return r }
		{ for (i = 1; i < length($0); i += 2)
			printf "%02x", x(16 * h(substr($0, i, 1)) + h(substr($0, i + 1, 1)), 85); print "" }'
done >"$conform_dir/keys"
for file in log trace; do
	tr -d ' \n' <"$conform_dir/$file" >"$conform_dir/flat"
	not_ok_if "a part of a private key stands in the $file" grep -aiqF -f "$conform_dir/keys" "$conform_dir/flat"
done
conform_end
