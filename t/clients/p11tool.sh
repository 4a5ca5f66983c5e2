#!/bin/sh
# GnuTLS: p11tool and certtool find, read, sign and verify through the module.
. "$top_srcdir/t/clients/client.sh"
client_start p11tool certtool openssl -- "$@"

tool() {
	p11tool --provider "$module" --batch "$@"
}

GNUTLS_PIN=1234
export GNUTLS_PIN
token=pkcs11:model=MyEID

# At most this many objects of a kind: "Object N:" heads each.
counts() {
	wanted=$1
	shift
	tool "$@" >listed 2>&1 || { cat listed; return 1; }
	[ "$(grep -c '^Object ' listed)" -eq "$wanted" ] || { cat listed; return 1; }
}

exported() {
	tool --export "$token;id=%45;type=cert" >got.pem && openssl x509 -in got.pem -outform DER -out got &&
		openssl x509 -in "$pki/rsa2048.cert.pem" -outform DER -out wanted && cmp got wanted
}

exported_key() {
	tool --export-pubkey "$token;id=%$1;type=private" --login >got.pem && openssl pkey -pubin -in got.pem -outform DER -out got &&
		openssl pkey -pubin -in "$2" -outform DER -out wanted && cmp got wanted
}

ok "the token is listed" says "Label: MyEID" tool --list-tokens
ok "and its flags are sane" says "Flags:.*Requires login" tool --list-tokens
ok "four certificates without a login" counts 4 --list-all-certs "$token"
ok "three private keys with a login" counts 3 --login --list-all-privkeys "$token"
ok "all objects with a login" tool --login --list-all "$token"
ok "mechanisms" says "CKM_RSA_PKCS_PSS" tool --list-mechanisms "$token"
ok "a certificate is exported byte by byte" exported
ok "the RSA public key" exported_key 45 "$pki/rsa2048.pub.pem"
ok "the P-384 public key" exported_key 46 "$pki/p384.pub.pem"
ok "--test-sign with RSA" says "ok" tool --login --test-sign "$token;id=%45;type=private"
ok "--test-sign with RSA-PSS" says "ok" tool --login --test-sign --sign-params=rsa-pss "$token;id=%45;type=private"
ok "--test-sign with P-384" says "ok" tool --login --test-sign "$token;id=%46;type=private"
ok "--test-sign with P-256" says "ok" tool --login --test-sign "$token;id=%47;type=private"
ok "random bytes" tool --generate-random=32 "$token"
GNUTLS_PIN=9999
ok "a wrong PIN is told of" refused "PIN" tool --login --list-all-privkeys "$token"
GNUTLS_PIN=1234
ok "the right one works after it" counts 3 --login --list-all-privkeys "$token"
client_end 3
