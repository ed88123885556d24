// The data of the page, and how its numbers are written.  Text of the traced program is only ever set as textContent.

const summary = JSON.parse(document.getElementById('summary').textContent);
const connections = summary.connections;
const severities = ['info', 'warn', 'error'];
const noteNumbers = new Map(summary.notes.map((note, number) => [note[0] + severities[note[1]], number]));

// Numbers of <tcpshim/event.h>, and the signs of shim/picture/wire.h.
const STATE = {established: 1, synSent: 2, close: 7, closeWait: 8};
const SIGN = {syn: 1, connected: 2, accepted: 4, finSent: 8, finReceived: 16, rstSent: 32, rstReceived: 64, gaveUp: 128, lost: 256};
const FLAG = {sleeping: 1, many: 2, failed: 4, wouldBlock: 8};

// A moment of the details, by name instead of by place.
function momentOf(list) {
	const [time, took, state, signs, direction, bytes, position, fin, flags, gap, thread, text, stack] = list;
	return {time, took, state, signs, direction, bytes, position, fin, flags, gap, thread, text, stack};
}

// The frames of a call's stack, the innermost first.
let stackTexts = null;
function framesOf(moment) {
	if (moment.stack === undefined)
		return [];
	stackTexts ??= JSON.parse(document.getElementById('stacks').textContent);
	return stackTexts[moment.stack].split('\n').filter(line => line.startsWith(' > ')).map(line => line.slice(3));
}

// What is known of one connection beyond the summary: its line is parsed when it is opened.
let detailLines = null;
function detailsOf(index) {
	detailLines ??= document.getElementById('details').textContent.trim().split('\n');
	const details = JSON.parse(detailLines[index]);
	for (const end of [details.ours, details.theirs])
		if (end)
			end.m = end.m.map(momentOf);
	return details;
}

// What a connection has in common with those that it is compared with: see shim/diagnose/group.h.
function keyOf(connection) {
	if (connection.r === 'server')
		return JSON.stringify([connection.g, 'server', connection.l.replace(/^.*:/, '')]);
	return JSON.stringify([connection.g, 'client', connection.q]);
}

// The same, and that of its other end if it was recorded: a finding may be about either.
function keysOf(connection) {
	const keys = [keyOf(connection)];
	if (connection.t !== null && connection.r === 'server')
		keys.push(JSON.stringify([connection.t, 'client', connection.l]));
	else if (connection.t !== null)
		keys.push(JSON.stringify([connection.t, 'server', connection.q.replace(/^.*:/, '')]));
	return keys;
}

function groupName(connection) {
	return connection.r === 'server' ? `${connection.g} at port ${connection.l.replace(/^.*:/, '')}` :
		`${connection.g} to ${connection.q}`;
}

// us: microseconds.  "0.2 ms", "3.40 s", "12 min 5 s".
function durationText(us) {
	if (us < 1000)
		return `${Math.round(us)} \u00b5s`;
	if (us < 1e6)
		return `${(us / 1000).toFixed(us < 1e4 ? 1 : 0)} ms`;
	if (us < 6e7)
		return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)} s`;
	if (us < 3.6e9)
		return `${Math.floor(us / 6e7)} min ${Math.round(us % 6e7 / 1e6)} s`;
	return `${Math.floor(us / 3.6e9)} h ${Math.round(us % 3.6e9 / 6e7)} min`;
}

// A time since the start, in seconds as a trace has it.
function stampText(us) {
	return (us / 1e6).toFixed(4);
}

function bytesText(bytes) {
	if (bytes === null)
		return '-';
	return bytes === 1 ? '1 byte' : `${bytes.toLocaleString('en')} bytes`;
}

function shortBytes(bytes) {
	for (const unit of ['B', 'KB', 'MB', 'GB']) {
		if (bytes < 1000 || unit === 'GB')
			return `${bytes < 10 && unit !== 'B' ? bytes.toFixed(1) : Math.round(bytes)} ${unit}`;
		bytes /= 1000;
	}
	return '';
}

function countText(count, noun) {
	return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

// Makes an element: its class, its text, and what is in it.
function element(tag, className, text, ...children) {
	const made = document.createElement(tag);
	if (className)
		made.className = className;
	if (text !== undefined && text !== null)
		made.textContent = text;
	made.append(...children);
	return made;
}

// Makes an element of a drawing.
function shape(tag, attributes, text) {
	const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
	for (const [name, value] of Object.entries(attributes))
		made.setAttribute(name, value);
	if (text !== undefined)
		made.textContent = text;
	return made;
}

// Round numbers for an axis: about so many of them, from and until included where they are round.
function ticksOf(from, until, about) {
	const rough = (until - from) / about, power = 10 ** Math.floor(Math.log10(rough));
	const step = power * ([1, 2, 5, 10].find(factor => factor * power >= rough) ?? 10);
	const ticks = [];
	for (let tick = Math.ceil(from / step) * step; tick <= until; tick += step)
		ticks.push(tick);
	return ticks;
}
