package io.trainyard.master;

import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.List;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSocketFactory;
import javax.net.ssl.TrustManagerFactory;

/** The app server's sync endpoint; the replica that answered last is asked first. */
final class AppServer {
  private static final int CONNECT_LIMIT_MS = 3_000;
  private static final int READ_LIMIT_MS = 15_000;
  private static final int ANSWER_BYTES_MAX = 8 * 1024 * 1024;

  private final List<String> urls;
  private final String path;
  private final String secret;
  private final SSLSocketFactory sockets;
  private final String trusted;
  private int preferred;

  /** {@code caFile}: PEM certificates to trust, or null for those of the Java installation. */
  AppServer(List<String> urls, String applicationId, String secret, String caFile)
      throws IOException, GeneralSecurityException {
    this.urls = urls;
    this.path = "/internal/v1/yarn-applications/" + applicationId + "/sync";
    this.secret = secret;
    this.sockets = caFile == null ? null : trusting(caFile);
    this.trusted = "; trusted is " + (caFile == null ? "what Java trusts" : caFile);
  }

  /** Posts to the first replica that answers 200. Throws the last replica's failure when none does. */
  byte[] sync(byte[] request) throws IOException {
    IOException last = new IOException("no app server is known");
    for (int i = 0; i < urls.size(); i++) {
      int index = (preferred + i) % urls.size();
      try {
        byte[] answer = post(urls.get(index) + path, request);
        preferred = index;
        return answer;
      } catch (IOException err) {
        last = new IOException(urls.get(index) + ": " + err + (err instanceof SSLException ? trusted : ""), err);
      }
    }
    throw last;
  }

  private byte[] post(String url, byte[] request) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection(Proxy.NO_PROXY);
    if (sockets != null && connection instanceof HttpsURLConnection) {
      ((HttpsURLConnection) connection).setSSLSocketFactory(sockets);
    }
    connection.setConnectTimeout(CONNECT_LIMIT_MS);
    connection.setReadTimeout(READ_LIMIT_MS);
    connection.setInstanceFollowRedirects(false);
    connection.setRequestMethod("POST");
    connection.setRequestProperty("Content-Type", "application/json");
    connection.setRequestProperty("Accept", "application/json");
    connection.setRequestProperty("Authorization", "Bearer " + secret);
    connection.setDoOutput(true);
    connection.setFixedLengthStreamingMode(request.length);
    try (OutputStream out = connection.getOutputStream()) {
      out.write(request);
    }
    int status = connection.getResponseCode();
    if (status != HttpURLConnection.HTTP_OK) {
      InputStream error = connection.getErrorStream();
      String text = error == null ? "" : new String(read(error), StandardCharsets.UTF_8);
      throw new IOException(String.format("answered %d %.500s", status, text));
    }
    try (InputStream in = connection.getInputStream()) {
      return read(in);
    }
  }

  private static byte[] read(InputStream in) throws IOException {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    byte[] buffer = new byte[8192];
    for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
      all.write(buffer, 0, count);
      if (all.size() > ANSWER_BYTES_MAX) {
        throw new IOException("answered more than " + ANSWER_BYTES_MAX + " bytes");
      }
    }
    return all.toByteArray();
  }

  private static SSLSocketFactory trusting(String caFile) throws IOException, GeneralSecurityException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream in = new FileInputStream(caFile)) {
      for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
        store.setCertificateEntry("ca" + store.size(), certificate);
      }
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context.getSocketFactory();
  }
}
