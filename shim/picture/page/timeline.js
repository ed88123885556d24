// The timeline: lanes on a canvas, of which only those in sight are drawn.

const GUTTER = 236, GROUP_HEIGHT = 26, AXIS_HEIGHT = 20, LEAST_SPAN = 20;

class Timeline {
	constructor() {
		this.box = document.getElementById('lanes');
		this.canvas = document.getElementById('lanes-canvas');
		this.room = document.getElementById('lanes-room');
		this.all = {from: Math.min(0, ...connections.slice(0, 1).map(one => one.a)), until: Math.max(summary.end, 1000)};
		this.view = {...this.all};
		this.laneHeight = connections.length > 400 ? 14 : 20;
		this.group = null;
		this.chosen = -1;
		this.opened = -1;
		this.order = this.groupAll();
		this.haystacks = [];
	}

	// --- Which lanes there are. ---

	// Returns the groups in order: those with findings first, as the findings are; then the worst.
	groupAll() {
		const groups = new Map(), ranks = new Map();
		summary.findings.forEach((finding, rank) => {
			const key = JSON.stringify(finding.key);
			if (!ranks.has(key))
				ranks.set(key, rank);
		});
		connections.forEach((connection, index) => {
			const key = keyOf(connection);
			if (!groups.has(key))
				groups.set(key, {key, name: groupName(connection), lanes: [], worst: 0, rank: Infinity});
			const group = groups.get(key);
			group.lanes.push(index);
			group.rank = Math.min(group.rank, ...keysOf(connection).map(one => ranks.get(one) ?? Infinity));
			group.worst = Math.max(group.worst, connection.w);
		});
		return [...groups.values()].sort((a, b) => a.rank - b.rank || b.worst - a.worst || b.lanes.length - a.lanes.length);
	}

	// All words that a search finds a connection by.
	haystackOf(index) {
		const one = connections[index];
		return this.haystacks[index] ??= [groupName(one), one.h, one.l, one.q, `#${one.n}`, `pid ${one.p}`, one.r, one.e,
			...one.i.map(note => `${summary.notes[note][0]} ${severities[summary.notes[note][1]]}`),
			...one.b.filter((_, place) => place % 2 === 1).map(state => summary.states[state]),
			one.o ? 'open' : 'closed', one.t ?? ''].join(' ').toLowerCase();
	}

	isShown(index, words, severity) {
		if (connections[index].w < severity)
			return false;
		const haystack = words.length > 0 ? this.haystackOf(index) : '';
		return words.every(word => word[0] === '#' ? `#${connections[index].n}` === word : haystack.includes(word));
	}

	filter() {
		const words = document.getElementById('search').value.toLowerCase().split(/\s+/).filter(Boolean);
		const severity = Number(document.getElementById('severity').value);
		let y = AXIS_HEIGHT, shown = 0;
		this.rows = [];
		for (const group of this.order) {
			const lanes = group.lanes.filter(index => (this.group === null || keysOf(connections[index]).includes(this.group)) &&
				this.isShown(index, words, severity));
			if (lanes.length === 0)
				continue;
			this.rows.push({y, height: GROUP_HEIGHT, group, count: lanes.length});
			y += GROUP_HEIGHT;
			for (const index of lanes) {
				this.rows.push({y, height: this.laneHeight, index});
				y += this.laneHeight;
			}
			shown += lanes.length;
		}
		this.height = y + 4;
		this.shown = this.rows.filter(row => row.index !== undefined).map(row => row.index);
		const both = this.shown.filter(index => connections[index].t !== null).length;
		document.getElementById('shown').textContent = (shown === connections.length ? countText(shown, 'connection') :
			`${shown.toLocaleString('en')} of ${countText(connections.length, 'connection')}`) +
			(both > 0 ? `, ${both.toLocaleString('en')} of them recorded at both ends` : '') + (this.group === null ? '' : ' (one group: click it to see all)');
		this.resize();
		overview?.count();
		fillTable(true);
	}

	// Shows the group of a finding; of what was wrong, only the connections that it is wrong with.
	showFinding(finding) {
		const key = JSON.stringify(finding.key), select = document.getElementById('severity');
		const worst = connections.reduce((most, one) => keysOf(one).includes(key) ? Math.max(most, one.w) : most, 0);
		select.value = String(Math.min(finding.severity, worst, 1));
		this.group = null;
		this.showGroup(key);
	}

	showGroup(key) {
		this.group = this.group === key ? null : key;
		this.filter();
		this.box.scrollTop = 0;
		this.box.scrollIntoView({block: 'nearest'});
	}

	// --- Drawing. ---

	x(time) {
		return GUTTER + (time - this.view.from) / (this.view.until - this.view.from) * (this.width - GUTTER - 8);
	}

	time(x) {
		return this.view.from + (x - GUTTER) / (this.width - GUTTER - 8) * (this.view.until - this.view.from);
	}

	resize() {
		const ratio = window.devicePixelRatio || 1;
		const most = this.printing ? this.height : Math.min(640, Math.round(window.innerHeight * 0.62));
		const height = Math.max(60, Math.min(this.height, most));
		this.width = this.box.clientWidth;
		this.box.style.height = `${height + 2}px`;
		this.canvas.style.height = `${height}px`;
		this.canvas.width = Math.round(this.width * ratio);
		this.canvas.height = Math.round(height * ratio);
		this.room.style.height = `${Math.max(0, this.height - height)}px`;
		this.draw();
	}

	// Draws at the next frame, however often it is asked.
	later() {
		this.frame ??= requestAnimationFrame(() => {
			this.frame = null;
			this.draw();
			overview?.draw();
		});
	}

	draw() {
		const paint = this.canvas.getContext('2d'), ratio = window.devicePixelRatio || 1;
		const top = this.box.scrollTop, height = this.canvas.height / ratio;
		paint.setTransform(ratio, 0, 0, ratio, 0, 0);
		paint.fillStyle = colour('--paper');
		paint.fillRect(0, 0, this.width, height);
		paint.textBaseline = 'middle';
		this.drawGrid(paint, height);
		for (let at = this.findRow(top); at < this.rows.length && this.rows[at].y < top + height; at++) {
			const row = this.rows[at];
			if (row.group)
				this.drawGroup(paint, row, row.y - top);
			else
				this.drawLane(paint, row, row.y - top);
		}
		this.drawAxis(paint);
		if (this.brush)
			this.drawBrush(paint, height);
	}

	// Returns the first row that ends below y, by halves.
	findRow(y) {
		let low = 0, high = this.rows.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.rows[middle].y + this.rows[middle].height <= y)
				low = middle + 1;
			else
				high = middle;
		}
		return low;
	}

	ticks() {
		return ticksOf(this.view.from, this.view.until, Math.max(2, this.width / 170));
	}

	drawGrid(paint, height) {
		paint.fillStyle = colour('--line');
		for (const tick of this.ticks())
			paint.fillRect(Math.round(this.x(tick)), AXIS_HEIGHT, 1, height);
	}

	drawAxis(paint) {
		const span = this.view.until - this.view.from;
		paint.fillStyle = colour('--panel');
		paint.fillRect(0, 0, this.width, AXIS_HEIGHT);
		paint.font = '11px ui-monospace, Menlo, Consolas, monospace';
		paint.textAlign = 'left';
		paint.fillStyle = colour('--dim');
		paint.fillText('time since the start', 10, AXIS_HEIGHT / 2);
		paint.textAlign = 'center';
		for (const tick of this.ticks()) {
			const x = this.x(tick);
			paint.fillStyle = colour('--dim');
			const digits = Math.max(0, Math.min(6, Math.ceil(-Math.log10(span / 1e7))));
			paint.fillText(`${(tick / 1e6).toFixed(digits)} s`, Math.max(x, GUTTER + 20), AXIS_HEIGHT / 2);
		}
	}

	drawGroup(paint, row, y) {
		paint.fillStyle = colour('--panel');
		paint.fillRect(0, y, this.width, row.height);
		paint.fillStyle = colour('--line');
		paint.fillRect(0, y + row.height - 1, this.width, 1);
		paint.fillStyle = colour(row.group.worst > 0 ? `--${severities[row.group.worst]}` : '--ink');
		paint.font = '600 12px ui-monospace, Menlo, Consolas, monospace';
		paint.textAlign = 'left';
		paint.fillText(row.group.name, 10, y + row.height / 2);
		const after = paint.measureText(row.group.name).width + 20;
		paint.fillStyle = colour('--dim');
		paint.font = '12px system-ui, sans-serif';
		paint.fillText(countText(row.count, 'connection'), after, y + row.height / 2);
	}

	drawLane(paint, row, y) {
		const one = connections[row.index], height = row.height - 4;
		if (row.index === this.chosen || row.index === this.opened) {
			paint.fillStyle = colour('--chosen');
			paint.fillRect(0, y, this.width, row.height);
		}
		this.drawLabel(paint, one, row, y);
		paint.save();
		paint.beginPath();
		paint.rect(GUTTER, y, this.width - GUTTER, row.height);
		paint.clip();
		this.drawStates(paint, one, y + 2, height);
		this.drawMoves(paint, one, y + 2, height);
		this.drawMarks(paint, one, y + 2, height);
		paint.restore();
	}

	drawLabel(paint, one, row, y) {
		const middle = y + row.height / 2;
		paint.textAlign = 'left';
		paint.font = `${row.height > 16 ? 11 : 10}px ui-monospace, Menlo, Consolas, monospace`;
		if (one.w > 0) {
			paint.fillStyle = colour(`--${severities[one.w]}`);
			paint.beginPath();
			paint.arc(14, middle, 3, 0, 2 * Math.PI);
			paint.fill();
		}
		paint.fillStyle = colour('--ink');
		paint.fillText(`#${one.n}`, 22, middle);
		const number = paint.measureText(`#${one.n} `).width;
		const address = one.r === 'server' ? one.q : one.l.replace(/^.*:/, ':');
		paint.fillStyle = colour('--dim');
		paint.fillText(`${address}${one.t === null ? '' : ' \u21c4'}  ${one.e}`, 22 + Math.max(number, 34), middle, GUTTER - 30 - Math.max(number, 34));
	}

	drawStates(paint, one, y, height) {
		const end = this.x(one.z);
		let wasOpen = false;
		paint.fillStyle = colour('--s0');
		paint.fillRect(this.x(one.a), y + height / 2 - 1, Math.max(1, end - this.x(one.a)), 2);
		for (let at = 0; at < one.b.length; at += 2) {
			const from = this.x(one.b[at]), until = at + 2 < one.b.length ? this.x(one.b[at + 2]) : end;
			const state = one.b[at + 1];
			const isThin = state === STATE.close && !wasOpen;
			wasOpen ||= state !== STATE.close && state !== STATE.synSent;
			if (until < GUTTER || from > this.width)
				continue;
			paint.fillStyle = stateColour(state, wasOpen);
			paint.fillRect(from, isThin ? y + height / 2 - 1 : y, Math.max(1, until - from), isThin ? 2 : height);
		}
		// Open at the end of its recording: it goes on.
		if (one.o) {
			paint.fillStyle = colour('--ink');
			paint.beginPath();
			paint.moveTo(end, y);
			paint.lineTo(end + 5, y + height / 2);
			paint.lineTo(end, y + height);
			paint.fill();
		}
	}

	// Bytes: sent in the upper half, received in the lower.
	drawMoves(paint, one, y, height) {
		paint.fillStyle = colour('--tick');
		paint.globalAlpha = 0.7;
		for (const move of one.d) {
			const isReceived = move < 0 || Object.is(move, -0);
			const x = this.x(Math.abs(move));
			if (x >= GUTTER && x <= this.width)
				paint.fillRect(Math.round(x), isReceived ? y + height / 2 + 0.5 : y + 1, 1, height / 2 - 1.5);
		}
		paint.globalAlpha = 1;
	}

	drawMarks(paint, one, y, height) {
		const middle = y + height / 2, size = Math.min(5, height / 2);
		// Errors last, so that no warning hides one.
		for (const [time, note] of pairsOf(one.m).sort((a, b) => summary.notes[a[1]][1] - summary.notes[b[1]][1])) {
			const x = this.x(time), severity = summary.notes[note][1];
			if (x < GUTTER - 4 || x > this.width + 4 || severity === 0)
				continue;
			paint.fillStyle = colour(`--${severities[severity]}`);
			paint.strokeStyle = colour('--paper');
			paint.lineWidth = 1.5;
			paint.beginPath();
			paint.moveTo(x, middle - size);
			paint.lineTo(x + size, middle);
			paint.lineTo(x, middle + size);
			paint.lineTo(x - size, middle);
			paint.closePath();
			paint.stroke();
			paint.fill();
		}
	}

	drawBrush(paint, height) {
		const [from, until] = [Math.min(this.brush.from, this.brush.until), Math.max(this.brush.from, this.brush.until)];
		paint.fillStyle = colour('--accent');
		paint.globalAlpha = 0.18;
		paint.fillRect(from, 0, until - from, height);
		paint.globalAlpha = 1;
	}

	// --- Zoom. ---

	show(from, until) {
		const began = performance.now(), span = Math.max(LEAST_SPAN, Math.min(until - from, this.all.until - this.all.from));
		from = Math.max(this.all.from, Math.min(from, this.all.until - span));
		this.view = {from, until: from + span};
		this.draw();
		overview?.draw();
		performance.measure('zoom', {start: began});
	}

	zoom(factor, around = (this.view.from + this.view.until) / 2) {
		this.show(around - (around - this.view.from) * factor, around + (this.view.until - around) * factor);
	}

	move(share) {
		const by = (this.view.until - this.view.from) * share;
		this.show(this.view.from + by, this.view.until + by);
	}

	// --- Choosing. ---

	rowAt(y) {
		const row = y < AXIS_HEIGHT ? undefined : this.rows[this.findRow(y + this.box.scrollTop)];
		return row && row.y <= y + this.box.scrollTop ? row : undefined;
	}

	choose(index) {
		const row = this.rows.find(one => one.index === index);
		this.chosen = index;
		if (!row)
			return;
		const top = this.box.scrollTop, height = this.box.clientHeight;
		if (row.y < top + AXIS_HEIGHT)
			this.box.scrollTop = row.y - AXIS_HEIGHT - GROUP_HEIGHT;
		else if (row.y + row.height > top + height)
			this.box.scrollTop = row.y + row.height - height;
		document.getElementById('chosen').textContent = describe(index);
		this.later();
	}

	step(by) {
		const place = this.shown.indexOf(this.chosen);
		const next = place < 0 ? (by > 0 ? 0 : this.shown.length - 1) : place + by;
		if (this.shown.length > 0)
			this.choose(this.shown[Math.max(0, Math.min(this.shown.length - 1, next))]);
	}
}

// One line about a connection, also for a screen reader.
function describe(index) {
	const one = connections[index];
	const notes = one.i.map(note => summary.notes[note]).filter(note => note[1] > 0).map(note => note[0]);
	return `#${one.n} ${groupName(one)}, ${one.l} ${one.r === 'server' ? '<' : '>'} ${one.q}: ${one.e}` +
		`\nfrom ${stampText(one.a)} s for ${durationText(one.z - one.a)}; sent ${bytesText(one.s)}, received ${bytesText(one.v)}` +
		(one.t ? `\nrecorded at both ends: the peer is ${one.t}` : '') + (notes.length > 0 ? `\n${notes.join(', ')}` : '');
}
