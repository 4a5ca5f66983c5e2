#!/bin/sh
# castor list and cert: what people and programs are shown; command lines that are wrong; places that
# answers cannot be written to.
. "$top_srcdir/t/castor/castor.sh"

ok "list" status 0 card list
ok "... the card, both PINs" has "TEST CARD FINEID" "PIN1 (login)" "PIN2 (signature)" "3 tries left"
ok "... whose, for what, until when, by whom" has "MEIKÄLÄINEN MATTI 99900335E  to log in, to decrypt" \
	"for legally binding signatures" "valid until 2046-01-01" "RSA 2048" "ID 45" \
	"issued by Castor TEST CA for Citizen Certificates G4"
ok "... no colour in a file" has_no "$(printf '\033')"
ok "... what the test card's PINs are" said "1=1234 2=123456"
ok "list --color always" status 0 card list --color always
ok "... has colours" has "$(printf '\033[1m')"
ok "list in Finnish" status 0 card list --language fi
ok "... PIN1, tries, use" has "PIN1 (kirjautuminen)" "3 yritystä jäljellä" "juridisesti sitoviin"
ok "list by the locale, Swedish" status 0 env LC_ALL=sv_SE.UTF-8 "$top_builddir/castor" --module "$virtual" \
	--test-card="$image" list
ok "... PIN2" has "PIN2 (underskrift)" "3 försök kvar"
echo "Language = fi" >conf
ok "list by the setting" status 0 card list
ok "... PIN1" has "PIN1 (kirjautuminen)"
: >conf
ok "list --json" status 0 card list --json
ok "... two slots of a card" json '@{$_->{slots}} == 2' '$_->{slots}[0]{pin}{tries} == 3' \
	'$_->{slots}[1]{pin}{eachTime}' '$_->{slots}[0]{items}[0]{certificate}{use}[0] eq "login"' \
	'$_->{slots}[0]{items}[0]{privateKey}' '!$_->{slots}[0]{items}[1]{privateKey}' \
	'$_->{slots}[0]{items}[0]{certificate}{holder} eq "MEIK\x{c4}L\x{c4}INEN MATTI 99900335E"'
image=$top_srcdir/t/cards/unknown.yaml
ok "a card that is not known" status 0 card list
ok "... is said to be" has "the card is not known (CKR_TOKEN_NOT_RECOGNIZED)"
ok "... and nothing else can be done with it" status 3 card pin status
image=$top_srcdir/t/cards/myeid-blank.yaml
ok "a blank card" status 0 card list
image=$top_srcdir/t/cards/myeid-garbage.yaml
ok "a card full of rubbish does not break it" status 0 card list
image=$top_srcdir/t/cards/myeid-citizen.yaml

ok "cert show" status 0 card cert show
ok "... the one to log in with, in detail" has "Holder: CN=MEIKÄLÄINEN MATTI" "Digital Signature" \
	"pkcs11:model=MyEID;serial=1234567890123457;id=%45;type=cert"
ok "cert show 46 --json" status 0 card cert show 46 --json
ok "... is the one to sign with" json '$_->{item}{id} eq "46"' '$_->{uri} =~ /^pkcs11:/'
ok "cert show of part of a name" status 0 card cert show "test root"
ok "... the root" has "CN=Castor TEST Root CA"
ok "cert show of what is not there" status 4 card cert show nobody
ok "... says so" said "no certificate or key fits “nobody”"
ok "... in JSON, too" status 4 card cert show nobody --json
ok "... as an answer" json '$_->{status} eq "not-found"' '$_->{error}'
ok "cert show 45 --pin 2: that is elsewhere" status 4 card cert show 45 --pin 2
ok "cert show --pin 3" status 2 card cert show --pin 3

ok "cert export" status 0 card cert export 45
ok "... in PEM, the one of the card" sh -c 'openssl x509 -in out -outform DER | cmp - "$1"' sh \
	"$(openssl x509 -in "$pki/rsa2048.cert.pem" -outform DER -out want.der; echo want.der)"
ok "cert export --der -o" status 0 card cert export 45 --der -o cert.der
ok "... the same" cmp cert.der want.der
ok "... is not written over" status 2 card cert export 47 --der -o cert.der
ok "... and stays" cmp cert.der want.der
ok "... says how" said "cert.der exists; --force replaces it"
ok "... but with --force" status 0 card cert export 47 --der -o cert.der --force
not_ok_if "... it is another" cmp -s cert.der want.der
ok "... with the mode of any file" test "$(stat -c %a cert.der)" = "$(touch plain; stat -c %a plain)"
ok "cert export to a full disk" status 2 card cert export 45 -o /dev/full
ok "a name without regard to case, Ä included" status 0 card cert show meikäläinen --pin 1
ok "a name that several have" status 4 card cert show meikäläinen
ok "... is said" said "several certificates fit"
sed '/label: "allekirjoitusvarmenne/s/label: "/label: "45 /' "$image" >tricky.yaml
ln -s "$pki" pki 2>/dev/null
image_was=$image
image=$castor_dir/tricky.yaml
ok "an ID goes before names with these digits" status 0 card cert show 45 --json
ok "... it is that one" json '$_->{item}{id} eq "45"'
image=$image_was
ok "cert export --json" status 0 card cert export 45 --json -o j.pem
ok "... an answer" json '$_->{output} eq "j.pem"' '$_->{item}{id} eq "45"'
ok "cert export --json to standard output" status 2 card cert export 45 --json
echo before >target
ln -s target link
ok "cert export --force over a link" status 0 card cert export 45 -o link --force
ok "... writes where it leads" test -L link -a -n "$(grep BEGIN target)"
ok "cert export into a folder that is not there" status 2 card cert export 45 -o nowhere/cert.pem
ok "... leaves nothing behind" test -z "$(find . -name '.cert*')"

ok "cert chain" status 0 card cert chain 47 -o chain.pem
ok "... three steps" test "$(grep -c BEGIN chain.pem)" -eq 3
ok "... which OpenSSL can follow" openssl verify -CAfile chain.pem chain.pem
ok "cert chain --json" status 0 card cert chain 47 --json
ok "... complete" json '@{$_->{chain}} == 3' '$_->{complete}'
ln -sfn "$pki" pki
sed 's|pki/root.cert.pem|pki/p256.cert.pem|' "$image" >rootless.yaml
image=$castor_dir/rootless.yaml
ok "cert chain of a card without authorities" status 0 card cert chain
ok "... says which is missing" has "The card does not have the next issuer"
image=$top_srcdir/t/cards/myeid-citizen.yaml

ok "no command" status 2 castor
ok "... shows them all" has "castor help COMMAND" "pin unblock"
ok "help" status 0 castor help
ok "help of a command" status 0 castor help pin change
ok "... its options" has "--pin-fd FD"
ok "COMMAND --help" status 0 castor list --help
ok "help of what is none" status 2 castor help dance
ok "--version" status 0 castor --version
ok "... is the version" has "castor $(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$top_builddir/config.h")"
ok "a command that is none" status 2 castor dance
ok "... is said" said "there is no command “dance”"
ok "an option that is none" status 2 castor list --dance
ok "an option of another command" status 2 castor list --pin 1
ok "... is said" said "castor list takes no --pin"
ok "an option without its value" status 2 castor list --reader
ok "too many words" status 2 castor list everything
ok "--language klingon" status 2 castor list --language tlh
ok "--color maybe" status 2 castor list --color maybe
ok "a module that is not there" status 2 castor --module /nowhere.so list
ok "... is said" said "cannot be loaded"
ok "a file that is no module" status 2 castor --module "$top_builddir/config.h" list
ok "a library that is no module" status 2 castor --module libcrypto.so.3 list
ok "... is said" said "is no PKCS#11 module"
ok "a test card that is not there" status 2 castor --test-card=nobody list
ok "--reader of another" status 3 card list --reader Gate
ok "... is said" said "no reader has “Gate”"
ok "--reader, any case" status 0 card list --reader vIRTUAL
ok "no reader at all" status 3 env CASTOR_VIRTUAL=unix:"$castor_dir/none" "$top_builddir/castor" --module "$virtual" list
ok "... is said" said "castor doctor"
ok "... in JSON" status 3 env CASTOR_VIRTUAL=unix:"$castor_dir/none" "$top_builddir/castor" --module "$virtual" list --json
ok "... as an answer" json '$_->{status} eq "no-card"'
to_full() {
	card list >/dev/full
}
ok "an answer that cannot be written" status 1 to_full
closed_pipe() {
	{ sleep 1; card list; echo $? >rc; } 2>pipe.err | :
	[ "$(cat rc)" -eq 1 ] && ! grep '^castor:' pipe.err
}
ok "nobody reads the answer: it ends without a word" closed_pipe
closed() {
	card list >&-
}
ok "standard output is closed" status 0 closed
ok "no socket, folder or card is left" test -z "$(find . -name 'castor-*')$(pgrep -f "attached.*$castor_dir" || :)"
tap_done
