# What the tests of castor share. Source it first; it brings tap.sh.
#
#   castor ARGUMENT...         the command of this build with the virtual module
#   card ARGUMENT...           ... and a virtual card, $image, new each time
#   status N COMMAND...        succeeds when the command ends so; its output is in ./out, errors in ./err
#   has TEXT...                ./out has each of these
#   has_no TEXT
#   said TEXT...               ./err has each of these
#   quiet                      ./err has nothing of castor's own
#   json EXPRESSION...         ./out is JSON, and each Perl expression on it ($_) is true
#
# The current folder is private and vanishes; no settings of anybody's are read.
. "$top_srcdir/t/tap.sh"
castor_dir=$(mktemp -d)
trap 'rm -rf "$castor_dir" "$tap_out"' EXIT
cd "$castor_dir" || exit 1
HOME=$castor_dir
TMPDIR=$castor_dir
XDG_CONFIG_HOME=$castor_dir/config
XDG_RUNTIME_DIR=$castor_dir/run
CASTOR_CONF=$castor_dir/conf
export HOME TMPDIR XDG_CONFIG_HOME XDG_RUNTIME_DIR CASTOR_CONF
mkdir -m 700 run
: >conf
unset LC_ALL LC_MESSAGES LANG LANGUAGE NO_COLOR DISPLAY WAYLAND_DISPLAY CASTOR_LOG CASTOR_TRACE CASTOR_VIRTUAL
pki=$top_srcdir/t/cards/pki
image=$top_srcdir/t/cards/myeid-citizen.yaml
virtual=$top_builddir/.libs/libcryptoki-virtual.so

castor() {
	"$top_builddir/castor" "$@"
}

card() {
	"$top_builddir/castor" --module "$virtual" --test-card="$image" "$@"
}

status() {
	status_wanted=$1
	shift
	status_got=0
	"$@" >out 2>err || status_got=$?
	[ "$status_got" -eq "$status_wanted" ] && return
	echo "status $status_got, wanted $status_wanted"
	cat out err
	return 1
}

lines_of() {
	lines_file=$1
	shift
	for lines_text; do
		grep -q -F -e "$lines_text" "$lines_file" || { echo "does not say: $lines_text"; cat "$lines_file"; return 1; }
	done
}

has() {
	lines_of out "$@"
}

said() {
	lines_of err "$@"
}

has_no() {
	! grep -F -e "$1" out
}

quiet() {
	! grep '^castor:' err
}

json() {
	for json_is; do
		perl -MJSON::PP -e 'local $/; open my $f, "<", "out" or die; $_ = decode_json(<$f>);
			eval $ARGV[0] or die "not so: $ARGV[0] $@\n"' "$json_is" || { cat out; return 1; }
	done
}
