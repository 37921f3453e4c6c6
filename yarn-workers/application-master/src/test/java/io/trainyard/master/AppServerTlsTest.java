package io.trainyard.master;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Over real TLS, with certificates that sign themselves, made by keytool. */
@Timeout(60)
class AppServerTlsTest {
  private static final char[] PASSWORD = "changeit".toCharArray();
  private static final byte[] ANSWER = "{}".getBytes(StandardCharsets.UTF_8);

  @TempDir
  Path folder;
  private final List<HttpServer> servers = new ArrayList<>();

  @AfterEach
  void stop() {
    servers.forEach(server -> server.stop(0));
  }

  @Test
  void believesTheAuthoritiesOfTheFileAlone() throws Exception {
    KeyStore good = store("good", "dns:localhost");
    String url = https(good);
    assertEquals(ANSWER.length, sync(url, pem("good", good)).length);
    String strangers = pem("strangers", store("strangers", "dns:localhost"));
    assertRefused(url, strangers, "SSLHandshakeException", "trusted is " + strangers);
    assertRefused(url, null, "SSLHandshakeException", "what Java trusts");
  }

  @Test
  void looksAtNameAndDates() throws Exception {
    KeyStore other = store("other", "dns:other.test");
    assertRefused(https(other), pem("other", other), "localhost", "trusted is ");
    // Java takes an authority's own certificate whatever its dates, so that this one is signed by another.
    KeyStore authority = store("authority", "dns:localhost");
    KeyStore old = signed("authority", "old", "-startdate", "-10d", "-validity", "5");
    assertRefused(https(old), pem("authority", authority), "SSLHandshakeException", "trusted is ");
    KeyStore current = signed("authority", "current", "-validity", "5");
    assertEquals(ANSWER.length, sync(https(current), pem("authority", authority)).length);
  }

  @Test
  void tellsAServerWithoutTls() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Thread answers = new Thread(() -> answerPlainly(server));
      answers.start();
      assertRefused("https://localhost:" + server.getLocalPort(), null, "SSLException", "what Java trusts");
      answers.join();
    }
  }

  @Test
  void refusesAFileOfAuthoritiesThatIsNone() throws Exception {
    Path empty = Files.createFile(folder.resolve("empty.pem"));
    KeyStore good = store("good", "dns:localhost");
    assertRefused(https(good), empty.toString(), "trustAnchors", "trusted is " + empty);
  }

  private static byte[] sync(String url, String caFile) throws Exception {
    List<String> urls = Collections.singletonList(url);
    return new AppServer(urls, "application_1_0001", "s3cret", caFile).sync(ANSWER);
  }

  private static void assertRefused(String url, String caFile, String... says) {
    String message = assertThrows(IOException.class, () -> sync(url, caFile)).getMessage();
    for (String words : says) {
      assertTrue(message.contains(words), message);
    }
  }

  private String https(KeyStore store) throws Exception {
    KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    keys.init(store, PASSWORD);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), null, null);
    HttpsServer server = HttpsServer.create(anyPort(), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(context));
    return serve(server);
  }

  /** As Node answers what it cannot read. */
  private static void answerPlainly(ServerSocket server) {
    try (Socket client = server.accept()) {
      client.getOutputStream().write("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n".getBytes("US-ASCII"));
    } catch (IOException err) {
      throw new UncheckedIOException(err);
    }
  }

  private String serve(HttpServer server) {
    server.createContext("/", exchange -> {
      exchange.sendResponseHeaders(200, ANSWER.length);
      exchange.getResponseBody().write(ANSWER);
      exchange.close();
    });
    server.start();
    servers.add(server);
    return "https://localhost:" + server.getAddress().getPort();
  }

  private static InetSocketAddress anyPort() {
    return new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
  }

  /** A key with a certificate that it signed itself. */
  private KeyStore store(String name, String alternative) throws Exception {
    keytool(name, "-genkeypair", "-keyalg", "EC", "-dname", "CN=" + name, "-ext", "bc=ca:true", "-ext",
        "san=" + alternative);
    return load(name);
  }

  /** A key with a certificate that an authority signed. */
  private KeyStore signed(String authority, String name, String... dates) throws Exception {
    store(name, "dns:localhost");
    String request = folder.resolve(name + ".csr").toString();
    String certificate = folder.resolve(name + ".crt").toString();
    keytool(name, "-certreq", "-file", request);
    List<String> sign = new ArrayList<>(Arrays.asList("-gencert", "-infile", request, "-outfile", certificate, "-ext",
        "san=dns:localhost"));
    sign.addAll(Arrays.asList(dates));
    keytool(authority, sign.toArray(new String[0]));
    Certificate answer;
    try (InputStream in = Files.newInputStream(Paths.get(certificate))) {
      answer = CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
    KeyStore store = load(name);
    store.setKeyEntry(name, store.getKey(name, PASSWORD), PASSWORD, new Certificate[] {answer});
    return store;
  }

  private void keytool(String name, String... words) throws Exception {
    List<String> all = new ArrayList<>();
    all.add(Paths.get(System.getProperty("java.home"), "bin", "keytool").toString());
    all.addAll(Arrays.asList(words));
    all.addAll(Arrays.asList("-alias", name, "-storetype", "PKCS12", "-storepass", new String(PASSWORD), "-keystore",
        folder.resolve(name + ".p12").toString()));
    assertEquals(0, new ProcessBuilder(all).inheritIO().start().waitFor());
  }

  private KeyStore load(String name) throws Exception {
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (InputStream in = Files.newInputStream(folder.resolve(name + ".p12"))) {
      store.load(in, PASSWORD);
    }
    return store;
  }
  private String pem(String name, KeyStore store) throws Exception {
    String text = "-----BEGIN CERTIFICATE-----\n"
        + Base64.getMimeEncoder().encodeToString(store.getCertificate(name).getEncoded())
        + "\n-----END CERTIFICATE-----\n";
    return Files.write(folder.resolve(name + ".pem"), text.getBytes(StandardCharsets.US_ASCII)).toString();
  }
}
