// Lines and a large block over net, with half-closing, and a server that takes what comes.
const net = require('net');
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  let size = 0;
  socket.on('data', (chunk) => { size += chunk.length; });
  socket.on('end', () => { socket.end(`${size} bytes\n`); });
});
server.listen(0, '127.0.0.1', () => {
  const ask = (block, next) => {
    const socket = net.connect({ port: server.address().port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.on('data', (chunk) => { answer += chunk; });
    socket.on('end', () => { process.stdout.write(answer); });
    socket.on('close', next);
    socket.end(block);
  };
  ask('short', () => ask('x'.repeat(1000000), () => ask(Buffer.alloc(3), () => server.close(() => { process.exitCode = 5; }))));
});
