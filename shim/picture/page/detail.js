// One connection in detail: what is known of it, its ladder, its graph, and its calls with notes and stacks.

// The first line of a call's text: the call, and its result after the tabs.
function callOf(text) {
	const line = text.split('\n', 1)[0].replace(/^\d*\/?\d+:\t/, ''), at = line.indexOf('\t');
	const place = at >= 0 ? at : line.search(/ = [^=]*$/);
	return place < 0 ? {name: line, result: ''} : {name: line.slice(0, place).trim(), result: line.slice(place).trim()};
}

// A payload as truss writes it, two characters per byte, as a string: " k o d o s" is "kodos".
function joinPayload(call) {
	const from = call.indexOf('"') + 1;
	let at = from, joined = '';
	for (; from > 0 && at < call.length && call[at] !== '"'; at += 2)
		joined += call[at] === ' ' ? call[at + 1] ?? '' : call.slice(at, at + 2);
	return from > 0 ? call.slice(0, from) + joined + call.slice(at) : call;
}

// The notes in a call's text: "\t! words [id]".
function notesOf(text) {
	return text.split('\n').flatMap(line => {
		const [, mark, words, id] = /^\t(-|!!?) (.*) \[([a-z-]+)\]$/.exec(line) ?? [];
		return mark ? [{severity: ['-', '!', '!!'].indexOf(mark), words, id}] : [];
	});
}

function noteElement(note) {
	const severity = severities[note.severity], number = noteNumbers.get(note.id + severity);
	const id = element('b', '', `[${note.id}]`);
	if (number !== undefined)
		id.title = summary.notes[number][2];
	return element('div', `note ${severity}`, `${note.words} `, id);
}

function stackElement(frames) {
	// Where the program made the call: the first frame that is not libc's or the library's.
	const own = frames.find(frame => !/\/lib(c|pthread|tcpshim)[.-]/.test(frame)) ?? frames[0];
	const [, path, symbol, place] = /^(.*?)\(([^)]*)\)(?: ([^[]*?))? \[/.exec(own) ?? [];
	const short = path ? `${symbol.replace(/\+0x[0-9a-f]+$/, '') || symbol} ${place ?? ''} in ${path.replace(/^.*\//, '')}` : own;
	const made = element('details', '', null, element('summary', '', `stack: ${short}`));
	made.append(element('ol', '', null, ...frames.map(frame => element('li', '', frame))));
	return made;
}

function callElement(moment, side, hasBoth) {
	const lines = moment.text.split('\n'), call = callOf(moment.text);
	const made = element('li', hasBoth ? 'both' : '');
	const text = element('div', 'call', call.name);
	text.append(element('span', moment.flags & FLAG.failed ? 'failed' : '', `  ${call.result}`));
	const data = lines.filter(line => line.startsWith('  '));
	if (data.length > 0)
		text.append(element('pre', 'data', data.join('\n')));
	for (const note of notesOf(moment.text))
		text.append(noteElement(note));
	const frames = framesOf(moment);
	if (frames.length > 0)
		text.append(stackElement(frames));
	made.append(element('time', '', stampText(moment.time)), element('span', 'took', moment.flags & FLAG.sleeping ? 'waits' : durationText(moment.took)));
	if (hasBoth)
		made.append(element('span', 'took', side === 0 ? 'here' : 'peer'));
	made.append(text);
	return made;
}

// The calls of both ends by time.  Returns the list, and the element of each.
function callsElement(details) {
	const list = element('ol', 'calls'), elements = [new Map(), new Map()];
	const all = [details.ours, details.theirs].flatMap((end, side) => end ? end.m.map((moment, number) => ({moment, side, number})) : []);
	all.sort((a, b) => a.moment.time - b.moment.time);
	for (const {moment, side, number} of all) {
		if (moment.gap > 0)
			list.append(element('li', 'gap', `${countText(moment.gap, 'call')} left out here: the page keeps the first, the latest, and those with notes`));
		const made = callElement(moment, side, Boolean(details.theirs));
		elements[side].set(number, made);
		list.append(made);
	}
	return {list, elements};
}

function factsElement(connection, details) {
	const facts = element('dl', 'facts');
	const add = (name, text) => text && facts.append(element('dt', '', name), element('dd', '', text));
	add('program', `${connection.g}, process ${connection.p}, connection ${connection.n}`);
	add('host', connection.h);
	add('role', connection.r);
	add('addresses', `${connection.l} ${connection.r === 'server' ? '<' : '>'} ${connection.q}`);
	add('began', `${stampText(connection.a)} s after ${summary.base}`);
	add('ended', `${connection.e}${connection.o ? ' (still open at the end of its recording)' : ''}`);
	for (const [name, text] of details.facts)
		add(name, text);
	if (details.theirs)
		add('the other end', `${details.theirs.program}, process ${details.theirs.pid}, connection ${details.theirs.conn}` +
			(details.theirs.host && details.theirs.host !== connection.h ? ` on ${details.theirs.host}` : '') +
			(details.theirs.uncertain === null ? '; the two clocks could not be compared' :
				details.theirs.uncertain > 0 ? `; its times are right to ${durationText(details.theirs.uncertain)}` : ''));
	if (details.lost > 0)
		add('lost', bytesText(details.lost));
	const left = details.ours.x + (details.theirs?.x ?? 0);
	if (left > 0)
		add('left out', `${countText(left, 'call')} of ${countText(left + details.ours.m.length + (details.theirs?.m.length ?? 0), 'call')}: ` +
			'the whole trace is in the recording (tcpshim report)');
	return facts;
}

function openConnection(index) {
	const place = document.getElementById('detail'), connection = connections[index], details = detailsOf(index);
	const {list, elements} = callsElement(details);
	const aim = (side, number) => {
		list.querySelector('.aimed')?.classList.remove('aimed');
		const aimed = elements[side].get(number);
		aimed.classList.add('aimed');
		aimed.scrollIntoView({block: 'center'});
	};
	const close = element('button', '', 'Close');
	close.addEventListener('click', closeConnection);
	const head = element('div', 'head', null, element('h2', '', `#${connection.n} ${connection.l} ${connection.r === 'server' ? '<' : '>'} ${connection.q}`),
		element('span', `ended ${connection.w > 0 ? severities[connection.w] : 'info'}`, connection.e), close);
	const panel = (name, className, ...children) => element('div', `panel ${className}`, null, element('h3', '', name), ...children);
	place.replaceChildren(head, element('div', 'panels', null,
		element('div', '', null, panel('Ladder', 'ladder', new Ladder(connection, details).draw(aim))),
		element('div', '', null, panel('Facts', '', factsElement(connection, details)), panel('Bytes over time', '', graphOf(connection, details)))),
	panel('Calls', '', list));
	place.lastChild.style.marginTop = '14px';
	place.hidden = false;
	timeline.opened = index;
	timeline.choose(index);
	history.replaceState(null, '', `#connection=${index}`);
	place.scrollIntoView({block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'});
	place.focus({preventScroll: true});
}

function closeConnection() {
	document.getElementById('detail').hidden = true;
	timeline.opened = -1;
	timeline.later();
	history.replaceState(null, '', '#');
	timeline.box.focus({preventScroll: true});
}

// "#connection=N" in the address opens one: such an address can be passed on.
function openFromAddress() {
	const index = Number(/^#connection=(\d+)$/.exec(location.hash)?.[1] ?? NaN);
	if (index in connections && index !== timeline.opened)
		openConnection(index);
}
