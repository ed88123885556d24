import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.*;

/** HttpClient against java's own server. */
public class Http {
    public static void main(String[] arguments) throws Exception {
        var server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.createContext("/", exchange -> {
            int size = exchange.getRequestBody().readAllBytes().length;
            byte[] body = (exchange.getRequestURI().getPath() + " " + size).getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        var client = HttpClient.newHttpClient();
        for (int i = 0; i < 5; i++) {
            var uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/" + i);
            var request = HttpRequest.newBuilder(uri).version(HttpClient.Version.HTTP_1_1)
                .POST(HttpRequest.BodyPublishers.ofByteArray(new byte[i * 10000])).build();
            System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
        }
        server.stop(0);
        System.exit(3);
    }
}
