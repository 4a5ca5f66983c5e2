#!/bin/sh
# castor sign, verify, encrypt and decrypt of files, with OpenSSL as the judge of both directions.
. "$top_srcdir/t/castor/castor.sh"
echo "Meet me at the market square at noon." >letter.txt
ca=$pki/root.cert.pem

# pin PIN ARGUMENT...
pin() {
	pin_is=$1
	shift
	echo "$pin_is" | card "$@" --pin-fd 0
}
openssl_verifies() {
	openssl cms -verify -inform DER -in "$1" -content letter.txt -CAfile "$ca" -purpose any -binary -out back &&
		cmp back letter.txt
}

ok "sign" status 0 pin 123456 sign letter.txt
ok "... says who and where" has "Signed by MEIKÄLÄINEN MATTI 99900335E" letter.txt.p7s
ok "... OpenSSL verifies it" openssl_verifies letter.txt.p7s
ok "verify with the test card" status 0 card verify letter.txt.p7s
ok "... good, whose, when" has "Good signature" "MEIKÄLÄINEN MATTI" "signed on $(date -u +%Y-)"
ok "verify --json --ca" status 0 castor verify --ca "$ca" letter.txt.p7s --json
ok "... good" json '$_->{state} eq "good"' '@{$_->{signers}} == 1' '$_->{signers}[0]{signedAt} =~ /Z$/'
ok "verify where nobody trusts the issuer" status 9 castor verify letter.txt.p7s
ok "... says which" has "nobody here trusts" "Castor TEST Root CA" "--ca"
ok "... in JSON" status 9 castor verify letter.txt.p7s --json
ok "... an answer" json '$_->{state} eq "untrusted"' '$_->{signers}[0]{missingIssuer} =~ /TEST Root/'
ok "verify --content" status 0 castor verify --ca "$ca" --content letter.txt letter.txt.p7s
cp letter.txt.p7s alone.p7s
ok "verify without the signed file" status 2 castor verify --ca "$ca" alone.p7s
ok "... says what is missing" said "--content"
echo "Meet me at the market square at one." >letter2.txt
ok "verify of another file" status 8 castor verify --ca "$ca" --content letter2.txt letter.txt.p7s
ok "... it was changed" has "it was changed"
ok "verify of no CMS" status 8 castor verify letter.txt
ok "... is said" said "it is no CMS file"
head -c 300 letter.txt.p7s >cut.p7s
ok "verify of one that was cut off" status 8 castor verify cut.p7s
ok "verify of what is not there" status 2 castor verify nowhere.p7s
ok "verify of a folder" status 2 castor verify .
ok "verify --ca of a file without any" status 2 castor verify --ca letter.txt letter.txt.p7s
ok "sign again: the file is there" status 2 pin 123456 sign letter.txt
ok "... is said" said "letter.txt.p7s exists"
ok "sign --force" status 0 pin 123456 sign letter.txt --force
ok "sign with the key for P-384" status 0 pin 123456 sign letter.txt --force --id 47
ok "... OpenSSL verifies it" openssl_verifies letter.txt.p7s
ok "sign with PIN1's key" status 0 pin 1234 sign letter.txt --force --pin 1
ok "... OpenSSL verifies it" openssl_verifies letter.txt.p7s
ok "sign --attached" status 0 pin 123456 sign letter.txt --attached -o whole.p7s
rm -f back
ok "verify -o" status 0 card verify whole.p7s -o back
ok "... the file that was in it" cmp back letter.txt
ok "a signal while the PIN is waited for" sh -c '
	mkfifo hold; sleep 5 >hold & { sleep 1; kill -TERM "$(cat pid)"; } & sh -c "echo \$\$ >pid; exec \"\$@\"" sh "$@" 7<hold; test $? -ne 0' sh \
	"$top_builddir/castor" --module "$virtual" --test-card="$image" sign letter.txt -o gone.p7s --pin-fd 7
ok "... no part of a file is left" test -z "$(find . -name '.gone*' -o -name 'gone*' -o -name 'castor-*')"
ok "sign --json" status 0 pin 123456 sign letter.txt --json -o j.p7s
ok "... an answer" json '$_->{output} eq "j.p7s"'
ok "sign --json to standard output" status 2 pin 123456 sign letter.txt --json -o -
ok "sign -o -" status 0 pin 123456 sign letter.txt -o -
ok "... is the signature" openssl_verifies out
sign_stdin() {
	printf '123456\n' >lines
	card sign - --pin-fd 7 7<lines <letter.txt
}
ok "sign standard input" status 0 sign_stdin
ok "... is the same" openssl_verifies out
ok "sign with a wrong PIN" status 6 pin 999999 sign letter.txt -o wrong.p7s
ok "... no file is made" test ! -e wrong.p7s -a -z "$(find . -name '.wrong*')"
ok "sign what is not there" status 2 pin 123456 sign nowhere.txt
ok "... the PIN was not asked for" test ! -e nowhere.txt.p7s
ok "sign with a key to decrypt only" status 4 pin 1234 sign letter.txt --id nobody
ok "sign to a full disk" status 2 pin 123456 sign letter.txt -o /dev/full
: >empty
ok "an empty file" status 0 pin 123456 sign empty
ok "... verifies" status 0 card verify empty.p7s
head -c 30000000 /dev/zero >big
ok "a large file" status 0 pin 123456 sign big
ok "... verifies" status 0 card verify big.p7s
printf x >>big
ok "... not with a byte more" status 8 card verify big.p7s

ok "encrypt" status 0 card encrypt letter.txt
ok "... nothing of it is to be seen" sh -c '! grep -q market letter.txt.p7m'
ok "decrypt: the file is there" status 2 pin 1234 decrypt letter.txt.p7m
ok "decrypt -o" status 0 pin 1234 decrypt letter.txt.p7m -o clear
ok "... it is the file" cmp clear letter.txt
ok "OpenSSL decrypts it with the card's test key" sh -c '
	openssl cms -decrypt -inform DER -in letter.txt.p7m -inkey "$1/TEST-rsa2048.key.pem" -binary | cmp - letter.txt' sh "$pki"
openssl cms -encrypt -binary -aes128 -in letter.txt -outform DER -out theirs.p7m "$pki/rsa2048.cert.pem"
ok "decrypt what OpenSSL has encrypted" status 0 pin 1234 decrypt theirs.p7m
ok "... it is the file" cmp theirs letter.txt
openssl cms -encrypt -binary -aes128 -in letter.txt -outform DER -out others.p7m "$pki/issuing.cert.pem"
ok "decrypt what is for others" status 4 pin 1234 decrypt others.p7m
ok "... is said" said "it is encrypted for others"
ok "... no file is made" test ! -e others
ok "decrypt a signature" status 8 pin 1234 decrypt whole.p7s -o none
ok "... no file is made" test ! -e none
ok "decrypt no CMS, without a PIN" status 8 card decrypt letter.txt -o none
ok "decrypt with a wrong PIN" status 6 pin 9999 decrypt theirs.p7m -f
ok "... what was there stays" cmp theirs letter.txt
# ---- what must not be taken for a good signature ----
key=$pki/TEST-sign2048.key.pem
cert=$pki/sign2048.cert.pem
chain=$pki/issuing.cert.pem
echo "Meet me at noon." >noon
signs() {
	openssl cms -sign -binary -nodetach -in noon -outform DER -signer "$cert" -inkey "$key" -certfile "$chain" "$@"
}
signs -out good.p7s
ok "a signature of openssl's" status 0 castor verify --ca "$ca" good.p7s
ok "... says that the file is inside" has "inside of the signature"
cp good.p7s noon.p7s
ok "the file beside it is the same" status 0 castor verify --ca "$ca" noon.p7s
ok "... and said" has "file: noon"
echo "Pay me." >noon
ok "the file beside it is another" status 8 castor verify --ca "$ca" noon.p7s
echo "Meet me at noon." >noon
signs -nocerts -out nocerts.p7s
ok "without the signer's certificate" status 8 castor verify --ca "$ca" nocerts.p7s -o out.txt
ok "... nothing is written" test ! -e out.txt
for md in md5 sha1; do
	signs -md $md -out $md.p7s
	ok "with $md" status 8 castor verify --ca "$ca" $md.p7s
	ok "... is not called good" has_no "Good"
	ok "... nor in JSON" status 8 castor verify --ca "$ca" $md.p7s --json
	ok "... for any signer" json '$_->{signers}[0]{state} ne "good"'
done
# the digest's OID, 2.16.840.1.101.3.4.2.1, becomes one that is none
perl -0pe 's/\x60\x86\x48\x01\x65\x03\x04\x02\x01/\x60\x86\x48\x01\x65\x03\x04\x02\x7f/g' good.p7s >unknown.p7s
ok "with a digest that nobody knows" status 8 castor verify --ca "$ca" unknown.p7s
ok "... is not called good" has_no "Good"
ok "without content, in JSON" status 2 castor verify --ca "$ca" alone.p7s --json
ok "... no signer is good" json '$_->{signers}[0]{state} ne "good"'
ok "-o of no plain file" status 2 castor verify --ca "$ca" good.p7s -o /dev/stdout
ok "... nothing comes out" has_no noon
# the system's clock stays; certificates of our own have other times and purposes
openssl req -x509 -newkey rsa:2048 -nodes -keyout own.key -out own.pem -days 30 -subj "/CN=www.castor.test" \
	-addext "extendedKeyUsage=serverAuth" -addext "keyUsage=digitalSignature" 2>req.err
openssl cms -sign -binary -nodetach -in noon -outform DER -signer own.pem -inkey own.key -out server.p7s
ok "by a web server" status 9 castor verify --ca own.pem server.p7s
ok "... is said" has "not meant for signatures"
ok "--ca of an authority that is no root" status 0 castor verify --ca "$chain" good.p7s
printf '%s\n' "-----BEGIN CMS-----" "Proc-Type: 4,ENCRYPTED" "DEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF" "" \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAA" "-----END CMS-----" >asks.p7s
asks_nobody() {
	setsid -w "$top_builddir/castor" verify asks.p7s </dev/null
}
ok "a message that would ask for a passphrase" status 8 asks_nobody
ok "... does not" sh -c '! grep -i "pass phrase" err out'

image=$top_srcdir/t/cards/myeid.yaml
ok "a card without PIN2: sign" status 0 pin 1234 sign letter.txt -f --id 45
ok "... OpenSSL verifies it" openssl_verifies letter.txt.p7s
image=$top_srcdir/t/cards/myeid-blank.yaml
ok "a blank card: sign" status 4 pin 1234 sign letter.txt -f
ok "... is said" said "no certificate or key for that"
ok "... what was there stays" openssl_verifies letter.txt.p7s
tap_done
