import java.io.*;
import java.net.*;

/** Sockets and streams, a read that times out, and an accept that is ended by close from another thread. */
public class Net {
    public static void main(String[] arguments) throws Exception {
        var server = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"));
        var serving = new Thread(() -> {
            try {
                while (true) {
                    try (var socket = server.accept()) {
                        var lines = new BufferedReader(new InputStreamReader(socket.getInputStream()));
                        var out = new PrintWriter(socket.getOutputStream(), true);
                        for (String line; (line = lines.readLine()) != null; )
                            if (!line.equals("quiet"))
                                out.println("heard " + line);
                    }
                }
            } catch (IOException closed) {
                System.out.println(closed.getMessage());
            }
        });
        serving.start();
        for (int round = 0; round < 3; round++) {
            try (var socket = new Socket("127.0.0.1", server.getLocalPort())) {
                var lines = new BufferedReader(new InputStreamReader(socket.getInputStream()));
                var out = new PrintWriter(socket.getOutputStream(), true);
                for (int i = 0; i < 10; i++) {
                    out.println(round + " " + i);
                    System.out.println(lines.readLine());
                }
                socket.setSoTimeout(50);
                out.println("quiet");
                try {
                    lines.readLine();
                } catch (SocketTimeoutException e) {
                    System.out.println(e.getMessage());
                }
                socket.shutdownOutput();
                socket.setSoTimeout(5000);
                System.out.println(lines.readLine());
            }
        }
        Thread.sleep(100);
        server.close();
        serving.join();
        System.exit(3);
    }
}
