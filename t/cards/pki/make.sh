#!/bin/sh
# Makes what is missing of the test PKI: keys and certificates of t/cards/*.yaml. The products are committed, because
# byte budgets and golden traces repeat only with them; delete what has to change its shape and run this.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Keys: kind, bits or curve, name.
keys() {
	cat <<-TABLE
	rsa 4096  root
	rsa 4096  issuing
	rsa 2048  rsa2048
	ec  P-384 p384
	ec  P-256 p256
	rsa 2048  sign2048
	ec  P-384 sign384
	rsa 4096  fineid-root
	rsa 4096  fineid-g3
	rsa 4096  fineid-g4r
	ec  P-384 fineid-root-ecc
	ec  P-384 fineid-g4e
	rsa 2048  fineid-v30-auth
	rsa 2048  fineid-v30-sign
	rsa 3072  fineid-v31-auth
	rsa 3072  fineid-v31-sign
	ec  P-256 fineid-v31-sign2
	ec  P-384 fineid-v4-auth
	ec  P-384 fineid-v4-sign
	rsa 3072  fineid-v4-auth2
	rsa 3072  fineid-v4-sign2
	rsa 4096  orgissuing
	rsa 4096  careissuing
	rsa 2048  careauth
	rsa 2048  caresign
	rsa 3072  orgauth
	rsa 3072  orgsign
	rsa 2048  xauth
	ec  P-384 xsign
	rsa 2048  vrkca
	rsa 1024  auth1024
	rsa 1024  sign1024
	rsa 1024  orgauth1024
	rsa 1024  orgsign1024
	rsa 2048  eidauth2048
	rsa 2048  eidsign2048
	TABLE
}

castor="/C=FI/O=Castor/OU=TEST CARD only"
dvv="/C=FI/O=Digi- ja vaestotietovirasto CA TEST"
citizen="$dvv/OU=Valtion kansalaisvarmenteet"
matti="/C=FI/serialNumber=99900335E/GN=MATTI/SN=MEIKÄLÄINEN/CN=MEIKÄLÄINEN MATTI 99900335E"
aino="/C=FI/serialNumber=99900412X/GN=AINO/SN=VIRTANEN/CN=VIRTANEN AINO 99900412X"
eero="/C=FI/serialNumber=99900527M/GN=EERO/SN=KORHONEN/CN=KORHONEN EERO 99900527M"
maija="/C=FI/serialNumber=99900648J/GN=MAIJA/SN=MEIKÄLÄINEN/CN=MEIKÄLÄINEN MAIJA 99900648J"
employee="/C=FI/O=Testikunnan palvelut Oy/serialNumber=10004711K/GN=MAIJA/SN=MEIKÄLÄINEN/CN=MEIKÄLÄINEN MAIJA 10004711K"
colleague="/C=FI/O=Testikunnan palvelut Oy/serialNumber=10004712L/GN=TEPPO/SN=TESTAAJA/CN=TESTAAJA TEPPO 10004712L"
doctor="/C=FI/O=Testisairaala/title=lääkäri/serialNumber=60004711H/GN=TIINA/SN=TERVEYS/CN=TERVEYS TIINA 60004711H"
vrk="/C=FI/O=Vaestorekisterikeskus TEST/OU=TEST CARD only"
liisa="/C=FI/O=Testisairaala/serialNumber=999004217/GN=LIISA/SN=MALLIKAS/CN=MALLIKAS LIISA 999004217"

# Certificates: name | serial | issuer, - for itself | subject | sections of openssl.cnf.
certificates() {
	cat <<-TABLE
	root             | 01A7E5CA0001 | -               | $castor/CN=Castor TEST Root CA | root
	issuing          | 01A7E5CA0002 | root            | $castor/CN=Castor TEST CA for Citizen Certificates G4 | issuing
	rsa2048          | 5EED0001     | issuing         | $matti | user user_rsa
	p384             | 5EED0002     | issuing         | $matti | user user_ec
	sign2048         | 5EED0003     | issuing         | $matti | user user_sign
	sign384          | 5EED0004     | issuing         | $matti | user user_sign
	p256             | 5EED0005     | issuing         | $matti | user user_ec
	fineid-root      | 01A7E5CA0101 | -               | $dvv/CN=TEST DVV Gov. Root CA - G3 RSA | root
	fineid-root-ecc  | 01A7E5CA0102 | -               | $dvv/CN=TEST DVV Gov. Root CA - G3 ECC | root
	fineid-g3        | 01A7E5CA0103 | fineid-root     | $citizen/CN=TEST VRK Gov. CA for Citizen Certificates - G3 | fineid_issuing
	fineid-g4r       | 01A7E5CA0104 | fineid-root     | $citizen/CN=TEST DVV Citizen Certificates - G4R | fineid_issuing
	fineid-g4e       | 01A7E5CA0105 | fineid-root-ecc | $citizen/CN=TEST DVV Citizen Certificates - G4E | fineid_issuing
	fineid-v30-auth  | 5EED0101     | fineid-g3       | $aino | fineid_user user_rsa
	fineid-v30-sign  | 5EED0102     | fineid-g3       | $aino | fineid_user user_sign qualified
	fineid-v31-auth  | 5EED0103     | fineid-g4r      | $eero | fineid_user user_rsa
	fineid-v31-sign  | 5EED0104     | fineid-g4r      | $eero | fineid_user user_sign qualified
	fineid-v31-sign2 | 5EED0105     | fineid-g4r      | $eero | fineid_user user_sign qualified
	fineid-v4-auth   | 5EED0106     | fineid-g4e      | $maija | fineid_user user_ec
	fineid-v4-sign   | 5EED0107     | fineid-g4e      | $maija | fineid_user user_sign qualified
	fineid-v4-auth2  | 5EED0108     | fineid-g4r      | $maija | fineid_user user_rsa
	fineid-v4-sign2  | 5EED0109     | fineid-g4r      | $maija | fineid_user user_sign qualified
	orgissuing       | 01A7E5CA0011 | root            | $castor/CN=TEST DVV Organisational Certificates - G4R | issuing
	careissuing      | 01A7E5CA0012 | root            | $castor/CN=TEST DVV Social Welfare and Healthcare Prof. Certificates - G4R | issuing
	careauth         | 5EED0011     | careissuing     | $doctor | staff user_rsa
	caresign         | 5EED0012     | careissuing     | $doctor | staff user_sign
	orgauth          | 5EED0013     | orgissuing      | $employee | staff user_rsa
	orgsign          | 5EED0014     | orgissuing      | $employee | staff user_sign
	xauth            | 5EED0015     | orgissuing      | $colleague | staff user_rsa
	xsign            | 5EED0016     | orgissuing      | $colleague | staff user_sign
	vrkca            | 01A7E5CA0003 | root            | $vrk/CN=TEST VRK CA for Citizen Certificates | vrk_ca
	auth1024         | 5EED1001     | vrkca           | $matti | vrk_auth
	sign1024         | 5EED1002     | vrkca           | $matti | vrk_sign
	orgauth1024      | 5EED1003     | vrkca           | $liisa | vrk_auth
	orgsign1024      | 5EED1004     | vrkca           | $liisa | vrk_sign
	eidauth2048      | 5EED1005     | vrkca           | $matti | vrk_auth
	eidsign2048      | 5EED1006     | vrkca           | $matti | vrk_sign
	TABLE
}

# Public keys that tests read: those of rsa2048 in PKCS#1's form, the others as SubjectPublicKeyInfo.
public="rsa2048 p384 p256"

make_key() {
	[ ! -e "TEST-$3.key.pem" ] || return 0
	case $1 in
	rsa) set -- RSA "rsa_keygen_bits:$2" "$3" ;;
	ec) set -- EC "ec_paramgen_curve:$2" "$3" ;;
	esac
	openssl genpkey -quiet -algorithm "$1" -pkeyopt "$2" -out "TEST-$3.key.pem" 2>"$work/log" ||
		openssl genpkey -algorithm "$1" -pkeyopt "$2" -out "TEST-$3.key.pem"
}

# issue NAME SERIAL ISSUER|- SUBJECT EXTENSION-SECTION...
issue() {
	name=$1 serial=$2 issuer=$3 subject=$4
	shift 4
	[ ! -e "$name.cert.pem" ] || return 0
	{
		echo "[all]"
		for section; do
			sed -n "/^\[$section\]/,/^\[/{/^\[/d;/^$/d;p}" openssl.cnf
		done
		sed -n '/^\[root_policy\]/,$p' openssl.cnf
	} >"$work/ext.cnf"
	openssl req -new -utf8 -config openssl.cnf -key "TEST-$name.key.pem" -subj "$subject" -out "$work/csr.pem"
	if [ "$issuer" = - ]; then
		set -- -signkey "TEST-$name.key.pem"
	else
		set -- -CA "$issuer.cert.pem" -CAkey "TEST-$issuer.key.pem"
	fi
	sign_request "$name" "$serial" "$@"
}

# openssl ca is the one that takes start and end dates.
sign_request() {
	name=$1 serial=$2
	shift 2
	: >"$work/index.txt"
	echo "$serial" >"$work/serial"
	cat >"$work/ca.cnf" <<-CNF
		[ca]
		default_ca = one
		[one]
		database = $work/index.txt
		serial = $work/serial
		new_certs_dir = $work
		default_md = sha256
		policy = any
		unique_subject = no
		preserve = yes
		email_in_dn = yes
		[any]
		countryName = optional
		organizationName = optional
		organizationalUnitName = optional
		serialNumber = optional
		givenName = optional
		surname = optional
		title = optional
		commonName = supplied
	CNF
	if [ "$1" = -signkey ]; then
		set -- -selfsign -keyfile "$2"
	else
		set -- -cert "$2" -keyfile "$4"
	fi
	openssl ca -batch -notext -utf8 -config "$work/ca.cnf" -extfile "$work/ext.cnf" -extensions all \
		-startdate 20260101000000Z -enddate 20460101000000Z -in "$work/csr.pem" -out "$name.cert.pem" "$@" \
		2>"$work/log" || { cat "$work/log"; exit 1; }
}

keys >"$work/keys"
while read -r kind size name; do
	make_key "$kind" "$size" "$name"
done <"$work/keys"

certificates | sed 's/ *| */|/g' >"$work/certificates"
while IFS='|' read -r name serial issuer subject sections; do
	# shellcheck disable=SC2086 # one word each
	issue "$name" "$serial" "$issuer" "$subject" $sections
	printf '%s %s bytes\n' "$name" "$(openssl x509 -in "$name.cert.pem" -outform DER | wc -c)"
done <"$work/certificates"

for name in $public; do
	case $name in
	rsa*) openssl rsa -in "TEST-$name.key.pem" -RSAPublicKey_out -out "$name.pub.pem" 2>"$work/log" ;;
	*) openssl pkey -in "TEST-$name.key.pem" -pubout -out "$name.pub.pem" ;;
	esac
done
