"""get.py PORT: pages by urllib and over one connection of http.client."""
import http.client
import sys
import urllib.error
import urllib.request

port = sys.argv[1]
for path in "page", "megabyte":
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20) as answer:
        print(path, answer.status, len(answer.read()))
try:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/none", timeout=20)
except urllib.error.HTTPError as error:
    print("none", error.code, len(error.read()))
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=20)
for path in "/page", "/page":
    connection.request("GET", path)
    answer = connection.getresponse()
    print(path, answer.status, answer.read())
connection.close()
