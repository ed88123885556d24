// The colours of page.css, for what is drawn on a canvas.

let colours = new Map();

function colour(name) {
	let found = colours.get(name);
	if (found === undefined) {
		found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
		colours.set(name, found);
	}
	return found;
}

// Which state has which colour.  CLOSE after it was open means that the connection died.
const stateColours = {0: '--s0', 1: '--s1', 2: '--s2', 3: '--s2', 4: '--s4', 5: '--s4', 6: '--s6', 7: '--s0', 8: '--s8', 9: '--s8', 10: '--s0', 11: '--s4'};

function stateColour(state, wasOpen) {
	return colour(state === STATE.close && wasOpen ? '--dead' : stateColours[state] ?? '--s0');
}

function showLegend() {
	const place = document.getElementById('legend');
	for (const [name, text] of [['--s2', 'SYN_SENT'], ['--s1', 'ESTABLISHED'], ['--s8', 'CLOSE_WAIT, LAST_ACK: the peer has closed'],
		['--s4', 'FIN_WAIT: this side has closed'], ['--s6', 'TIME_WAIT'], ['--dead', 'dead: reset or timed out']]) {
		const swatch = element('i');
		swatch.style.background = `var(${name})`;
		place.append(element('span', '', null, swatch, text));
	}
	for (const [severity, text] of [['error', 'error'], ['warn', 'warning']]) {
		const mark = element('span', '', '\u25c6 ');
		mark.style.color = `var(--${severity})`;
		place.append(element('span', '', null, mark, text));
	}
	place.append(element('span', '', 'ticks: bytes sent (upper half), received (lower half)'));
}
