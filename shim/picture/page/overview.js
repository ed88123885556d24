// The overview above the lanes: how many connections were open, where there are warnings, and what the lanes show.

class Overview {
	constructor() {
		this.canvas = document.getElementById('overview');
		this.count();
	}

	x(time) {
		const all = timeline.all;
		return GUTTER + (time - all.from) / (all.until - all.from) * (this.width - GUTTER - 8);
	}

	time(x) {
		const all = timeline.all;
		return all.from + (x - GUTTER) / (this.width - GUTTER - 8) * (all.until - all.from);
	}

	// Counts the open connections, and the notes, of each pixel.
	count() {
		this.width = this.canvas.clientWidth;
		const bins = Math.max(1, Math.floor(this.width - GUTTER - 8));
		const bin = time => Math.max(0, Math.min(bins - 1, Math.round(this.x(time) - GUTTER)));
		const changes = new Int32Array(bins + 1);
		this.marks = new Uint8Array(bins);
		for (const index of timeline.shown) {
			const one = connections[index];
			changes[bin(one.a)]++;
			changes[bin(one.z) + 1]--;
			for (let at = 0; at < one.m.length; at += 2) {
				const place = bin(one.m[at]);
				this.marks[place] = Math.max(this.marks[place], summary.notes[one.m[at + 1]][1]);
			}
		}
		this.open = new Int32Array(bins);
		for (let at = 0, open = 0; at < bins; at++)
			this.open[at] = open += changes[at];
		this.most = this.open.reduce((most, open) => Math.max(most, open), 1);
		this.draw();
	}

	draw() {
		const ratio = window.devicePixelRatio || 1, height = 54, floor = height - 4;
		this.canvas.width = Math.round(this.width * ratio);
		this.canvas.height = Math.round(height * ratio);
		const paint = this.canvas.getContext('2d');
		paint.setTransform(ratio, 0, 0, ratio, 0, 0);
		paint.fillStyle = colour('--paper');
		paint.fillRect(0, 0, this.width, height);
		paint.fillStyle = colour('--s1');
		paint.globalAlpha = 0.55;
		this.open.forEach((open, at) => {
			const tall = open / this.most * (floor - 12);
			paint.fillRect(GUTTER + at, floor - tall, 1, tall);
		});
		paint.globalAlpha = 1;
		this.marks.forEach((severity, at) => {
			if (severity > 0) {
				paint.fillStyle = colour(`--${severities[severity]}`);
				paint.fillRect(GUTTER + at - 0.5, 2, 2, 7);
			}
		});
		this.drawFrame(paint, height);
		paint.fillStyle = colour('--dim');
		paint.font = '11px ui-monospace, Menlo, Consolas, monospace';
		paint.textBaseline = 'middle';
		paint.fillText(`open at a time: up to ${this.most.toLocaleString('en')}`, 10, height / 2 + 8);
		paint.fillText('warnings and errors', 10, 8);
	}

	drawFrame(paint, height) {
		const from = this.x(timeline.view.from), until = Math.max(from + 2, this.x(timeline.view.until));
		paint.fillStyle = colour('--accent');
		paint.globalAlpha = 0.1;
		paint.fillRect(GUTTER, 0, from - GUTTER, height);
		paint.fillRect(until, 0, this.width - 8 - until, height);
		paint.globalAlpha = 0.8;
		paint.fillRect(from - 1, 0, 2, height);
		paint.fillRect(until - 1, 0, 2, height);
		paint.globalAlpha = 1;
	}
}
