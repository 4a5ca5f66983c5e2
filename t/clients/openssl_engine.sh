#!/bin/sh
# OpenSSL through libp11's engine: dgst, pkeyutl, cms and req with keys that stay on the card.
. "$top_srcdir/t/clients/client.sh"
client_start openssl -- "$@"
engine_conf "PIN = 1234"

key() {
	echo "pkcs11:id=%$1;type=private"
}

# sign ID DIGEST PUBLIC-KEY [OPTION...]
sign() {
	id=$1 digest=$2 public=$3
	shift 3
	rm -f sig
	engine dgst -engine pkcs11 -keyform engine "-$digest" -sign "$(key "$id")" "$@" -out sig data &&
		openssl dgst "-$digest" -verify "$public" "$@" -signature sig data
}

decrypt() {
	rm -f plain
	openssl pkeyutl -encrypt -pubin -inkey "$pki/rsa2048.pub.pem" "$@" -in data -out secret &&
		engine pkeyutl -engine pkcs11 -keyform engine -decrypt -inkey "$(key 45)" "$@" -in secret -out plain &&
		cmp data plain
}

derive() {
	openssl ecparam -name prime256v1 -genkey -noout -out peer.pem && openssl pkey -in peer.pem -pubout -out peer.pub &&
		engine pkeyutl -engine pkcs11 -keyform engine -derive -inkey "$(key 47)" -peerkey peer.pub -out got &&
		openssl pkeyutl -derive -inkey peer.pem -peerkey "$pki/p256.pub.pem" -out wanted && cmp got wanted
}

cms_sign() {
	engine cms -sign -engine pkcs11 -keyform engine -inkey "$(key "$1")" -signer "$2" -md "$3" -binary -nodetach \
		-outform DER -in data -out signed &&
		cms_is_good
}

cms_decrypt() {
	openssl cms -encrypt -aes-256-cbc -binary -outform DER -in data -out sealed "$pki/rsa2048.cert.pem" &&
		engine cms -decrypt -engine pkcs11 -keyform engine -inkey "$(key 45)" -recip "$pki/rsa2048.cert.pem" \
			-inform DER -in sealed -out back && cmp data back
}

request() {
	engine req -new -engine pkcs11 -keyform engine -key "$(key "$1")" "-$2" -out req.pem &&
		openssl req -in req.pem -verify -noout
}

pss="-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1"
ok "the engine loads the module" says "pkcs11" engine engine -t pkcs11
ok "RSA, SHA-256" sign 45 sha256 "$pki/rsa2048.pub.pem"
ok "RSA, SHA-512" sign 45 sha512 "$pki/rsa2048.pub.pem"
# shellcheck disable=SC2086
ok "RSA-PSS, SHA-256" sign 45 sha256 "$pki/rsa2048.pub.pem" $pss
ok "ECDSA P-384" sign 46 sha384 "$pki/p384.pub.pem"
ok "ECDSA P-256" sign 47 sha256 "$pki/p256.pub.pem"
ok "RSA decryption, PKCS#1" decrypt
ok "RSA decryption, OAEP" decrypt -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256
ok "ECDH" derive
ok "cms signs with RSA" cms_sign 45 "$pki/rsa2048.cert.pem" sha256
ok "cms signs with ECDSA" cms_sign 46 "$pki/p384.cert.pem" sha384
ok "cms decrypts" cms_decrypt
ok "a certificate request with RSA" request 45 sha256
ok "a certificate request with ECDSA" request 46 sha384
client_end 3
