// The sequence graph of one connection: how many bytes were written and read until when.  The red gap was lost.

const GRAPH = {width: 560, height: 250, left: 62, right: 12, top: 26, bottom: 28};

function stepsPath(end, direction, x, y) {
	let path = `M${x(-Infinity)} ${y(0)}`;
	const points = end.m.filter(one => one.direction === direction).map(one => [one.time, one.position + one.bytes, 'H']);
	// Where calls are left out, some points in between are known.
	for (let at = 0; at < end.w.length; at += 3)
		points.push([end.w[at], end.w[at + direction], 'L']);
	for (const [time, bytes, how] of points.sort((a, b) => a[0] - b[0]))
		path += how === 'H' ? `H${x(time).toFixed(1)}V${y(bytes).toFixed(1)}` : `L${x(time).toFixed(1)} ${y(bytes).toFixed(1)}`;
	return `${path}H${GRAPH.width - GRAPH.right}`;
}

function mostBytes(end, direction) {
	return end.m.reduce((most, one) => one.direction === direction ? Math.max(most, one.position + one.bytes) : most, 0);
}

// How many of the last bytes written did not arrive, and how that is known.
function lostOf(details) {
	const sent = mostBytes(details.ours, 1);
	if (details.theirs && details.theirs.x === 0) {
		const read = mostBytes(details.theirs, 2);
		return {sent, lost: Math.max(0, sent - read), how: 'not read there'};
	}
	return {sent, lost: Math.min(sent, details.lost), how: 'never acknowledged'};
}

function graphOf(connection, details) {
	const ends = [details.ours, details.theirs].filter(Boolean), times = ends.flatMap(end => end.m.map(one => one.time));
	if (times.length === 0)
		return element('p', '', 'No call was recorded.');
	// With some room, so that what comes last is seen too.
	const from = Math.min(...times), last = Math.max(...times, from + 1), until = last + (last - from) / 16;
	const most = Math.max(1, ...ends.flatMap(end => [mostBytes(end, 1), mostBytes(end, 2)]));
	const x = time => GRAPH.left + (Math.max(time, from) - from) / (until - from) * (GRAPH.width - GRAPH.left - GRAPH.right);
	const y = bytes => GRAPH.height - GRAPH.bottom - bytes / most * (GRAPH.height - GRAPH.top - GRAPH.bottom);
	const svg = shape('svg', {viewBox: `0 0 ${GRAPH.width} ${GRAPH.height}`, width: GRAPH.width, height: GRAPH.height, role: 'img'});
	const {sent, lost, how} = lostOf(details);
	svg.setAttribute('aria-label', `Bytes over ${durationText(until - from)}: ${bytesText(sent)} written, ${bytesText(mostBytes(details.ours, 2))} read` +
		(lost > 0 ? `, ${bytesText(lost)} ${how}` : ''));
	for (const tick of ticksOf(0, until - from, 4))
		svg.append(shape('line', {class: 'grid', x1: x(from + tick), y1: GRAPH.top, x2: x(from + tick), y2: GRAPH.height - GRAPH.bottom}),
			shape('text', {class: 'dim small mid', x: x(from + tick), y: GRAPH.height - 12}, `+${durationText(tick)}`));
	for (const tick of ticksOf(0, most, 4).filter(Number.isInteger))
		svg.append(shape('line', {class: 'grid', x1: GRAPH.left, y1: y(tick), x2: GRAPH.width - GRAPH.right, y2: y(tick)}),
			shape('text', {class: 'dim small end', x: GRAPH.left - 6, y: y(tick) + 3}, shortBytes(tick)));
	if (lost > 0) {
		const first = details.ours.m.find(one => one.direction === 1 && one.position + one.bytes > sent - lost);
		const at = Math.min(x(first?.time ?? until), GRAPH.width - GRAPH.right - 4), middle = (y(sent) + y(sent - lost)) / 2;
		svg.append(shape('rect', {class: 'hole', x: at, y: y(sent), width: GRAPH.width - GRAPH.right - at, height: Math.max(2, y(sent - lost) - y(sent))}),
			shape('text', {class: 'bad small end', x: Math.max(at - 6, GRAPH.left + 190), y: middle + 3}, `${bytesText(lost)} ${how}`));
	}
	const lines = [['written', details.ours, 1, 'written here'], ['arrived', details.theirs, 2, 'read by the peer'],
		['sent-there', details.theirs, 1, 'written by the peer'], ['read', details.ours, 2, 'read here']].filter(line => line[1]);
	let left = GRAPH.left;
	lines.forEach(([kind, end, direction, text]) => {
		svg.append(shape('path', {class: `steps ${kind}`, d: stepsPath(end, direction, x, y)}),
			shape('line', {class: `steps ${kind}`, x1: left, y1: 10, x2: left + 16, y2: 10}),
			shape('text', {class: 'small', x: left + 20, y: 13}, text));
		left += 34 + 5.9 * text.length;
	});
	return svg;
}
