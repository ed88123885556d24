// The ladder of one connection: two lifelines, states as bands, a row per call, arrows for what went over the wire.  It is
// laid out as shim/picture/drawing.c does it for --svg.

const LADDER = {width: 860, left: 330, right: 530, row: 20, silence: 30, slant: 9, handshake: 18, note: 7, fewest: 4, head: 44};

const isQuiet = moment => moment.direction === 0 && moment.signs === 0 && (moment.flags & (FLAG.sleeping | FLAG.failed)) === 0 &&
	!/^\t(-|!!?) /m.test(moment.text);

// Makes one row of calls that follow each other and of which nothing is told.
function foldQuiet(rows) {
	const folded = [];
	for (const row of rows) {
		const last = folded.at(-1);
		if (last?.moment && row.moment && last.side === row.side && isQuiet(last.moment) && isQuiet(row.moment)) {
			last.others++;
			last.time = row.time;
		} else {
			folded.push(row);
		}
	}
	return folded;
}

const isTransfer = row => row.moment && row.moment.direction !== 0 && row.moment.signs === 0 && !/^\t(-|!!?) /m.test(row.moment.text);

// Makes one row of many reads or writes that follow each other: of a large transfer.
function foldTransfers(rows) {
	const folded = [];
	for (let at = 0, until; at < rows.length; at = until) {
		const [first] = rows.slice(at, at + 1);
		for (until = at + 1; until < rows.length && isTransfer(first) && isTransfer(rows[until]) && rows[until].side === first.side &&
			rows[until].moment.direction === first.moment.direction;)
			until++;
		if (until - at < LADDER.fewest) {
			folded.push(...rows.slice(at, until));
			continue;
		}
		const bytes = rows.slice(at, until).reduce((sum, row) => sum + row.moment.bytes, 0);
		folded.push({...first, others: until - at - 1, time: first.moment.direction === 1 ? first.time : rows[until - 1].time, moment: {...first.moment, bytes}});
	}
	return folded;
}

const isHandshake = moment => moment && (moment.signs & SIGN.syn) !== 0 && (moment.signs & SIGN.connected) !== 0;

// When a call had its effect: one that sends does so as it begins, since the peer may read before it returns.
function effectTime(moment) {
	const isSending = moment.direction === 1 || (moment.signs & (SIGN.finSent | SIGN.rstSent)) !== 0;
	return isSending && moment.took < 50000 ? moment.time - moment.took : moment.time;
}

class Ladder {
	constructor(connection, details) {
		this.connection = connection;
		this.details = details;
		this.ends = [details.ours, details.theirs];
		this.rows = [];
		this.arrows = [];
		this.layRows();
		this.layArrows();
	}

	// --- Rows. ---

	layRows() {
		const rows = [];
		this.ends.forEach((end, side) => end?.m.forEach((moment, number) => {
			if (moment.gap > 0)
				rows.push({side, time: effectTime(moment), others: moment.gap});
			rows.push({side, time: effectTime(moment), moment, number, others: 0});
		}));
		rows.sort((a, b) => a.time - b.time);
		this.rows = foldTransfers(foldQuiet(rows));
		const all = rows.length > 0 ? rows.at(-1).time - rows[0].time : 0, least = Math.max(20000, all / 20);
		let y = LADDER.head + LADDER.row, before = this.rows[0]?.time;
		for (const row of this.rows) {
			row.silence = row.time - before >= least ? row.time - before : 0;
			y += row.silence > 0 ? LADDER.silence : 0;
			y += isHandshake(row.moment) ? LADDER.handshake : 0;
			row.y = y;
			y += LADDER.row + (row.moment && notesOf(row.moment.text).some(note => note.severity > 0) ? LADDER.note : 0);
			before = row.time;
		}
		this.height = y + LADDER.row;
	}

	// Where a time is.
	y(time) {
		const after = this.rows.findIndex(row => row.time >= time);
		if (after < 0)
			return this.height - LADDER.row;
		const row = this.rows[after], before = this.rows[after - 1];
		if (!before || row.time === time || row.time === before.time)
			return row.y;
		return before.y + (row.y - before.y) * (time - before.time) / (row.time - before.time);
	}

	// --- Arrows. ---

	add(what, from, fromY, toY, more = {}) {
		this.arrows.push({what, from, fromY: Math.min(fromY, toY), toY, ...more});
	}

	// An arrow whose other end nobody saw: it leaves at the row, or comes to it.
	addHalf(what, row, from, isInferred) {
		if (from === row.side)
			this.add(what, from, row.y, row.y + LADDER.slant, {isInferred});
		else
			this.add(what, from, row.y - LADDER.slant, row.y, {isInferred});
	}

	// The row of a side that moved the byte of this position in a direction.
	findByte(side, direction, position) {
		return this.rows.find(row => row.side === side && row.moment?.direction === direction &&
			position >= row.moment.position && position < row.moment.position + row.moment.bytes);
	}

	findSign(side, sign) {
		return this.rows.find(row => row.side === side && row.moment && row.moment.signs & sign);
	}

	// Whether bytes of this write are among the last ones of this end, which were never acknowledged.
	isLost(row) {
		if (row.side !== 0 || this.details.lost === 0)
			return false;
		const sent = sentBytes(this.details.ours);
		return row.moment.position + row.moment.bytes > sent - Math.min(sent, this.details.lost);
	}

	addBytes(row) {
		const {moment, side} = row, last = moment.position + moment.bytes - 1;
		if (moment.direction === 1) {
			const read = this.findByte(1 - side, 2, last);
			this.add('data', side, row.y, read ? read.y : row.y + LADDER.slant,
				{isInferred: !read, isLost: !read && this.isLost(row), bytes: moment.bytes});
		} else if (moment.direction === 2) {
			const sent = this.findByte(1 - side, 1, last);
			// The other end's write has the arrow, if it ends where this read ends.
			if (!sent || sent.moment.position + sent.moment.bytes - 1 !== last)
				this.add('data', 1 - side, sent ? sent.y : row.y - LADDER.slant, row.y, {bytes: moment.bytes});
		}
	}

	addFin(row) {
		const sent = this.findSign(1 - row.side, SIGN.finSent), y = row.moment.fin === null ? row.y : this.y(row.moment.fin);
		this.add('FIN', 1 - row.side, sent ? sent.y : y - LADDER.slant, y);
	}

	layArrows() {
		const seen = new Set();
		const isFirst = key => !seen.has(key) && seen.add(key);
		for (const row of this.rows.filter(one => one.moment)) {
			const {side, moment: {signs}} = row, hasOther = Boolean(this.ends[1 - side]);
			if (isHandshake(row.moment))
				this.add('SYN', side, row.y - LADDER.handshake - 4, row.y - LADDER.handshake + LADDER.slant - 4, {isInferred: true});
			else if (signs & SIGN.syn)
				this.addHalf('SYN', row, side, true);
			if (signs & SIGN.connected)
				this.addHalf('SYN, ACK', row, 1 - side, false);
			else if (signs & SIGN.accepted && !hasOther)
				this.addHalf('SYN', row, 1 - side, false);
			this.addBytes(row);
			if (signs & SIGN.rstReceived && isFirst(`RST ${1 - side}`)) {
				const sent = this.findSign(1 - side, SIGN.rstSent);
				this.add('RST', 1 - side, sent ? sent.y : row.y - LADDER.slant, row.y);
			}
			if (signs & SIGN.finReceived && isFirst(`FIN ${1 - side}`))
				this.addFin(row);
			if (signs & SIGN.rstSent && !hasOther && isFirst(`RST ${side}`))
				this.addHalf('RST', row, side, true);
			if (signs & SIGN.finSent && !hasOther && isFirst(`FIN ${side}`))
				this.addHalf('FIN', row, side, true);
		}
		// What one end sent and the other did not see come.
		for (const row of this.rows.filter(one => one.moment))
			for (const [sign, what] of [[SIGN.rstSent, 'RST'], [SIGN.finSent, 'FIN']])
				if (row.moment.signs & sign && isFirst(`${what} ${row.side}`))
					this.addHalf(what, row, row.side, true);
	}

	// --- Drawing. ---

	draw(aim) {
		const svg = shape('svg', {viewBox: `0 0 ${LADDER.width} ${this.height}`, width: LADDER.width, height: this.height,
			role: 'img', 'aria-label': `Ladder: ${this.rows.length} calls and ${this.arrows.length} arrows, also listed as calls`});
		this.drawHead(svg);
		this.drawLife(svg, 0);
		this.drawLife(svg, 1);
		for (const arrow of this.arrows)
			this.drawArrow(svg, arrow);
		for (const row of this.rows)
			this.drawRow(svg, row, aim);
		return svg;
	}

	drawHead(svg) {
		const {connection, details} = this;
		svg.append(shape('text', {class: 'end', x: LADDER.left + 4, y: 14}, `${connection.g} (pid ${connection.p})`),
			shape('text', {class: 'end dim', x: LADDER.left + 4, y: 29}, connection.l),
			shape('text', {x: LADDER.right - 4, y: 14}, details.theirs ? `${details.theirs.program} (pid ${details.theirs.pid})` :
				'the peer (not recorded)'),
			shape('text', {class: 'dim', x: LADDER.right - 4, y: 29}, connection.q));
	}

	drawLife(svg, side) {
		const x = side === 0 ? LADDER.left : LADDER.right, end = this.ends[side];
		svg.append(shape('line', {class: end ? 'life' : 'life unseen-life', x1: x, y1: LADDER.head, x2: x, y2: this.height}));
		const runs = !end ? [] : side === 0 ? pairsOf(this.connection.b) : statesOf(end.m);
		let wasOpen = false, lastY = -100;
		runs.forEach(([time, state], at) => {
			const y = this.y(time), until = at + 1 < runs.length ? this.y(runs[at + 1][0]) : this.height;
			wasOpen ||= state !== STATE.close && state !== STATE.synSent;
			const band = shape('rect', {x: x - 3, y, width: 7, height: Math.max(0, until - y)});
			band.style.fill = stateColour(state, wasOpen);
			svg.append(band);
			if (y - lastY >= 11) {
				svg.append(shape('text', {class: side === 0 ? 'dim small' : 'dim small end', x: side === 0 ? x + 8 : x - 8, y: y + 12},
					summary.states[state]));
				lastY = y;
			}
		});
	}

	drawArrow(svg, arrow) {
		const from = arrow.from === 0 ? LADDER.left + 5 : LADDER.right - 5, middle = (LADDER.left + LADDER.right) / 2;
		const until = arrow.isLost ? from + (2 * (middle - from)) * 0.75 : 2 * middle - from;
		const kind = arrow.isLost ? 'lost' : arrow.what === 'data' ? (arrow.from === 0 ? 'sent' : 'read') : arrow.what.slice(0, 3).toLowerCase();
		const ahead = arrow.from === 0 ? -7 : 7;
		svg.append(shape('line', {class: `arrow ${kind}${arrow.isInferred ? ' inferred' : ''}`, x1: from, y1: arrow.fromY, x2: until, y2: arrow.toY}),
			shape('path', {class: `arrow ${kind}`, d: arrow.isLost ? `M${until - 4} ${arrow.toY - 5}l8 8m0 -8l-8 8` :
				`M${until} ${arrow.toY}l${ahead} -4m${-ahead} 4l${ahead} 4`}),
			shape('text', {class: `mid small${arrow.isLost || arrow.what === 'RST' ? ' bad' : ''}`, x: from + (middle - from) * 2 / 3, y: arrow.fromY + (arrow.toY - arrow.fromY) / 3 - 4},
				(arrow.what === 'data' ? bytesText(arrow.bytes) : arrow.what) + (arrow.isLost ? ', lost' : '')));
	}

	drawRow(svg, row, aim) {
		const isOurs = row.side === 0, x = isOurs ? LADDER.left - 14 : LADDER.right + 14, group = shape('g', {class: 'row'});
		if (row.silence > 0) {
			const y = row.y - LADDER.silence / 2 - 3, middle = (LADDER.left + LADDER.right) / 2;
			svg.append(shape('line', {class: 'grid inferred', x1: LADDER.left + 10, y1: y, x2: LADDER.right - 10, y2: y}),
				shape('text', {class: 'dim mid small', x: middle, y: y - 4}, `${durationText(row.silence)} of silence`));
		}
		if (!row.moment) {
			svg.append(shape('text', {class: isOurs ? 'dim end' : 'dim', x, y: row.y + 3}, `${countText(row.others, 'call')} left out`));
			return;
		}
		const call = callOf(row.moment.text), width = isOurs ? 36 : 44, more = row.others > 0 ? ` +${row.others}` : '';
		const result = `${call.result ? ` ${call.result}` : ''}${more}`;
		group.append(shape('text', {class: 'dim small', x: isOurs ? 4 : LADDER.width - 4, y: row.y + 3, ...(isOurs ? {} : {'text-anchor': 'end'})},
			isOurs ? stampText(row.time) : ''),
		shape('text', {class: isOurs ? 'end' : '', x, y: row.y + 3}, shorten(joinPayload(call.name), Math.max(8, width - result.length)) + shorten(result, width - 8)),
		shape('circle', {cx: isOurs ? LADDER.left - 7 : LADDER.right + 7, cy: row.y, r: 2, class: 'dim'}),
		shape('title', {}, `${stampText(row.time)}\n${row.moment.text}`));
		const worst = notesOf(row.moment.text).sort((a, b) => b.severity - a.severity)[0];
		if (worst && worst.severity > 0)
			group.append(shape('text', {class: `small ${severities[worst.severity]}${isOurs ? ' end' : ''}`, x, y: row.y + 12}, worst.id));
		group.addEventListener('click', () => aim(row.side, row.number));
		svg.append(group);
	}
}

function pairsOf(list) {
	return list.flatMap((time, at) => at % 2 === 0 ? [[time, list[at + 1]]] : []);
}

// From when on the other end was in which state: as shim/picture/states.c.
function statesOf(moments) {
	const runs = [];
	for (const {time, state, fin} of moments) {
		if (fin !== null && fin < time && runs.at(-1)?.[1] === STATE.established)
			runs.push([Math.max(fin, runs.at(-1)[0]), STATE.closeWait]);
		if (state !== 0 && runs.at(-1)?.[1] !== state)
			runs.push([time, state]);
	}
	return runs;
}

function sentBytes(end) {
	return end.m.reduce((most, one) => one.direction === 1 ? Math.max(most, one.position + one.bytes) : most, 0);
}

function shorten(text, most) {
	const letters = [...text];
	return letters.length <= most ? text : `${letters.slice(0, most - 1).join('')}\u2026`;
}
