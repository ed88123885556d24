import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** java's HttpClient: a request each 300 ms. Arguments: ADDRESS PORT TIMEOUT-MS SECONDS. */
class Client {
	public static void main(String[] arguments) throws Exception {
		String host = arguments[0].contains(":") ? "[" + arguments[0] + "]" : arguments[0];
		URI uri = URI.create("http://" + host + ":" + arguments[1] + "/");
		int timeout = Integer.parseInt(arguments[2]);
		long end = System.nanoTime() + 1000000000L * Integer.parseInt(arguments[3]);
		HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
		HttpRequest.Builder builder = HttpRequest.newBuilder(uri)
			.POST(HttpRequest.BodyPublishers.ofString("x".repeat(100)));
		if (timeout > 0)
			builder.timeout(Duration.ofMillis(timeout));
		while (System.nanoTime() < end) {
			try {
				client.send(builder.build(), HttpResponse.BodyHandlers.ofString());
			} catch (java.io.IOException error) {
				System.err.println("failed: " + error);
			}
			Thread.sleep(300);
		}
	}
}
