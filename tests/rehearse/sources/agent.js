// node's http agent, which keeps connections: a request each 300 ms, and a new one after an error.
// agent.js ADDRESS PORT TIMEOUT-MS SECONDS
const http = require('http');
const [host, port, timeout, seconds] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const end = Date.now() + 1000 * seconds;

function next() {
	if (Date.now() < end)
		setTimeout(request, 300);
	else
		agent.destroy();
}

function request() {
	let over = false;
	function finish(error) {
		if (over)
			return;
		over = true;
		if (error)
			console.error(`failed: ${error.code} ${error.message}`);
		next();
	}
	const asked = http.request({ host, port, agent, method: 'POST', path: '/', timeout: Number(timeout) }, (answer) => {
		answer.resume();
		answer.on('end', () => finish());
		answer.on('error', finish);
	});
	asked.on('timeout', () => asked.destroy(new Error('own timeout')));
	asked.on('error', finish);
	asked.end('x'.repeat(100));
}

request();
