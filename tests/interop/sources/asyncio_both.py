"""A server and twenty clients in one event loop, and a file sent by sendfile."""
import asyncio
import tempfile


async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def client(n):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in range(20):
            writer.write(f"client {n} line {i}\n".encode())
            assert await reader.readline() == f"CLIENT {n} LINE {i}\n".encode()
        writer.close()
        await writer.wait_closed()
        return n

    print(await asyncio.gather(*(client(n) for n in range(20))))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with tempfile.TemporaryFile() as file:
        file.write(b"from a file\n" * 1000)
        file.seek(0)
        await asyncio.get_running_loop().sendfile(writer.transport, file)
    print(sum([len(await reader.readline()) for _ in range(1000)]))
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0.1)


asyncio.run(main())
