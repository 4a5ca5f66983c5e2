#!/bin/sh
# OpenSC's pkcs11-tool: everything it can do with a card of ours, checked by openssl.
client_preloads=yes
. "$top_srcdir/t/clients/client.sh"
. "$top_srcdir/t/ecpoint.sh"
client_start pkcs11-tool openssl -- "$@"

# Sanitizers: the tool runs with their library loaded before everything else.
preload=
case $CASTOR_SANITIZER in
*address*) preload=$(${CC:-cc} -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 ;;
*thread*) preload=$(${CC:-cc} -print-file-name=libtsan.so) ;;
esac
export ASAN_OPTIONS

tool() {
	LD_PRELOAD=$preload pkcs11-tool --module "$module" "$@"
}

user() {
	tool --login --pin 1234 "$@"
}

objects() {
	user --list-objects >objects 2>&1 || { cat objects; return 1; }
	! grep -i -e error -e warn objects || return 1
	for what in "Private Key Object:$1" "Public Key Object:$2" "Certificate Object:$3"; do
		[ "$(grep -c "^${what%:*}" objects)" -eq "${what#*:}" ] || { echo "not $what"; cat objects; return 1; }
	done
}

# public_sees N: that many private keys before login.
public_sees() {
	tool --list-objects >objects 2>&1 && [ "$(grep -c '^Private Key' objects)" -eq "$1" ]
}

# sign ID MECHANISM DIGEST KEY [TOOL-OPTION... -- OPENSSL-OPTION...]
sign() {
	id=$1 mech=$2 digest=$3 key=$4 options=
	shift 4
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	[ $# -eq 0 ] || shift
	rm -f sig
	# shellcheck disable=SC2086
	user --id "$id" --sign --mechanism "$mech" $options --signature-format openssl --input-file data \
		--output-file sig && openssl dgst "-$digest" -verify "$key" "$@" -signature sig data
}

# The mechanisms that take a hash, or a DigestInfo, made elsewhere.
sign_hash() {
	openssl dgst "-$3" -binary data >hash && rm -f sig &&
		user --id "$1" --sign --mechanism "$2" --signature-format openssl --input-file hash --output-file sig &&
		openssl pkeyutl -verify -pubin -inkey "$4" -in hash -sigfile sig
}

sign_digestinfo() {
	{ printf '\060\061\060\015\006\011\140\206\110\001\145\003\004\002\001\005\000\004\040' &&
		openssl dgst -sha256 -binary data; } >info && rm -f sig &&
		user --id 45 --sign --mechanism RSA-PKCS --input-file info --output-file sig &&
		openssl dgst -sha256 -verify "$pki/rsa2048.pub.pem" -signature sig data
}

sign_raw() {
	{ printf '\000\001' && head -c 202 /dev/zero | tr '\000' '\377' && printf '\000' && cat info; } >raw && rm -f sig &&
		user --id 45 --sign --mechanism RSA-X-509 --input-file raw --output-file sig &&
		openssl dgst -sha256 -verify "$pki/rsa2048.pub.pem" -signature sig data
}

# decrypt MECHANISM TOOL-OPTION... -- OPENSSL-OPTION...
decrypt() {
	mech=$1 options=
	shift
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	rm -f plain
	# shellcheck disable=SC2086
	openssl pkeyutl -encrypt -pubin -inkey "$pki/rsa2048.pub.pem" "$@" -in data -out secret &&
		user --id 45 --decrypt --mechanism "$mech" $options --input-file secret --output-file plain &&
		cmp data plain
}

# derive ID CURVE PUBLIC-KEY MECHANISM [TOOL-OPTION]
derive() {
	rm -f shared
	# shellcheck disable=SC2086
	openssl ecparam -name "$2" -genkey -noout -out peer.pem &&
		openssl pkey -in peer.pem -pubout -outform DER -out peer.der &&
		user --id "$1" --derive --mechanism "$4" $5 --input-file peer.der --output-file shared &&
		openssl pkeyutl -derive -inkey peer.pem -peerkey "$3" -out wanted && cmp shared wanted
}

# The public key object as PEM.
read_public() {
	if [ "${1#EC:}" = "$1" ]; then
		tool --read-object --type pubkey --id "$2" --output-file made.der || return 1
	else
		tool --list-objects --type pubkey --id "$2" >listed && ec_public listed "$2" made.der || return 1
	fi
	openssl pkey -pubin -inform DER -in made.der -out made.pem
}

# keypair TYPE ID MECHANISM DIGEST: made on the card, read back, a signature of it verified.
keypair() {
	user --keypairgen --key-type "$1" --id "$2" --label "made here $2" --usage-sign && read_public "$1" "$2" &&
		sign "$2" "$3" "$4" made.pem
}

certificate() {
	rm -f read.der
	tool --read-object --type cert --id 45 --output-file read.der &&
		openssl x509 -in "$pki/rsa2048.cert.pem" -outform DER -out wanted.der && cmp read.der wanted.der
}

written_is_read() {
	tool --read-object --type cert --id 01 --output-file back.der && cmp back.der wanted.der
}

random_bytes() {
	tool --generate-random 100 --output-file r1 && tool --generate-random 100 --output-file r2 &&
		[ "$(wc -c <r1)" -eq 100 ] && ! cmp -s r1 r2
}

hash_of_file() {
	tool --hash --mechanism "$1" --input-file data --output-file h1 && openssl dgst "-$2" -binary data >h2 &&
		cmp h1 h2
}

no_errors() {
	says "No errors" user --test
}

# The tool's status says nothing of its threads; with work of its own it need not wait 30 s for them.
threads() {
	says "all threads have ended with CKR_OK" user --test-threads ILGISLT0 --test-threads ILGISLT0 \
		--test-threads ILGISLT0 --test
}

pss="-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:-1"
rsa=$pki/rsa2048.pub.pem

ok "slots: the token is there" says "token label *: MyEID" tool --list-slots
ok "mechanisms: RSA and ECDSA" says "ECDSA-SHA512" tool --list-mechanisms
ok "objects: three keys, four certificates" objects 3 3 4
disableCryptokiAutoLogin=1
export disableCryptokiAutoLogin
ok "objects in public: none without it" public_sees 0
ok "--test" no_errors
unset disableCryptokiAutoLogin DISPLAY WAYLAND_DISPLAY GPG_TTY
ok "--test with auto-login" no_errors
ok "--test with locking" says "No errors" user --use-locking --test
ok "--test-fork" user --test-fork
ok "--test-threads" threads
ok "a certificate is read whole" certificate
ok "random bytes" random_bytes
for hash in MD5:md5 SHA-1:sha1 SHA224:sha224 SHA256:sha256 SHA384:sha384 SHA512:sha512; do
	ok "hash ${hash%:*}" hash_of_file "${hash%:*}" "${hash#*:}"
done
for hash in sha1 sha224 sha256 sha384 sha512; do
	name=$(echo "$hash" | tr a-z A-Z)
	dash=$(echo "$name" | sed 's/SHA1/SHA-1/')
	ok "$name-RSA-PKCS" sign 45 "$name-RSA-PKCS" "$hash" "$rsa"
	# shellcheck disable=SC2086
	ok "$name-RSA-PKCS-PSS" sign 45 "$name-RSA-PKCS-PSS" "$hash" "$rsa" -- $pss
	ok "ECDSA-$name, P-384" sign 46 "ECDSA-$name" "$hash" "$pki/p384.pub.pem"
	ok "ECDSA-$name, P-256" sign 47 "ECDSA-$name" "$hash" "$pki/p256.pub.pem"
	# shellcheck disable=SC2086
	ok "RSA-PKCS-OAEP with $name" decrypt RSA-PKCS-OAEP --hash-algorithm "$dash" --mgf "MGF1-$name" -- \
		-pkeyopt rsa_padding_mode:oaep -pkeyopt "rsa_oaep_md:$hash" -pkeyopt "rsa_mgf1_md:$hash"
done
ok "RSA-PKCS over a DigestInfo" sign_digestinfo
ok "RSA-X-509 over a padded block" sign_raw
ok "ECDSA over a hash, P-384" sign_hash 46 ECDSA sha384 "$pki/p384.pub.pem"
ok "ECDSA over a hash, P-256" sign_hash 47 ECDSA sha256 "$pki/p256.pub.pem"
ok "RSA-PKCS decrypts" decrypt RSA-PKCS --
ok "ECDH1-DERIVE, P-384" derive 46 secp384r1 "$pki/p384.pub.pem" ECDH1-DERIVE
ok "ECDH1-DERIVE, P-256" derive 47 prime256v1 "$pki/p256.pub.pem" ECDH1-DERIVE
ok "ECDH1-DERIVE, the point in DER" derive 47 prime256v1 "$pki/p256.pub.pem" ECDH1-DERIVE --derive-pass-der
ok "ECDH1-COFACTOR-DERIVE" derive 47 prime256v1 "$pki/p256.pub.pem" ECDH1-COFACTOR-DERIVE

ok "a wrong PIN" refused CKR_PIN_INCORRECT tool --login --pin 9999 --list-objects
ok "costs one try" client_tries 2
ok "the right one gives it back" objects 3 3 4
ok "three tries again" client_tries 3
ok "a PIN of two digits is refused" refused CKR_PIN_INCORRECT tool --login --pin 12 --list-objects
ok "and costs none" client_tries 3
ok "change the PIN" tool --login --pin 1234 --change-pin --new-pin 4321
ok "the old one is wrong" refused CKR_PIN_INCORRECT tool --login --pin 1234 --list-objects
ok "and back with the new one" tool --login --pin 4321 --change-pin --new-pin 1234
ok "three wrong PINs" refused CKR_PIN_INCORRECT tool --login --pin 0000 --list-objects
ok "the second" refused CKR_PIN_INCORRECT tool --login --pin 0000 --list-objects
ok "the third blocks the card" refused 'CKR_PIN_LOCKED' tool --login --pin 0000 --list-objects
ok "no tries are left" client_tries 0
ok "the right one is refused now" refused CKR_PIN_LOCKED user --list-objects
ok "slots: the token says so" says "locked" tool --list-slots
ok "the PUK unblocks: C_Login(SO), C_InitPIN" tool --login --login-type so --so-pin 12345678 --init-pin --new-pin 1234
ok "all is well again" objects 3 3 4

ok "a blank card is swapped in" vcard_ctl swap "$vcard_images/myeid-blank.yaml"
ok "pcscd sees it" pcscd_until 10 tool --list-objects
ok "nothing on it" objects 0 0 0
ok "keypairgen RSA 2048" keypair rsa:2048 01 SHA256-RSA-PKCS sha256
ok "keypairgen P-256" keypair EC:prime256v1 02 ECDSA-SHA256 sha256
ok "keypairgen P-384" keypair EC:secp384r1 03 ECDSA-SHA384 sha384
ok "three keys are there" objects 3 3 0
ok "a certificate is written" user --write-object wanted.der --type cert --id 01 --label "written here"
ok "and read back" written_is_read
ok "a key is destroyed" user --delete-object --type privkey --id 02
ok "and its public half" user --delete-object --type pubkey --id 02
ok "two keys and a certificate are left" objects 2 2 1

# What others make of what we have written.
data_object() {
	printf 'a note, %s' "$1" >note
	# shellcheck disable=SC2086
	user --write-object note --type data --label "note $1" --application-label castor $2 || return 1
	# shellcheck disable=SC2086
	tool $3 --read-object --type data --label "note $1" --output-file note.back && cmp note note.back &&
		pkcs15-tool --verify-pin --pin 1234 --raw --read-data-object "note $1" >note.opensc &&
		cmp note note.opensc
}

imported() {
	openssl pkey -in "$1" -outform DER -out own.der && user --write-object own.der --type privkey --id "$2" \
		--label "from outside" --usage-sign && openssl pkey -in "$1" -pubout -out own.pem &&
		sign "$2" "$3" sha256 own.pem
}

opensc_signs() {
	rm -f sig && pkcs11-tool --module "$opensc" --login --pin 1234 --id "$1" --sign --mechanism "$2" \
		--signature-format openssl --input-file data --output-file sig && read_public "$3" "$1" &&
		openssl dgst "-$4" -verify made.pem -signature sig data
}

opensc_reads() {
	pkcs15-tool -D >dump 2>&1 && ! grep -i -e error -e warn -e fail dump
}

opensc=$(find /usr/lib /usr/local/lib -name opensc-pkcs11.so 2>/dev/null | head -n 1)
ok "a data object is written, and read without a PIN" data_object open "" ""
ok "and one behind the PIN" data_object private --private "--login --pin 1234"
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem 2>/dev/null
openssl genpkey -quiet -algorithm EC -pkeyopt group:P-256 -out ec.pem 2>/dev/null
ok "an RSA key from outside" imported rsa.pem 11 SHA256-RSA-PKCS
ok "an EC key from outside" imported ec.pem 12 ECDSA-SHA256
openssl pkey -in rsa.pem -pubout -out rsa.pub
openssl pkey -in ec.pem -pubout -out ec.pub
ok "OpenSC reads all we have written without complaint" opensc_reads
ok "OpenSC signs with the RSA key from outside" opensc_signs 11 SHA256-RSA-PKCS rsa:2048 sha256
ok "OpenSC signs with the EC key made here" opensc_signs 03 ECDSA-SHA384 EC:secp384r1 sha384
# Nothing but the keys themselves tells their numbers then.
alone() {
	user --delete-object --type pubkey --id "$1" && sign "$@"
}

ok "an RSA key signs on when its public half is destroyed" alone 11 SHA256-RSA-PKCS sha256 rsa.pub
ok "so does an EC key" alone 12 ECDSA-SHA256 sha256 ec.pub
for bits in 1024 3072 4096; do
	ok "keypairgen RSA $bits, as far as the card goes" keypair "rsa:$bits" "${bits%??}" SHA256-RSA-PKCS sha256
	ok "RSA $bits signs PSS, the whole block" sign "${bits%??}" SHA256-RSA-PKCS-PSS sha256 made.pem -- \
		-sigopt rsa_padding_mode:pss
done
client_end 3
