#!/bin/sh
# Who may include whom, as a table; and that this script notices when a row is broken.
. "$top_srcdir/t/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work" "$tap_out"' EXIT

# folder | headers of ours (regular expression) | system headers that it must not use.
# Of OpenSSL, base has cleansing and randomness, and the transports cleanse what they carried.
cat >"$work/layers" <<'TABLE'
base|base/.*|winscard\.h|p11-kit/.*|yaml\.h|zlib\.h|openssl/(?!crypto|rand)
mapping|(mapping|base)/.*|winscard\.h|p11-kit/.*|openssl/.*|pthread\.h|unistd\.h|fcntl\.h|sys/.*
cardos/wire|(cardos/wire|base)/.*|p11-kit/.*|openssl/(?!crypto)|yaml\.h
cardos|(cardos|base)/.*|mapping/profile\.h|winscard\.h|p11-kit/.*|yaml\.h
token|(token|mapping|cardos|base)/.*|winscard\.h|yaml\.h
p11|(p11|token|base)/.*|winscard\.h|yaml\.h|openssl/.*
bridges|(bridges|base)/.*|winscard\.h|yaml\.h
t/vcard|(t/vcard|t/unit)/.*|winscard\.h|p11-kit/.*
t/conform|t/conform/.*|winscard\.h
t/bench|t/conform/.*|
TABLE

# regular expression of code | folders it is looked for in | files that may (regular expression)
cat >"$work/words" <<'TABLE'
SCardTransmit *\(|base mapping cardos token p11 bridges|cardos/wire/io_pcsc\.c
SCARD_[A-Z]|base mapping cardos token p11|cardos/wire/io_pcsc\.c
\bE_[A-Z][A-Z_]+\b|p11|-
\bCK[AMR]_[A-Z]|base mapping cardos|-
%0?2[hx]*[xX]|cardos token p11|cardos/wire/io_trace\.c
\b(strcpy|strcat|sprintf|vsprintf|gets|alloca|strtok) *\(|base mapping cardos token p11 bridges|-
\b(printf|puts|perror) *\(|mapping cardos token p11|-
TABLE

# Each broken row is one line: file, line, what. The comments of C are not looked at.
cat >"$work/check.pl" <<'PERL'
use strict; use warnings; use File::Find;
my ($tree, $layers, $words) = @ARGV;
my (@layer, @word, $bad);
open my $in, '<', $layers or die $layers;
while (<$in>) {
	chomp;
	my ($dir, $rest) = split /\|/, $_, 2;
	# The headers of ours come first, up to the first entry of a library.
	my (@may, @not); my $depth = 0; my $part = '';
	my @parts;
	for my $c (split //, $rest) {
		$depth++ if $c eq '('; $depth-- if $c eq ')';
		if ($c eq '|' && !$depth) { push @parts, $part; $part = '' } else { $part .= $c }
	}
	push @parts, $part;
	for (@parts) { next if $_ eq ''; if (m{^\(?(base|mapping|cardos|token|p11|bridges|t/\w+)[/|)]}) { push @may, $_ } else { push @not, $_ } }
	push @layer, [ $dir, \@may, \@not ];
}
open $in, '<', $words or die $words;
while (<$in>) {
	chomp;
	# The expression itself may hold bars: the last two fields are the others.
	my ($re, $dirs, $may) = /^(.*)\|([^|]*)\|([^|]*)$/ or die $_;
	push @word, [ qr/$re/, [ split ' ', $dirs ], $may ];
}
chdir $tree or die $tree;
my @files;
find({ no_chdir => 1, wanted => sub { push @files, $_ if /\.[ch]$/ } }, grep { -d } qw(base mapping cardos token p11 bridges t));
for my $file (sort map { s{^\./}{}r } @files) {
	my ($row) = sort { length $b->[0] <=> length $a->[0] } grep { index($file, "$_->[0]/") == 0 } @layer;
	local $/; open my $f, '<', $file or die $file; my $text = <$f>;
	$text =~ s{/\*.*?\*/}{ $& =~ s/[^\n]//gr }ges;
	my $n = 0;
	for my $line (split /\n/, $text) {
		$n++;
		if ($row && $line =~ /^\s*#\s*include\s*"([^"]+)"/) {
			my $h = $1;
			unless ($h eq 'config.h' || grep { $h =~ m{^(?:$_)$} } @{$row->[1]}) { print "$file:$n: $row->[0] includes $h\n"; $bad = 1 }
		} elsif ($row && $line =~ /^\s*#\s*include\s*<([^>]+)>/) {
			my $h = $1;
			if (grep { $h =~ m{^(?:$_)} } @{$row->[2]}) { print "$file:$n: $row->[0] includes <$h>\n"; $bad = 1 }
		}
		next if $line =~ /^\s*#\s*include/;
		for my $w (@word) {
			next unless grep { index($file, "$_/") == 0 } @{$w->[1]};
			next if $w->[2] ne '-' && $file =~ m{^$w->[2]$};
			next if $line =~ /attribute/;
			if ($line =~ $w->[0]) { print "$file:$n: has $&\n"; $bad = 1 }
		}
	}
}
exit($bad ? 1 : 0);
PERL

check() {
	perl "$work/check.pl" "$1" "$work/layers" "$work/words"
}

# notices FILE LINE: a made-up tree with that line in that file is found out, with file and line.
notices() {
	rm -rf "$work/tree"
	mkdir -p "$work/tree/$(dirname "$1")"
	printf 'int before;\n%s\n' "$2" >"$work/tree/$1"
	if check "$work/tree" >"$work/found"; then
		echo "not noticed: $2 in $1"
		return 1
	fi
	grep -q "^$1:2: " "$work/found"
}

accepts() {
	rm -rf "$work/tree"
	mkdir -p "$work/tree/$(dirname "$1")"
	printf '%s\n' "$2" >"$work/tree/$1"
	check "$work/tree"
}

command -v perl >/dev/null || { echo "1..0 # SKIP perl is not installed"; exit 0; }
ok "every folder keeps to its layer" check "$top_srcdir"
while IFS=@ read -r file line; do
	ok "noticed: $line in $file" notices "$file" "$line"
done <<'CASES'
base/x.c@#include "cardos/card.h"
base/x.c@#include <p11-kit/pkcs11.h>
base/x.c@#include <openssl/evp.h>
base/x.h@#include <winscard.h>
mapping/x.c@#include "cardos/card.h"
mapping/x.c@#include <pthread.h>
mapping/x.c@#include <openssl/evp.h>
mapping/x.c@#include <unistd.h>
cardos/x.c@#include "token/token.h"
cardos/x.c@#include "mapping/p15.h"
cardos/x.c@#include <winscard.h>
cardos/wire/x.c@#include "cardos/card.h"
cardos/wire/x.c@#include <p11-kit/pkcs11.h>
token/x.c@#include "p11/p11.h"
token/x.c@#include <winscard.h>
p11/x.c@#include "cardos/card.h"
p11/x.c@#include "mapping/p15.h"
p11/x.c@#include <openssl/evp.h>
bridges/x.c@#include "token/token.h"
t/vcard/x.c@#include "cardos/iso.h"
t/vcard/x.c@#include "base/buf.h"
t/conform/x.c@#include "p11/p11.h"
cardos/wire/io_sock.c@	SCardTransmit(card, 0);
token/x.c@	return SCARD_W_REMOVED_CARD;
p11/x.c@	return E_GONE;
cardos/x.c@	return CKR_OK;
token/x.c@	log_debug("%02X", b);
base/x.c@	strcpy(a, b);
p11/x.c@	printf("x");
CASES
ok "accepted: mapping/profile.h in cardos" accepts cardos/x.c '#include "mapping/profile.h"'
ok "accepted: winscard.h in cardos/wire" accepts cardos/wire/io_pcsc.c '#include <winscard.h>'
ok "accepted: openssl/rand.h in base" accepts base/x.c '#include <openssl/rand.h>'
ok "accepted: an E_ code in a comment of p11" accepts p11/x.c '/* E_GONE is turned into a CKR in token */'
tap_done
