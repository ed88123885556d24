// Three workers behind one port: the first process accepts, and hands the connections over.
const cluster = require('cluster');
const http = require('http');
if (cluster.isPrimary) {
  let ready = 0;
  for (let n = 0; n < 3; n++) cluster.fork();
  const ask = (port, path) => new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', path, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => { text += chunk; });
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
  cluster.on('listening', async (worker, address) => {
    if (++ready < 3) return;
    for (let n = 0; n < 9; n++) console.log(await ask(address.port, `/${n}`));
    cluster.disconnect();
  });
  process.on('exit', (code) => console.log('exit', code));
} else {
  http.createServer((request, response) => {
    response.setHeader('Connection', 'close');
    response.end(`answer to ${request.url}`);
  }).listen(0, '127.0.0.1');
}
