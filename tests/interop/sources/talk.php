<?php
// Streams and, where it is there, the sockets extension; both ends in one process.
$listener = stream_socket_server('tcp://127.0.0.1:0', $number, $error) or die($error);
$address = stream_socket_get_name($listener, false);
for ($round = 0; $round < 3; $round++) {
	$client = stream_socket_client("tcp://$address", $number, $error, 10) or die($error);
	$server = stream_socket_accept($listener, 10);
	fwrite($client, "line $round\n" . str_repeat('x', 50000) . "\n");
	echo fgets($server), strlen(fgets($server)), "\n";
	fwrite($server, 'answer');
	stream_socket_shutdown($server, STREAM_SHUT_WR);
	echo stream_get_contents($client), "\n";
	fclose($client);
	echo fread($server, 10), feof($server) ? 'end' : 'more', "\n";
	fclose($server);
}
fclose($listener);
echo strlen(file_get_contents("http://127.0.0.1:{$argv[1]}/index.php")), "\n";
echo file_get_contents("http://127.0.0.1:{$argv[1]}/index.php?name=kang"), "\n";
exit(6);
