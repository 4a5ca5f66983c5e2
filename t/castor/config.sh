#!/bin/sh
# castor config, castor config check and castor cache: over settings files of every kind.
. "$top_srcdir/t/tap.sh"

work=$(mktemp -d)
trap 'chmod -R u+rwx "$work"; rm -rf "$work" "$tap_out"' EXIT
cd "$work" || exit 1
umask 077
castor=$top_builddir/castor
HOME=$work
XDG_CONFIG_HOME=$work/config
mkdir -p config/castor run cache
unset CASTOR_CONF disableCryptokiAutoLogin LC_ALL LC_MESSAGES LANG
export HOME XDG_CONFIG_HOME
conf=$work/config/castor/DigiSign.conf

# ends STATUS TEXT COMMAND...: ends so, and says that on either stream.
ends() {
	ends_status=$1
	ends_text=$2
	shift 2
	"$@" >said 2>err
	ends_rc=$?
	cat said err
	[ "$ends_rc" -eq "$ends_status" ] || { echo "exit status $ends_rc"; return 1; }
	cat said err | grep -q -F -e "$ends_text" || { echo "does not say: $ends_text"; return 1; }
}

lacks() { ! grep -q -F -e "$1" said err; }
is_json() {
	! command -v python3 >/dev/null || python3 -m json.tool <said >/dev/null
}

ok "without files nothing is set" ends 0 "every setting has its default" "$castor" config
ok "and all is well, in one line" ends 0 "The settings are in order." "$castor" config check
ok "one line" test "$(cat said err | wc -l)" -eq 1
ok "in Finnish" ends 0 "Asetukset ovat kunnossa." "$castor" --language fi config check
ok "in Swedish" ends 0 "Inställningarna är i ordning." "$castor" --language sv config check
ok "green on a terminal" ends 0 "$(printf '\033[32mThe settings')" "$castor" --color always config check

cat >"$conf" <<'CONF'
# mine
disableCryptokiPIN2Slot = 1
pinCacheTimeout = 300
gpMasterKey = 00112233445566778899AABBCCDDEEFF
[app:*/special]
pinCacheTimeout = 10
CONF
ok "what is set is shown" ends 0 "disableCryptokiPIN2Slot = 1" "$castor" config
ok "with file and line" ends 0 "from $conf:2" "$castor" config
ok "what it does" ends 0 "no slot for PIN2" "$castor" config
ok "in Finnish" ends 0 "ei paikkaa PIN2:lle" "$castor" --language fi config
ok "what it acts in, and its range" ends 0 "0..86400 · acts in the module" "$castor" config pinCacheTimeout
ok "a section is for its program only" ends 0 "pinCacheTimeout = 300" "$castor" config
printf '#!/bin/sh\n' >special
chmod +x special
ok "for that program it is the section's" ends 0 "pinCacheTimeout = 10" "$castor" config --for "$work/special"
PATH=$work:$PATH
ok "also by its name" ends 0 "pinCacheTimeout = 10" "$castor" config --for special
ok "what is shipped for a program" ends 0 "shipped with Castor for this program" "$castor" config --for /nowhere/sudo
ok "a program that is not there" ends 2 "there is no program" "$castor" config --for no-such-program
ok "a secret is only set" ends 0 "gpMasterKey = (set, and not shown)" "$castor" config
ok "and never shown" lacks 00112233
ok "in JSON, too" ends 0 '"name": "gpMasterKey"' "$castor" --json config
ok "not there" lacks 00112233
ok "it is JSON" is_json
ok "JSON has the line" ends 0 '"line": 2' "$castor" --json config disableCryptokiPIN2Slot
ok "all of them" ends 0 "showAsn1CertInWindows = 0" "$castor" config --all
ok "as many as there are" test "$(grep -c ' = ' said)" -eq "$(grep -c '^SETTING(' "$top_srcdir/base/settings.def")"
ok "all of them in JSON" ends 0 '"acts": "nothing"' "$castor" --json config --all
ok "that is JSON" is_json
ok "one that is not set" ends 0 "the default" "$castor" config logLevel
ok "one that does not exist" ends 2 "did you mean pinCacheTimeout?" "$castor" config pinCacheTimeOutt
ok "one like no other" ends 2 "there is no setting “xyz”" "$castor" config xyz
ok "the environment" env disableCryptokiAutoLogin=1 "$castor" config disableCryptokiAutoLogin
ok "is named" ends 0 "from the environment" env disableCryptokiAutoLogin=1 "$castor" config
ok "another file" ends 0 "every setting has its default" "$castor" --file /dev/null config

ok "a good file has no findings" ends 0 "in order" "$castor" config check
cat >bad <<'CONF'
disableCryptokiPin2Slott = 1
pinCacheTimeout = 100000
logLevel = loud
just words
pin2EveryTime = 0
CONF
ok "a mistyped key" ends 10 "bad:1: unknown key disableCryptokiPin2Slott; did you mean disableCryptokiPIN2Slot?" \
	"$castor" config check bad
ok "a value out of range, and the range" ends 10 "bad:2: the value of pinCacheTimeout is out of range; it goes 0..86400" \
	"$castor" config check bad
ok "the words there are" ends 10 "off error warn info debug apdu" "$castor" config check bad
ok "no setting at all" ends 10 'bad:4: a line is "key = value"' "$castor" config check bad
ok "what is the system's" ends 10 "bad:5: pin2EveryTime can be set in the system file only" "$castor" config check bad
ok "all five" test "$(wc -l <said)" -eq 5
ok "as the system's, that one is fine" ends 10 "bad:4" "$castor" config check --system bad
ok "four" test "$(wc -l <said)" -eq 4
ok "in Finnish" ends 10 "tarkoititko disableCryptokiPIN2Slot?" "$castor" --language fi config check bad
ok "in Swedish" ends 10 "menade du disableCryptokiPIN2Slot?" "$castor" --language sv config check bad
ok "in JSON" ends 10 '"line": 5' "$castor" --json config check bad
ok "which is JSON" is_json
cp bad "$conf"
ok "the user's own file is looked at" ends 10 "$conf:1" "$castor" config check
ok "castor config tells that there is something" ends 0 "5 mistakes were found" "$castor" config
echo 'pinCacheTimeout = x' >"$conf"
ok "one" ends 0 "1 mistake was found" "$castor" config
ok "and the default holds" ends 0 "pinCacheTimeout = 900" "$castor" config pinCacheTimeout

echo 'pinCacheTimeout = 300' >"$conf"
chmod 666 "$conf"
ok "others can write it" ends 10 "try: chmod go-w $conf" "$castor" config check
printf 'gpMasterKey = 0011\n' >"$conf"
chmod 644 "$conf"
ok "others can read a secret" ends 10 "try: chmod 600 $conf" "$castor" config check
ok "and it is not shown" lacks 0011
ok "in Finnish" ends 10 "on salaisuus" "$castor" --language fi config check
sh -c "$(sed -n 's/^ *try: //p' said)"
"$castor" --language en config check >said 2>&1
sed -n 's/^ *try: //p' said >mend
ok "there is a command that mends it" test -s mend
sh ./mend
ok "the command that was told mends it" ends 0 "in order" "$castor" config check
cp "$conf" "it's one"
chmod 622 "it's one"
"$castor" config check "it's one" >said 2>&1
sed -n 's/^ *try: //p' said >mend
sh ./mend
ok "whatever the file is called" test "$(stat -c %a "it's one")" = 600
if [ "$(id -u)" -eq 0 ]; then
	chown nobody "$conf"
	ok "of another user" ends 10 "try: chown root $conf" "$castor" config check
	chown root "$conf"
else
	skip "of another user" "only root can give a file away"
fi
ok "no such file" ends 2 "there is no such file" "$castor" config check nowhere
ok "a folder" ends 10 "it is not a plain file" "$castor" config check config
head -c 300000 /dev/zero | tr '\0' '#' >large
ok "too large" ends 10 "it is too large" "$castor" config check large
head -c 4000 /dev/urandom >garbage
"$castor" config check garbage >said 2>&1
ok "garbage has findings" test $? -eq 10
ok "of which none reaches the terminal as it is" sh -c '! LC_ALL=C grep -q "[[:cntrl:]]" said'
ok "a full disk" ends 1 "No space left" sh -c "'$castor' config --all >/dev/full"
ok "a closed pipe is silent" sh -c "'$castor' config --all 2>err | head -1 >/dev/null; test ! -s err"
chmod 500 config/castor
chmod 400 "$conf"
ok "a folder that cannot be written is nobody's fault" ends 0 "in order" "$castor" config check
chmod 700 config/castor
chmod 600 "$conf"

rm -f "$conf"
ok "nothing on disk" ends 0 "this version keeps nothing of cards on disk" "$castor" cache info
ok "the modes of the cache" ends 0 "SmartCardSNCache = 3" "$castor" cache info
ok "nothing to remove" ends 0 "There was nothing to remove." "$castor" cache clear
printf 'SmartCardCachePath = %s\nDataPath = %s\n' "$work/cache" "$work/run" >"$conf"
name=$(printf x | sha256sum | cut -d' ' -f1)
head -c 1000 /dev/zero >"cache/$name"
echo mine >cache/other
echo mine >"cache/${name}0"
ln -s "$work/cache/other" "cache/$(printf y | sha256sum | cut -d' ' -f1)"
echo 7 >run/epoch
ok "files of the cache" ends 0 "1 file of the cache, 1000 bytes" "$castor" cache info
ok "the epoch" ends 0 "epoch of PINs: 7" "$castor" cache info
ok "no dialog" ends 0 "no PIN dialog is open" "$castor" cache info
ok "in JSON" ends 0 '"epoch": 7' "$castor" --json cache info
ok "which is JSON" is_json
if command -v flock >/dev/null; then
	ok "a dialog" ends 0 " a PIN dialog is open" flock run/dialog.lock "$castor" cache info
else
	skip "a dialog" "flock is not installed"
fi
ok "clear" ends 0 "1 file was removed." "$castor" cache clear
ok "removes it" test ! -e "cache/$name"
ok "nothing else" test -f cache/other -a -f "cache/${name}0" -a -L "cache/$(printf y | sha256sum | cut -d' ' -f1)"
ok "nor the epoch" test "$(cat run/epoch)" = 7
chmod 777 cache
: >"cache/$name"
ok "a folder of others is left alone" ends 1 "no folder of yours" "$castor" cache clear
ok "with what is in it" test -f "cache/$name"
ok "and info says so" ends 0 "no folder of yours" "$castor" cache info
rm -rf cache
ok "a folder that is not there" ends 0 "there is no such folder" "$castor" cache info
ok "has nothing to remove" ends 0 "nothing to remove" "$castor" cache clear
tap_done
