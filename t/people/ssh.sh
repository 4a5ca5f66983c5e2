#!/bin/sh
# ssh with a key of the card: asked once by our dialog on the terminal. Through ssh-agent there is no
# dialog of ours: ssh-add asks, and the agent's helper is told the PIN.
. "$top_srcdir/t/people/people.sh"
client_image=$vcard_images/myeid-citizen.yaml
sshd=$(command -v sshd || echo /usr/sbin/sshd)
people_start ssh ssh-keygen ssh-agent ssh-add "$sshd" tmux pinentry-curses pgrep -- "$@"

port=35922
umask 077

# keys LABEL: the key of the card with that label is allowed in. (ssh takes certificates' keys for keys.)
keys() {
	ssh-keygen -D "$module" >keys 2>keys.err && grep "^ssh-rsa .* $1\$" keys >authorized || { cat keys keys.err; return 1; }
}

options="-F none -p $port -o StrictHostKeyChecking=no -o UserKnownHostsFile=$PWD/known
	-o PreferredAuthentications=publickey -o IdentitiesOnly=no"
options=$(echo $options)
me=$(id -un)@127.0.0.1

asks_no_more() {
	! pgrep -x pinentry-curses
}

ok "sshd starts on a port of its own" start_sshd
ok "ssh-keygen -D lists the keys without a PIN" keys "todentamis- ja salausavain"
ok "... and no dialog came" asks_no_more

at_terminal "ssh $options -o IdentityAgent=none -I '$module' $me 'echo in as \$LOGNAME'"
ok "ssh asks by our dialog" person_sees "PIN1: ____"
ok "... for ssh" person_sees "Program: $(readlink -f "$(command -v ssh)")"
person_types 1234
ok "... once, and is in" ends 0 "in as"
reset_card
at_terminal "ssh $options -o IdentityAgent=none -I '$module' $me 'echo in as \$LOGNAME'"
person_sees "PIN1: ____" >/dev/null
person_types 9999
ok "a wrong PIN is told of" person_sees "Wrong PIN."
person_types 1234
ok "... the right one is in" ends 0 "in as"
reset_card
at_terminal "ssh $options -o IdentityAgent=none -I '$module' $me 'echo in as \$LOGNAME'"
person_sees "PIN1: ____" >/dev/null
person_cancels
ok "cancelled: not in" ends ! "Permission denied"
ok "... no try is lost" client_tries 3

# The key of PIN2, which says CKA_ALWAYS_AUTHENTICATE: ssh logs in and asks no more, the module has the PIN.
ok "the key of PIN2 is allowed" keys allekirjoitusavain
reset_card
at_terminal "ssh $options -o IdentityAgent=none -I '$module' $me 'echo in as \$LOGNAME'"
ok "ssh with the key of PIN2 asks for it" person_sees "PIN2: ____"
person_types 123456
ok "... once, and is in" ends 0 "in as"
ok "... PIN2 is shut" shut 2
keys "todentamis- ja salausavain"

# ---- plain Cryptoki: ssh asks itself ----

reset_card
in_sight "disableCryptokiAutoLogin=1 ssh $options -o IdentityAgent=none -I '$module' $me 'echo in as \$LOGNAME'"
ok "without the auto-login ssh asks itself" person_sees "Enter PIN for"
person_types 1234
ok "... and is in" person_sees "in as"

# ---- the agent ----

# It loads what it is allowed to, and names itself by a path of its own choice.
start_agent() {
	eval "$(ssh-agent -s -P "$(readlink -f "$module")" -a "$PWD/agent")" >/dev/null && [ -S agent ]
}

robot
# what the helper gets is the agent's environment: everything a dialog would want
ok "ssh-agent starts" start_agent
in_sight "ssh-add -s '$(readlink -f "$module")'"
ok "ssh-add asks itself" person_sees "Enter passphrase for PKCS#11:"
person_types 1234
ok "... the agent has the keys" ends 0
ok "... and no dialog came" asked 0
ok "the helper serves it" pgrep -f ssh-pkcs11-helper
ok "a login through the agent" says "in as" ssh $options "$me" 'echo in as $LOGNAME'
ok "... and another one" says "in as" ssh $options "$me" 'echo in as $LOGNAME'
reset_card
ok "the card is reset by a neighbour: no PIN was kept for the agent" refused "Permission denied\|agent refused" \
	ssh $options "$me" 'echo in as $LOGNAME'
ok "... and no dialog came" asked 0
ok "the card is taken out of the agent" ssh-add -e "$(readlink -f "$module")"
kill "$SSH_AGENT_PID"
unset SSH_AUTH_SOCK

# Somebody else has PIN1 open: that is nothing to the agent.
ok "ssh-agent starts again" eval "rm -f agent; start_agent"
in_sight "ssh-add -s '$(readlink -f "$module")'"
person_sees "Enter passphrase for PKCS#11:" >/dev/null
person_types ""
ends 0 >/dev/null
answers 1234
host 'slot 0' open 'sign 45' "do ssh $options $me true 2>ssh.err = 255" >hosted 2>&1
ok "a key that another program has open is none for the agent" test $? -eq 0
asked 1 >/dev/null
kill "$SSH_AGENT_PID"
[ ! -s sshd.pid ] || kill "$(cat sshd.pid)"
people_end 3
