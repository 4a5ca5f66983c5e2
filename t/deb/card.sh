#!/bin/sh
# In an installed system: a virtual card in a reader of pcscd, and programs that know the module by the path
# that documents give. Runs where nobody else's pcscd is.
set -eu
work=$(mktemp -d)
module=/usr/lib/libcryptoki.so
started=
PIN=1234
export PIN

end() {
	for pid in $started; do
		kill "$pid" 2>/dev/null || :
	done
	wait
	rm -rf "$work"
}
trap end EXIT
trap 'exit 1' INT TERM HUP
cd "$work"

# wait_for WHAT COMMAND...: at most ten seconds.
wait_for() {
	what=$1
	shift
	left=100
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || { echo "$what does not come"; cat ./*.log; exit 1; }
		sleep 0.1
	done
}

seen() {
	pkcs11-tool --module "$module" --list-objects --type cert 2>&1 | grep -q 'Certificate Object'
}

castor-vcard --image /usr/share/castor/cards/myeid.yaml --vpcd 127.0.0.1:35963 </dev/null >card.log 2>&1 &
started="$started $!"
wait_for "the card" seen

echo "Meet me at the market square at noon." >letter
pkcs11-tool --module "$module" --login --pin env:PIN --sign --mechanism SHA256-RSA-PKCS --id 45 \
	--input-file letter --output-file letter.sig
pkcs11-tool --module "$module" --read-object --type cert --id 45 --output-file cert.der
openssl x509 -inform DER -in cert.der -pubkey -noout >pub.pem
openssl dgst -sha256 -verify pub.pem -signature letter.sig letter

# ssh-agent compares the real path of what it is asked to load with those that it allows
eval "$(ssh-agent)" >/dev/null
started="$started $SSH_AGENT_PID"
printf '#!/bin/sh\necho 1234\n' >askpass
chmod 700 askpass
SSH_ASKPASS=$work/askpass SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
ssh-add -s "$module"
ssh-add -L >keys
grep -m 1 '^ssh-rsa' keys >key.pub
ssh-add -T key.pub
cp "$module" elsewhere.so
if ssh-add -s "$work/elsewhere.so"; then
	echo "ssh-agent loads from anywhere: this test shows nothing"
	exit 1
fi
