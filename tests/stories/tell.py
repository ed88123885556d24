#!/usr/bin/python3
"""tell.py DIR NAME: checks that both tellings of a story say what happened. DIR has a folder for each group."""

import os
import sys

import evidence
import stories


def main():
    place, name = sys.argv[1:]
    story = next(story for story in stories.ALL if story.name == name)
    status = 0
    for way, port in story.ports():
        try:
            story.check(evidence.Tale(f"{place}/{story.group}", name, way, port))
        except (evidence.Wrong, OSError, IndexError) as error:
            status = 1
            trace = f"{place}/{story.group}/{name}.{way}.trace"
            print(f"{name}, {way}: {type(error).__name__}: {error}")
            print(open(trace, encoding="utf-8").read()[-4000:] if os.path.exists(trace) else "no trace")
    sys.exit(status)


main()
