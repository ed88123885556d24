#!/usr/bin/env python3
"""look CHECK PAGE [ARGUMENT...]: opens a page of tcpshim report --html in a browser, and checks one thing.

Whatever the check, it fails if the page complains on the console, or asks for anything beside itself.
"""

import os
import statistics
import sys

import browser
from browser import Failure


def is_equal(what, found, expected):
    if found != expected:
        raise Failure(f"{what}: {found!r}, not {expected!r}")


def is_true(page, what, expression):
    if not page.value(expression):
        raise Failure(f"{what}: {expression} is false")


def lane(page, index):
    """Returns where the lane of a connection is in the window."""
    page.value(f"timeline.choose({index})")
    page.frame()
    page.value("document.getElementById('lanes').scrollIntoView({block: 'center', behavior: 'instant'})")
    page.frame()
    return page.value(f"""(() => {{
        const box = timeline.box.getBoundingClientRect(), row = timeline.rows.find(one => one.index === {index});
        return [box.left + 500, box.top + row.y - timeline.box.scrollTop + row.height / 2];
    }})()""")


def findings(page, path, expected):
    """expected: what tcpshim diagnose --json prints, as a file."""
    import json
    page.open(path)
    with open(expected, encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    shown = page.value("""[...document.querySelectorAll('.finding')].map(one => ({
        id: one.querySelector('.id').textContent, what: one.querySelector('.what').textContent,
        why: one.querySelector('dd:nth-last-of-type(2)').textContent, remedy: one.querySelector('dd:last-of-type').textContent}))""")
    is_equal("findings", [one["id"] for one in shown], [row["finding"] for row in rows])
    for one, row in zip(shown, rows):
        is_equal("what", one["what"], row["what"])
        is_equal("why", one["why"], row["why"])
        is_equal("what to do", one["remedy"], row["what_to_do"])
    is_true(page, "the first is read at once", "document.querySelector('.finding').open")
    # The button shows what the finding is about, also if that is the other end.
    for number, row in enumerate(rows):
        page.value(f"document.querySelectorAll('.finding button')[{number}].click()")
        if not 0 < page.value("timeline.shown.length") <= row["of"]:
            raise Failure(f"{page.value('timeline.shown.length')} connections are shown for {row['finding']}")
        is_true(page, "those with warnings", f"{row['severity'] == 'info' and 1 or 0} || timeline.shown.every(index => connections[index].w > 0)")


def healthy(page, path):
    page.open(path)
    is_equal("findings", page.value("document.querySelectorAll('.finding.good').length"), 1)
    is_true(page, "it says so", "/nothing wrong/.test(document.getElementById('findings').textContent)")


def opens(page, path):
    """Clicks lanes, and compares what opens with the data."""
    page.open(path)
    count = page.value("connections.length")
    for index in sorted({0, 1, count // 2, count - 1}):
        page.value("closeConnection()")
        page.click(*lane(page, index))
        is_equal("opened", page.value("timeline.opened"), index)
        heading = page.value("document.querySelector('#detail h2').textContent")
        is_equal("heading", heading, page.value(
            f"`#${{connections[{index}].n}} ${{connections[{index}].l}} ${{connections[{index}].r === 'server' ? '<' : '>'}} ${{connections[{index}].q}}`"))
        is_equal("calls", page.value("document.querySelectorAll('#detail .calls > li:not(.gap)').length"),
                 page.value(f"[detailsOf({index}).ours, detailsOf({index}).theirs].reduce((sum, end) => sum + (end ? end.m.length : 0), 0)"))
        is_true(page, "ladder", "document.querySelectorAll('.ladder .arrow').length > 4 && document.querySelectorAll('.ladder rect').length > 0")
        is_true(page, "graph", "document.querySelectorAll('.steps.written[d]').length === 1")
        is_equal("address", page.value("location.hash"), f"#connection={index}")
    # An address that was passed on opens the same one.
    page.open(path, f"#connection={count - 1}")
    is_equal("opened by its address", page.value("timeline.opened"), count - 1)
    # A click on a call of the ladder shows it in the list.
    page.value("document.querySelector('.ladder .row:last-of-type').dispatchEvent(new MouseEvent('click'))")
    is_true(page, "the call is marked", "document.querySelector('.calls .aimed') !== null")


def both(page, path, lost):
    """Both ends were recorded, and so many bytes were lost."""
    page.open(path)
    index = page.value("connections.findIndex(one => one.t !== null && one.e === 'reset-after-fin')")
    page.value(f"openConnection({index})")
    is_true(page, "the calls of both ends", "new Set([...document.querySelectorAll('.calls .both > .took:nth-child(3)')].map(one => one.textContent)).size === 2")
    is_true(page, "the gap", f"document.querySelector('#detail .hole + .bad').textContent === '{lost} bytes not read there'")
    is_true(page, "the loss in the ladder", f"[...document.querySelectorAll('.ladder .bad')].some(one => one.textContent === '{lost} bytes, lost')")
    is_true(page, "FIN and RST", "['FIN', 'RST', 'SYN'].every(word => [...document.querySelectorAll('.ladder text')].some(one => one.textContent === word))")
    is_true(page, "silence", "[...document.querySelectorAll('.ladder text')].some(one => /of silence$/.test(one.textContent))")


def stacks(page, path, program):
    page.open(path)
    page.value("openConnection(0)")
    is_true(page, "frames", f"[...document.querySelectorAll('.calls details li')].some(one => one.textContent.includes('{program}'))")


def hostile(page, path, program):
    """What the program sent and how it was called is text, on the page and in it."""
    page.open(path)
    before = page.value("[document.scripts.length, document.querySelectorAll('img, iframe, object, embed, base, form').length]")
    is_equal("scripts and other elements", before, [4, 0])
    for index in range(page.value("connections.length")):
        page.value(f"openConnection({index})")
    page.value("document.getElementById('table').open = true")
    page.frame()
    is_equal("elements after all was opened", page.value(
        "[document.scripts.length, document.querySelectorAll('img, iframe, object, embed, base, form').length]"), before)
    is_equal("hidden characters", page.value(
        r"[...document.documentElement.textContent].filter(one => /[\u0000\u202e\u2066\u2028\u2029]/.test(one)).length"), 0)
    shown = page.value("document.querySelector('#detail').textContent")
    for word in ("<script>aler", "t(1)</script>", "<!--<script>", "</script><im", "onerror=alert(2)>"):
        if word not in shown.replace(" ", ""):
            raise Failure(f"{word} is not shown as text")
    is_true(page, "the program's name", f"connections.some(one => one.g === {program!r}) && document.title.includes({program!r})")
    is_true(page, "the page's own variable", "typeof hostileRan === 'undefined'")


def search(page, path):
    page.open(path)
    count = page.value("connections.length")
    page.value("document.getElementById('lanes').focus()")
    page.key("/")
    is_equal("focus", page.value("document.activeElement.id"), "search")
    page.type("reset-by-peer")
    found = page.value("timeline.shown.length")
    is_equal("found", found, page.value("connections.filter(one => one.e === 'reset-by-peer').length"))
    if not 0 < found < count:
        raise Failure(f"{found} of {count} were found")
    page.value("document.getElementById('search').value = ''")
    page.value("document.getElementById('search').focus()")
    page.type(f"#{page.value('connections[5].n')}")
    is_equal("by number", page.value("timeline.shown"), [5])
    page.value("document.getElementById('search').value = 'nothing has this'; timeline.filter()")
    is_equal("none", page.value("timeline.shown.length"), 0)
    page.value("document.getElementById('search').value = ''; document.getElementById('severity').value = '2'")
    page.value("document.getElementById('severity').dispatchEvent(new Event('change'))")
    is_equal("errors", page.value("timeline.shown.length"), page.value("connections.filter(one => one.w === 2).length"))
    page.value("document.getElementById('table').open = true")
    page.frame()
    is_equal("rows of the table", page.value("document.querySelectorAll('#table tbody tr').length"), page.value("timeline.shown.length"))


def zoom(page, path):
    """By keys, buttons, the wheel and a drag."""
    page.open(path)
    span = "timeline.view.until - timeline.view.from"
    whole = page.value(span)
    page.value("document.getElementById('lanes').focus()")
    page.key("+")
    is_equal("zoomed by a key", page.value(f"Math.round({span})"), page.value(f"Math.round({whole} / 2)"))
    before = page.value("timeline.view.from")
    page.key("ArrowLeft")
    is_true(page, "moved", f"timeline.view.from < {before}")
    page.key("0")
    is_equal("all again", page.value(span), whole)
    page.value("document.getElementById('zoom-in').click()")
    is_true(page, "zoomed by a button", f"{span} < {whole}")
    page.key("0")
    x, y = lane(page, 0)
    page.wheel(x, y, -120, modifiers=2)
    is_true(page, "zoomed by the wheel", f"{span} < {whole}")
    page.key("0")
    page.drag(x, y, x + 200)
    is_true(page, "zoomed by a drag", f"{span} < {whole} / 2")
    is_equal("a drag opens nothing", page.value("timeline.opened"), -1)
    # The keys open a connection too, and what is chosen is said.
    page.value("timeline.chosen = -1; document.getElementById('lanes').focus()")
    page.key("ArrowDown")
    page.key("ArrowDown")
    is_true(page, "said", "document.getElementById('chosen').textContent.startsWith(`#${connections[timeline.shown[1]].n} `)")
    page.key("Enter")
    is_equal("opened", page.value("timeline.opened"), page.value("timeline.shown[1]"))


def many(page, path, least, slack):
    """How long it takes: the first picture under 1 s, a zoom under 50 ms; slack: a busy machine may take longer."""
    if os.path.getsize(path) > 20_000_000:
        raise Failure(f"the page has {os.path.getsize(path)} bytes")
    page.open(path)
    if page.value("connections.length") < int(least):
        raise Failure(f"{page.value('connections.length')} connections")
    painted = page.value("performance.getEntriesByName('painted')[0].startTime")
    contentful = page.value("performance.getEntriesByType('paint').map(one => one.startTime)")
    times = []
    for step in range(20):
        times.append(page.value(f"""new Promise(done => {{
            const began = performance.now();
            timeline.zoom({0.7 if step < 10 else 1.4});
            timeline.canvas.getContext('2d').getImageData(0, 0, 1, 1);
            done(performance.now() - began);
        }})"""))
        page.frame()
    page.value("performance.clearMeasures()")
    scrolled = page.value("""new Promise(done => {
        const began = performance.now();
        timeline.box.scrollTop = timeline.height / 2;
        timeline.draw();
        done(performance.now() - began);
    })""")
    searched = page.value("""(() => {
        const began = performance.now();
        document.getElementById('search').value = 'closed';
        timeline.filter();
        return performance.now() - began;
    })()""")
    opened = page.value("(() => { const began = performance.now(); openConnection(connections.length - 1); return performance.now() - began; })()")
    print(f"{page.value('connections.length')} connections, {os.path.getsize(path) / 1e6:.1f} MB: drawn after {painted:.0f} ms "
          f"(paint {contentful}), zoom {statistics.median(times):.1f} ms (most {max(times):.1f}), scroll {scrolled:.1f} ms, "
          f"search {searched:.1f} ms, open {opened:.1f} ms")
    if painted > 1000 * float(slack) or statistics.median(times) > 50 * float(slack):
        raise Failure(f"too slow: {painted} ms, {times}")


def dark(page, path):
    page.media(scheme="light")
    page.open(path)
    look = """[getComputedStyle(document.body).backgroundColor,
        [...timeline.canvas.getContext('2d').getImageData(4, timeline.canvas.height - 2, 1, 1).data].join()]"""
    is_equal("light", page.value(look), ["rgb(255, 255, 255)", "255,255,255,255"])
    page.media(scheme="dark")
    is_equal("dark", page.value(look), ["rgb(17, 22, 28)", "17,22,28,255"])


def prints(page, path):
    page.open(path)
    page.value("openConnection(0)")
    pdf = page.pdf()
    if not pdf.startswith(b"%PDF-") or len(pdf) < 10000:
        raise Failure(f"{len(pdf)} bytes of PDF")
    page.media(kind="print", scheme="dark")
    is_equal("paper", page.value("getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)")
    is_equal("buttons", page.value("getComputedStyle(document.getElementById('search')).display"), "none")
    page.value("window.dispatchEvent(new Event('beforeprint'))")
    is_true(page, "all lanes are drawn", "timeline.canvas.clientHeight >= timeline.height - 4")
    page.value("window.dispatchEvent(new Event('afterprint'))")


def picture(page, path, scheme, to):
    """To look at: a picture of the page."""
    page.media(scheme=scheme)
    page.open(path)
    page.picture(to)


if __name__ == "__main__":
    sys.exit(browser.main({one.__name__: one for one in (
        findings, healthy, opens, both, stacks, hostile, search, zoom, many, dark, prints, picture)}))
