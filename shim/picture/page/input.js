// Mouse, wheel and keys on the timeline.

const DRAG = 5; // pixels from which on a press is no click

function showTip(event) {
	const tip = document.getElementById('tip'), box = timeline.box.getBoundingClientRect();
	const row = timeline.rowAt(event.clientY - box.top);
	tip.hidden = !row || row.index === undefined;
	if (tip.hidden)
		return;
	tip.textContent = describe(row.index);
	tip.style.left = `${Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 8)}px`;
	tip.style.top = `${Math.min(event.clientY + 16, window.innerHeight - tip.offsetHeight - 8)}px`;
}

function listenToLanes() {
	const box = timeline.box;
	let press = null;
	const place = event => event.clientX - box.getBoundingClientRect().left;

	box.addEventListener('pointerdown', event => {
		if (event.button !== 0 || place(event) > box.clientWidth)
			return;
		press = {x: place(event), view: {...timeline.view}, isMove: event.shiftKey};
		box.setPointerCapture(event.pointerId);
	});
	box.addEventListener('pointermove', event => {
		if (!press)
			return showTip(event);
		document.getElementById('tip').hidden = true;
		const x = place(event);
		if (press.isMove) {
			const by = timeline.time(press.x) - timeline.time(x);
			timeline.show(press.view.from + by, press.view.until + by);
		} else if (Math.abs(x - press.x) > DRAG) {
			timeline.brush = {from: Math.max(GUTTER, press.x), until: Math.max(GUTTER, x)};
			timeline.later();
		}
		return undefined;
	});
	box.addEventListener('pointerup', event => {
		const {brush} = timeline;
		timeline.brush = null;
		if (brush) {
			timeline.show(timeline.time(Math.min(brush.from, brush.until)), timeline.time(Math.max(brush.from, brush.until)));
		} else if (press && Math.abs(place(event) - press.x) <= DRAG) {
			const row = timeline.rowAt(event.clientY - box.getBoundingClientRect().top);
			if (row?.index !== undefined)
				openConnection(row.index);
			else if (row?.group)
				timeline.showGroup(row.group.key);
		}
		press = null;
	});
	box.addEventListener('pointercancel', () => {
		press = timeline.brush = null;
		timeline.later();
	});
	box.addEventListener('pointerleave', () => {
		document.getElementById('tip').hidden = true;
	});
	box.addEventListener('scroll', () => timeline.later(), {passive: true});
	box.addEventListener('wheel', event => {
		const isZoom = event.ctrlKey || event.metaKey;
		if (!isZoom && !event.shiftKey)
			return;
		event.preventDefault();
		if (isZoom)
			timeline.zoom(event.deltaY > 0 ? 1.25 : 0.8, timeline.time(place(event)));
		else
			timeline.move((event.deltaY || event.deltaX) > 0 ? 0.1 : -0.1);
	}, {passive: false});
	box.addEventListener('keydown', listenToKey);
}

function listenToKey(event) {
	const page = Math.max(1, Math.floor(timeline.box.clientHeight / timeline.laneHeight) - 2);
	const keys = {
		ArrowDown: () => timeline.step(1), ArrowUp: () => timeline.step(-1),
		PageDown: () => timeline.step(page), PageUp: () => timeline.step(-page),
		Home: () => timeline.choose(timeline.shown[0]), End: () => timeline.choose(timeline.shown.at(-1)),
		ArrowLeft: () => timeline.move(-0.2), ArrowRight: () => timeline.move(0.2),
		'+': () => timeline.zoom(0.5), '=': () => timeline.zoom(0.5), '-': () => timeline.zoom(2),
		0: () => timeline.show(timeline.all.from, timeline.all.until),
		Enter: () => timeline.chosen >= 0 && openConnection(timeline.chosen),
	};
	if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key))
		return;
	event.preventDefault();
	keys[event.key]();
}

function listenToOverview() {
	const {canvas} = overview;
	let from = null;
	const at = event => overview.time(event.clientX - canvas.getBoundingClientRect().left);
	canvas.addEventListener('pointerdown', event => {
		from = at(event);
		canvas.setPointerCapture(event.pointerId);
	});
	canvas.addEventListener('pointermove', event => {
		if (from !== null && Math.abs(overview.x(at(event)) - overview.x(from)) > DRAG)
			timeline.show(Math.min(from, at(event)), Math.max(from, at(event)));
	});
	canvas.addEventListener('pointerup', event => {
		if (from !== null && Math.abs(overview.x(at(event)) - overview.x(from)) <= DRAG) {
			const half = (timeline.view.until - timeline.view.from) / 2;
			timeline.show(from - half, from + half);
		}
		from = null;
	});
	canvas.addEventListener('wheel', event => {
		event.preventDefault();
		timeline.zoom(event.deltaY > 0 ? 1.25 : 0.8, at(event));
	}, {passive: false});
}

function listenToPage() {
	for (const [id, act] of [['zoom-in', () => timeline.zoom(0.5)], ['zoom-out', () => timeline.zoom(2)],
		['zoom-all', () => timeline.show(timeline.all.from, timeline.all.until)]])
		document.getElementById(id).addEventListener('click', act);
	document.getElementById('search').addEventListener('input', () => timeline.filter());
	document.getElementById('severity').addEventListener('change', () => timeline.filter());
	document.getElementById('table').addEventListener('toggle', () => fillTable(false));
	document.addEventListener('keydown', event => {
		if (event.key === 'Escape' && timeline.opened >= 0)
			closeConnection();
		if (event.key !== '/' || event.target.matches('input, select'))
			return;
		event.preventDefault();
		document.getElementById('search').focus();
	});
	window.addEventListener('hashchange', openFromAddress);
	const restyle = () => {
		colours = new Map();
		timeline.resize();
		overview.count();
	};
	window.addEventListener('resize', restyle);
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', restyle);
	// On paper nothing scrolls: all lanes are drawn, as far as a canvas goes.
	for (const [name, isPrinting] of [['beforeprint', true], ['afterprint', false]])
		window.addEventListener(name, () => {
			timeline.printing = isPrinting && timeline.height < 8000;
			for (const finding of isPrinting ? document.querySelectorAll('.finding') : [])
				finding.open = true;
			restyle();
		});
	matchMedia('print').addEventListener('change', restyle);
}
