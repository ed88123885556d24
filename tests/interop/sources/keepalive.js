// https's and http's servers and clients with keep-alive, several connections at a time, with pauses between requests.
// Arguments: key, certificate.
const fs = require('fs');
const http = require('http');
const https = require('https');
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const answer = (request, response) => {
  let size = 0;
  request.on('data', (chunk) => { size += chunk.length; });
  request.on('end', () => { response.end('x'.repeat(Number(request.url.slice(1))) + size); });
};
const ask = (module, port, agent, path, body) => new Promise((resolve, reject) => {
  const options = { port, host: '127.0.0.1', path, agent, rejectUnauthorized: false, method: body ? 'POST' : 'GET' };
  const request = module.request(options, (response) => {
    let size = 0;
    response.on('data', (chunk) => { size += chunk.length; });
    response.on('end', () => { resolve(size); });
  });
  request.on('error', reject);
  request.end(body);
});
const talk = async (module, options) => {
  const server = module.createServer(options, answer);
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const agent = new module.Agent({ keepAlive: true, maxSockets: 4 });
  const { port } = server.address();
  let total = 0;
  for (let round = 0; round < 4; round++) {
    const answers = [];
    for (let n = 0; n < 10; n++) answers.push(ask(module, port, agent, `/${n * 3000}`, n % 2 ? 'y'.repeat(n * 20000) : ''));
    for (const size of await Promise.all(answers)) total += size;
    await pause(250);
  }
  agent.destroy();
  await new Promise((resolve) => { server.close(resolve); });
  return total;
};
const main = async () => {
  console.log(await talk(http, {}));
  console.log(await talk(https, { key: fs.readFileSync(process.argv[2]), cert: fs.readFileSync(process.argv[3]) }));
};
main();
