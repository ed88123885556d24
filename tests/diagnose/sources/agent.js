// node's http.Agent keeps connections. A program that is busy for longer than the server's idle limit writes to one before
// it learns that it was closed. Arguments: port, pauses in ms. Prints how many requests were answered.
const http = require('http');
const clients = 4;
const port = Number(process.argv[2]);
const pauses = process.argv.slice(3).map(Number);
const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
let answered = 0;
let failed = 0;
const ask = () => new Promise((resolve) => {
  const request = http.get({ port, host: '127.0.0.1', path: '/page', agent }, (response) => {
    response.resume();
    response.on('end', () => { answered++; resolve(); });
  });
  request.on('error', () => { failed++; resolve(); });
});
const askAll = () => Promise.all(Array.from({ length: clients }, ask));
const idle = () => new Promise((resolve) => { setTimeout(resolve, 50); });
const main = async () => {
  await askAll();
  for (const pause of pauses) {
    await idle(); // the sockets go back to the pool
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause); // busy: no event is seen
    await askAll();
  }
  agent.destroy();
  console.log(`answered ${answered} failed ${failed}`);
};
main();
