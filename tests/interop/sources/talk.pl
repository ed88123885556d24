# A server and a client in two processes, lines and a block in both directions.
use strict;
use warnings;
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 5, Proto => 'tcp') or die "listen: $@";
my $port = $listener->sockport;
my $child = fork // die "fork: $!";
if (!$child) {
	close $listener;
	for my $round (1 .. 3) {
		my $server = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port", Timeout => 10) or die "connect: $@";
		$server->autoflush(1);
		print $server "line $_ of $round\n" for 1 .. 20;
		$server->send('x' x 1000);
		shutdown $server, 1;
		local $/;
		my $answer = <$server>;
		print length $answer, "\n";
		close $server;
	}
	exit 4;
}
for my $round (1 .. 3) {
	my $client = $listener->accept or die "accept: $!";
	my $lines = 0;
	while (my $line = <$client>) {
		$lines++;
		print $client "heard $line";
	}
	$client->flush;
	close $client;
	print "$lines lines\n";
}
waitpid $child, 0;
print 'child ', $? >> 8, "\n";
