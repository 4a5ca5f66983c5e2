#!/bin/sh
# A recording over pcscd with a PIN given, without its holder, played back: from end to end.
. "$top_srcdir/t/clients/client.sh"
client_image=$top_srcdir/t/cards/myeid-citizen.yaml
client_preloads=1
client_start -- "$@"
castor=$top_builddir/castor
virtual=$top_builddir/.libs/libcryptoki-virtual.so
CASTOR_CONF=/dev/null
export CASTOR_CONF
unset LC_ALL LC_MESSAGES LANG

hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
# In the text, in the bytes of each line, in those of all answers one behind the other; in UTF-16, too.
holds() {
	wide=$(printf %s "$2" | iconv -f UTF-8 -t UTF-16BE | od -An -v -tx1 | tr -d ' \n')
	{
		tr -d ' ' <"$1"
		sed -n 's/^< \(.*\) [0-9A-F]\{4\}.*/\1/p' "$1" | tr -d ' \n'
	} | grep -aiq -e "$2" -e "$(hex "$2")" -e "$wide"
}

ok "list is recorded" says "cards: 1" "$castor" trace record --module "$module" list.trace
ok "it has the holder" holds list.trace MEIKÄLÄINEN
ok "the head has pcscd's version" grep -q '^# pcsc-lite version [0-9]' list.trace
ok "and the reader's name" grep -q '^= reader Virtual PCD' list.trace
ok "without its holder" says "Taken out" "$castor" trace anonymise list.trace -o anon.trace
ok "played back" says "XXXXXXXXXXXXX XXXXX 00000000X" "$castor" trace replay --module "$virtual" anon.trace

if command -v pkcs11-tool >/dev/null && [ -z "$CASTOR_SANITIZER" ]; then
	ok "a program that logs in is recorded" says "commands: " "$castor" trace record --module "$module" --anonymise \
		sign.trace -- pkcs11-tool --module "$module" --slot 0 --login --pin 1234 --sign --mechanism SHA256-RSA-PKCS \
		--id 45 --input-file data --output-file signature
	ok "and has signed" test "$(wc -c <signature)" -eq 256
	ok "its PIN was starred" grep -q '^> 00200001 08 \[\*8\]' sign.trace
	ok "a program that signs with PIN2, too" says "commands: " "$castor" trace record --module "$module" --anonymise \
		sign2.trace -- pkcs11-tool --module "$module" --slot 1 --login --pin 123456 --sign \
		--mechanism SHA256-RSA-PKCS --id 46 --input-file data --output-file signature
else
	# a program that knows nothing of a sanitizer cannot load a module that needs one
	[ -n "$CASTOR_SANITIZER" ] || skip "programs that log in" "pkcs11-tool is not installed"
	cp anon.trace sign.trace
	cp anon.trace sign2.trace
fi
for file in anon.trace sign.trace sign2.trace; do
	for word in MEIKÄLÄINEN MATTI meikalainen 99900335E 04451234567890123457 1234567890123457; do
		not_ok_if "$file has no $word" holds "$file" "$word"
	done
done
# 1234 is part of other numbers: PINs are looked for as a card gets them
not_ok_if "no PIN1 is in a recording" sh -c 'tr -d " " <sign.trace | grep -i "^>" | grep -i 31323334'
not_ok_if "no PIN2 is in a recording" sh -c 'tr -d " " <sign2.trace | grep -i "^>" | grep -i 313233343536'
client_end 3
