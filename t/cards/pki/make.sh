#!/bin/sh
# Makes what is missing of the test PKI: keys and certificates of t/cards/*.yaml. The products are committed, because
# byte budgets and golden traces repeat only with them; delete what has to change its shape and run this.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rsa() { [ -e "TEST-$2.key.pem" ] || openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:"$1" -out "TEST-$2.key.pem"; }
ec() { [ -e "TEST-$2.key.pem" ] || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:"$1" -out "TEST-$2.key.pem"; }

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

rsa 4096 root
rsa 4096 issuing
rsa 2048 rsa2048
ec P-384 p384
ec P-256 p256
rsa 2048 sign2048
ec P-384 sign384

person="/C=FI/serialNumber=99900335E/GN=MATTI/SN=MEIKÄLÄINEN/CN=MEIKÄLÄINEN MATTI 99900335E"
issue root 01A7E5CA0001 - "/C=FI/O=Castor/OU=TEST CARD only/CN=Castor TEST Root CA" root
issue issuing 01A7E5CA0002 root "/C=FI/O=Castor/OU=TEST CARD only/CN=Castor TEST CA for Citizen Certificates G4" issuing
issue rsa2048 5EED0001 issuing "$person" user user_rsa
issue p384 5EED0002 issuing "$person" user user_ec
issue sign2048 5EED0003 issuing "$person" user user_sign
issue sign384 5EED0004 issuing "$person" user user_sign
issue p256 5EED0005 issuing "$person" user user_ec

# Cards of an organisation's staff and of health-care professionals.
rsa 4096 orgissuing
rsa 4096 careissuing
rsa 2048 careauth
rsa 2048 caresign
rsa 3072 orgauth
rsa 3072 orgsign
rsa 2048 xauth
ec P-384 xsign
employee="/C=FI/O=Testikunnan palvelut Oy/serialNumber=10004711K/GN=MAIJA/SN=MEIKÄLÄINEN/CN=MEIKÄLÄINEN MAIJA 10004711K"
colleague="/C=FI/O=Testikunnan palvelut Oy/serialNumber=10004712L/GN=TEPPO/SN=TESTAAJA/CN=TESTAAJA TEPPO 10004712L"
doctor="/C=FI/O=Testisairaala/title=lääkäri/serialNumber=60004711H/GN=TIINA/SN=TERVEYS/CN=TERVEYS TIINA 60004711H"
ca="/C=FI/O=Castor/OU=TEST CARD only"
issue orgissuing 01A7E5CA0011 root "$ca/CN=TEST DVV Organisational Certificates - G4R" issuing
issue careissuing 01A7E5CA0012 root "$ca/CN=TEST DVV Social Welfare and Healthcare Prof. Certificates - G4R" issuing
issue careauth 5EED0011 careissuing "$doctor" staff user_rsa
issue caresign 5EED0012 careissuing "$doctor" staff user_sign
issue orgauth 5EED0013 orgissuing "$employee" staff user_rsa
issue orgsign 5EED0014 orgissuing "$employee" staff user_sign
issue xauth 5EED0015 orgissuing "$colleague" staff user_rsa
issue xsign 5EED0016 orgissuing "$colleague" staff user_sign

openssl rsa -in TEST-rsa2048.key.pem -RSAPublicKey_out -out rsa2048.pub.pem 2>/dev/null
openssl pkey -in TEST-p384.key.pem -pubout -out p384.pub.pem
openssl pkey -in TEST-p256.key.pem -pubout -out p256.pub.pem
for name in rsa2048 p384 p256 sign2048 sign384 issuing root \
	orgissuing careissuing careauth caresign orgauth orgsign xauth xsign; do
	printf '%s %s bytes\n' "$name" "$(openssl x509 -in "$name.cert.pem" -outform DER | wc -c)"
done
