// Two ordinary clients of the Java platform. Both print what they are answered, whatever its status.

import java.io.InputStream;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import javax.net.ssl.HttpsURLConnection;

class CallByHttpClient {
    public static void main(String[] args) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(args[0])).build();
        var response = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
        System.out.println(response.version().toString().replace("_", "/") + " " + response.statusCode() + " " + response.body());
    }
}

class CallByURLConnection {
    public static void main(String[] args) throws Exception {
        var connection = (HttpsURLConnection) new URL(args[0]).openConnection();
        int status = connection.getResponseCode();
        try (InputStream body = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            System.out.println(status + " " + new String(body.readAllBytes(), StandardCharsets.UTF_8));
        }
    }
}
