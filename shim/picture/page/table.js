// The lanes as a table: for screen readers, for paper, and to copy from.  It is filled when it is opened.

const TABLE_ROWS = 1000;

function tableRow(index) {
	const one = connections[index], row = element('tr'), open = element('button', '', `#${one.n}`);
	open.addEventListener('click', () => openConnection(index));
	row.append(element('td', '', null, open));
	for (const text of [one.g, String(one.p), one.r, one.l, one.q, stampText(one.a), durationText(one.z - one.a), bytesText(one.s), bytesText(one.v), one.e,
		one.i.map(note => summary.notes[note]).filter(note => note[1] > 0).map(note => note[0]).join(', ')])
		row.append(element('td', '', text));
	return row;
}

// isChanged: other lanes are shown now.
function fillTable(isChanged) {
	const details = document.getElementById('table'), place = details.querySelector('.wide');
	if (isChanged)
		place.replaceChildren();
	if (!details.open || place.firstChild)
		return;
	const table = element('table'), head = element('tr');
	for (const name of ['', 'program', 'pid', 'role', 'local', 'peer', 'began', 'open for', 'sent', 'received', 'ended', 'warnings and errors']) {
		const cell = element('th', '', name);
		cell.scope = 'col';
		head.append(cell);
	}
	table.append(element('thead', '', null, head), element('tbody', '', null, ...timeline.shown.slice(0, TABLE_ROWS).map(tableRow)));
	place.append(table);
	if (timeline.shown.length > TABLE_ROWS)
		place.append(element('p', 'hint', `${(timeline.shown.length - TABLE_ROWS).toLocaleString('en')} more: search for less`));
}
