# A service that is none, at a socket: service.pl PATH KIND
#   dead      leaves the socket behind and is no more
#   silent    takes clients and never answers
#   closes    takes clients and closes their connections, as pcscd does when polkit refuses them
#   other     answers that it does not speak that version of the protocol
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, $kind) = @ARGV;
my $door = IO::Socket::UNIX->new(Local => $path, Listen => 8) or die "$path: $!";
exit 0 if $kind eq 'dead';
$| = 1;
print "ready\n";
my @kept;
while (my $client = $door->accept) {
	if ($kind eq 'silent') {
		push @kept, $client;
	} elsif ($kind eq 'other') {
		sysread $client, my $hello, 20;
		syswrite $client, pack('l<l<L<', 9, 9, 0x8010001D);
	}
	close $client if $kind ne 'silent';
}
