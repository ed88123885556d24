// Draws the page.

let overview = null;
const timeline = new Timeline();

function start() {
	const programs = [...new Set(connections.flatMap(one => [one.g, one.t ?? one.g]))], hosts = [...new Set(connections.map(one => one.h).filter(Boolean))];
	const title = `TCP connections of ${programs.slice(0, 5).join(', ') || 'nobody'}${programs.length > 5 ? ' and others' : ''}` +
		(hosts.length > 0 ? ` on ${hosts.slice(0, 4).join(', ')}` : '');
	document.title = title;
	document.getElementById('title').textContent = title;
	document.getElementById('scope').textContent = `${summary.scope} From ${summary.base.replace('T', ' ').replace(/\.\d*Z/, ' UTC')}.`;
	document.getElementById('footer').textContent = 'Made by tcpshim report --html. Nothing on this page is loaded from elsewhere.';
	showFindings();
	showLegend();
	timeline.filter();
	overview = new Overview();
	listenToLanes();
	listenToOverview();
	listenToPage();
	openFromAddress();
	requestAnimationFrame(() => performance.mark('painted'));
}

start();
