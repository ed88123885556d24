#!/usr/bin/python3
"""requests_pool.py PORT PAUSE…: asks for a page after each pause with requests, whose pool (urllib3) looks for end of
stream before it uses a connection again. Prints how many requests were answered."""

import sys
import time

import requests

session = requests.Session()
answered = 0
for pause in [0, *map(float, sys.argv[2:])]:
    time.sleep(pause)
    answered += session.get(f"http://127.0.0.1:{sys.argv[1]}/page", timeout=10).ok
session.close()
print(f"answered {answered}")
