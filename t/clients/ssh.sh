#!/bin/sh
# OpenSSH: public keys by ssh-keygen -D, and a login to an sshd of our own with ssh -I.
. "$top_srcdir/t/clients/client.sh"
sshd=$(command -v sshd || echo /usr/sbin/sshd)
client_start ssh ssh-keygen "$sshd" openssl -- "$@"

port=35922
umask 077

keys() {
	ssh-keygen -D "$module" >keys 2>keys.err || { cat keys.err; return 1; }
	cat keys
	# The keys of the card come first; ssh takes those of the CA certificates for keys as well.
	[ "$(grep -c '^ssh-rsa ' keys)" -ge 1 ] && [ "$(grep -c '^ecdsa-sha2-nistp' keys)" -eq 2 ]
}

same_key() {
	grep '^ssh-rsa ' keys | head -n 1 >rsa.pub && ssh-keygen -e -m PKCS8 -f rsa.pub >got.pem &&
		openssl pkey -pubin -in got.pem -outform DER -out got &&
		openssl pkey -pubin -in "$pki/rsa2048.pub.pem" -outform DER -out wanted && cmp got wanted
}

# The PIN comes from a program, as on a desktop; the program notes that it was asked.
printf '#!/bin/sh\necho asked >>%s/asked\necho "${TEST_PIN:-1234}"\n' "$PWD" >askpass
chmod 700 askpass

# login KEY-LINE-PATTERN: that key alone is authorised.
login() {
	grep "$1" keys | head -n 1 >authorized && : >asked &&
		SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force setsid -w ssh -F none -I "$module" -p "$port" \
			-o StrictHostKeyChecking=no -o UserKnownHostsFile=known -o PreferredAuthentications=publickey \
			-o NumberOfPasswordPrompts=1 -o IdentitiesOnly=no -o IdentityAgent=none "$(id -un)@127.0.0.1" \
			'echo in as $LOGNAME' </dev/null
}

ok "ssh-keygen -D lists one RSA and two EC keys" keys
ok "the RSA key is the card's" same_key
ok "sshd starts on a port of its own" start_sshd
ok "ssh -I logs in with RSA" says "in as" login '^ssh-rsa '
ok "the PIN was asked for once" test "$(wc -l <asked)" -eq 1
ok "ssh -I logs in with P-384" says "in as" login nistp384
ok "ssh -I logs in with P-256" says "in as" login nistp256
TEST_PIN=9999
export TEST_PIN
ok "a wrong PIN does not log in" refused "Permission denied\|incorrect\|failed" login '^ssh-rsa '
ok "and costs one try" client_tries 2
TEST_PIN=1234
ok "the right one logs in again" says "in as" login '^ssh-rsa '
[ ! -s sshd.pid ] || kill "$(cat sshd.pid)"
client_end 3
