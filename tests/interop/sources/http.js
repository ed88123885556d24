// http's server and its client with keep-alive; ends by an exception that nobody catches.
const http = require('http');
let requests = 0;
const server = http.createServer((request, response) => {
  requests++;
  let size = 0;
  request.on('data', (chunk) => { size += chunk.length; });
  request.on('end', () => { response.end(`${request.method} ${request.url}: ${requests}, ${size} bytes\n`); });
});
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const ask = (path, body) => new Promise((resolve, reject) => {
  const options = { port: server.address().port, host: '127.0.0.1', path, agent, method: body ? 'POST' : 'GET' };
  const request = http.request(options, (response) => {
    response.on('data', (chunk) => process.stdout.write(chunk));
    response.on('end', resolve);
  });
  request.on('error', reject);
  request.end(body);
});
server.listen(0, '127.0.0.1', async () => {
  await ask('/one');
  await ask('/two');
  await ask('/three', 'x'.repeat(300000));
  agent.destroy();
  server.close(() => setTimeout(() => { throw new Error('nothing left to do'); }, 20));
});
