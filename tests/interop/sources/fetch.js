// fetch against http's server.
const http = require('http');
const server = http.createServer((request, response) => {
  let size = 0;
  request.on('data', (chunk) => { size += chunk.length; });
  request.on('end', () => { response.end(JSON.stringify({ url: request.url, size, filler: 'x'.repeat(50000) })); });
});
server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  for (const path of ['/one', '/two']) {
    const answer = await (await fetch(url + path)).json();
    console.log(answer.url, answer.size, answer.filler.length);
  }
  const all = await Promise.all([1, 2, 3].map((n) => fetch(`${url}/${n}`, { method: 'POST', body: 'y'.repeat(n * 1000) })));
  for (const answer of all) console.log((await answer.json()).size);
  server.close();
  server.closeAllConnections();
});
