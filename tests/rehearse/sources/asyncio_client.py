"""asyncio: a line each 0.3 s to a server that echoes, on one connection; a new one after an error or an end of stream.

asyncio_client.py ADDRESS PORT TIMEOUT SECONDS
"""

import asyncio
import sys

address, port, timeout, seconds = sys.argv[1:]


async def talk(deadline):
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.wait_for(asyncio.open_connection(address, int(port)), float(timeout) or None)
    try:
        number = 0
        while loop.time() < deadline:
            number += 1
            line = b"line %d\n" % number
            writer.write(line)
            await writer.drain()
            answer = await asyncio.wait_for(reader.readline(), float(timeout) or None)
            if answer != line:
                raise EOFError(f"{answer!r} is not {line!r}")
            await asyncio.sleep(0.3)
    finally:
        writer.close()


async def main():
    loop = asyncio.get_running_loop()
    deadline = loop.time() + float(seconds)
    while loop.time() < deadline:
        try:
            await talk(deadline)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            print(f"failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            await asyncio.sleep(0.3)


asyncio.run(main())
