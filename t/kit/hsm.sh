#!/bin/sh
# A provider for cards is one for any module: SoftHSM, with a key of P-521 too.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
command -v softhsm2-util >/dev/null || { echo "1..0 # SKIP softhsm2 is not installed"; exit 0; }
command -v openssl >/dev/null || { echo "1..0 # SKIP openssl is not installed"; exit 0; }
KIT_MODULE=$(find /usr/lib /usr/local/lib -name libsofthsm2.so 2>/dev/null | head -n 1)
[ -n "$KIT_MODULE" ] || { echo "1..0 # SKIP libsofthsm2.so is not installed"; exit 0; }
module=$KIT_MODULE
SOFTHSM2_CONF=$conform_dir/softhsm.conf
export KIT_MODULE SOFTHSM2_CONF
cd "$conform_dir" || exit 1
mkdir tokens
echo "directories.tokendir = $conform_dir/tokens" >softhsm.conf

# key ID CERTIFICATE OPTIONS...: a key made by openssl, its certificate, and the key in the token.
key() {
	id=$1 cert=$2
	shift 2
	openssl genpkey "$@" -out key.pem 2>err &&
		openssl req -x509 -new -key key.pem -subj "/CN=$cert" -days 2 -out "$cert" \
			-addext keyUsage=critical,digitalSignature,keyEncipherment,keyAgreement &&
		softhsm2-util --import key.pem --token kit --label "$cert" --id "$id" --pin 1234
}
ok "a token is made" softhsm2-util --init-token --free --label kit --pin 1234 --so-pin 12345678
ok "it gets a key on P-521" key 51 p521.pem -algorithm EC -pkeyopt ec_paramgen_curve:P-521
ok "and one of RSA" key 52 rsa.pem -algorithm RSA -pkeyopt rsa_keygen_bits:2048
conform_run kit/test_hsm
conform_end
