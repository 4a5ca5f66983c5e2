#!/bin/sh
# p11-kit: the registered module, and the module behind a server in another process.
. "$top_srcdir/t/clients/client.sh"
client_start p11-kit pkcs11-tool openssl -- "$@"

# A private /etc/pkcs11: module files of the user are ignored for root, and the system's are not ours.
mkdir -p etc/modules &&
	printf 'module: %s\nmanaged: yes\n' "$module" >etc/modules/castor.module &&
	echo "user-config: none" >etc/pkcs11.conf
configs=$(pkg-config --variable=p11_module_configs p11-kit-1 2>/dev/null)
mkdir -p /etc/pkcs11 2>/dev/null
mount --bind etc /etc/pkcs11 2>/dev/null || mounted=no
mount -t tmpfs tmpfs "${configs:-/usr/share/p11-kit/modules}" 2>/dev/null
[ "${mounted:-yes}" = yes ] || pcscd_skip "/etc/pkcs11 cannot be replaced here"

lists() {
	says "token: MyEID" p11-kit list-modules && grep -q "^castor: $module" said &&
		grep -q "serial-number: [0-9]" said
}

client=$(find /usr/lib /usr/local/lib -name p11-kit-client.so 2>/dev/null | head -n 1)

serve() {
	p11-kit server --provider "$module" --name "$PWD/server" "pkcs11:" >server.env 2>server.err &
	pcscd_until 10 test -S server
	P11_KIT_SERVER_ADDRESS="unix:path=$PWD/server"
	export P11_KIT_SERVER_ADDRESS
}

remote() {
	pkcs11-tool --module "$client" "$@"
}

# ECDSA_SHA256 and its like are unknown to the protocol of p11-kit 0.24; plain ECDSA is not.
sign_hash() {
	rm -f "sig$1"
	openssl dgst "-$2" -binary data >"hash$1" &&
		remote --login --pin 1234 --id "$1" --sign --mechanism ECDSA --signature-format openssl \
			--input-file "hash$1" --output-file "sig$1" &&
		openssl dgst "-$2" -verify "$3" -signature "sig$1" data
}

sign() {
	rm -f "sig$1"
	remote --login --pin 1234 --id "$1" --sign --mechanism "$2" --signature-format openssl --input-file data \
		--output-file "sig$1" && openssl dgst "-$3" -verify "$4" -signature "sig$1" data
}

# The card has one PIN state: a client that logs out takes it from the other one, which then has to
# log in again, as a program would.
two_at_once() {
	{ sign 45 SHA256-RSA-PKCS sha256 "$pki/rsa2048.pub.pem" || sign 45 SHA256-RSA-PKCS sha256 "$pki/rsa2048.pub.pem"; } \
		>one 2>&1 &
	one=$!
	sign_hash 47 sha256 "$pki/p256.pub.pem" || sign_hash 47 sha256 "$pki/p256.pub.pem"
	two=$?
	wait "$one" || { cat one; return 1; }
	return "$two"
}

ok "list-modules lists module and token" lists
ok "p11-kit-proxy.so lists the objects" says "Certificate Object" pkcs11-tool \
	--module "$(find /usr/lib /usr/local/lib -name p11-kit-proxy.so | head -n 1)" --list-objects
ok "p11-kit server starts" serve
ok "its client lists the token" says "token label *: MyEID" remote --list-slots
ok "and the certificates" says "Certificate Object" remote --list-objects
ok "signs with RSA" sign 45 SHA256-RSA-PKCS sha256 "$pki/rsa2048.pub.pem"
ok "signs with ECDSA" sign_hash 46 sha384 "$pki/p384.pub.pem"
ok "two clients are two processes on one card" two_at_once
client_end 3
