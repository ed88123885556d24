// The findings on top: the words of tcpshim diagnose.

function findingElement(finding, isOpen) {
	const severity = severities[finding.severity];
	const card = element('details', `finding ${severity}`);
	card.open = isOpen;
	const show = element('button', '', 'Show these connections');
	show.addEventListener('click', () => timeline.showFinding(finding));
	const facts = element('dl');
	for (const [name, text] of [['Evidence', finding.evidence], ['Code', finding.places.trim()], ['Why', finding.why], ['What to do', finding.remedy]])
		if (text)
			facts.append(element('dt', '', name), element('dd', '', text));
	card.append(element('summary', '', null, element('span', `badge ${severity}`, severity),
		element('span', 'who', finding.group), element('span', 'id', finding.id)),
		element('p', 'what', finding.what), facts, show);
	// What was found is read at a glance, also while the rest is folded.
	if (!isOpen)
		card.querySelector('summary').append(element('span', '', finding.what));
	card.addEventListener('toggle', () => {
		const short = card.querySelector('summary > span:nth-child(4)');
		if (card.open && short)
			short.remove();
		else if (!card.open && !short)
			card.querySelector('summary').append(element('span', '', finding.what));
	});
	return card;
}

function showFindings() {
	const place = document.getElementById('findings');
	summary.findings.forEach((finding, number) => place.append(findingElement(finding, number === 0 || (number < 3 && finding.severity > 0))));
	if (summary.findings.length === 0)
		place.append(element('div', 'finding good', null, element('div', 'line', null,
			element('span', 'badge good', 'nothing wrong'), element('span', '', summary.scope))));
}
