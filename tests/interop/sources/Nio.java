import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.file.*;

/** Channels: a selector that serves, gathering writes, and a file that the kernel copies. */
public class Nio {
    public static void main(String[] arguments) throws Exception {
        var selector = Selector.open();
        var server = ServerSocketChannel.open().bind(new InetSocketAddress("127.0.0.1", 0));
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
        var serving = new Thread(() -> {
            try {
                serve(selector, server);
            } catch (Exception e) {
                e.printStackTrace();
            }
        });
        serving.start();
        var file = Files.createTempFile("nio", null);
        Files.write(file, new byte[200000]);
        for (int round = 0; round < 3; round++) {
            try (var channel = SocketChannel.open(server.getLocalAddress()); var from = FileChannel.open(file)) {
                var parts = new ByteBuffer[] {ByteBuffer.wrap(new byte[10]), ByteBuffer.wrap(new byte[20])};
                while (parts[1].hasRemaining())
                    channel.write(parts);
                for (long done = 0; done < from.size(); )
                    done += from.transferTo(done, from.size() - done, channel);
                channel.shutdownOutput();
                var answer = ByteBuffer.allocate(100);
                while (channel.read(answer) >= 0) { }
                System.out.println(new String(answer.array(), 0, answer.position()));
            }
        }
        Files.delete(file);
        serving.join();
        server.close();
        selector.close();
    }

    static void serve(Selector selector, ServerSocketChannel server) throws Exception {
        var buffer = ByteBuffer.allocateDirect(65536);
        for (int ended = 0; ended < 3; ) {
            selector.select();
            for (var keys = selector.selectedKeys().iterator(); keys.hasNext(); ) {
                var key = keys.next();
                keys.remove();
                if (key.isAcceptable()) {
                    var channel = server.accept();
                    channel.configureBlocking(false);
                    channel.register(selector, SelectionKey.OP_READ, new long[1]);
                    continue;
                }
                var channel = (SocketChannel) key.channel();
                var size = (long[]) key.attachment();
                int got = channel.read(buffer.clear());
                if (got >= 0) {
                    size[0] += got;
                    continue;
                }
                channel.write(ByteBuffer.wrap((size[0] + " bytes").getBytes()));
                channel.close();
                ended++;
            }
        }
    }
}
