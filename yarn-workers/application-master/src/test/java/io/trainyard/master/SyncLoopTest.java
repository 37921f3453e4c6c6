package io.trainyard.master;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.Arrays;
import java.util.Collections;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.hadoop.security.Credentials;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Over real HTTP; the server's answers are the test's. */
@Timeout(20)
class SyncLoopTest {
  private final BlockingQueue<JsonNode> requests = new LinkedBlockingQueue<>();
  private final AtomicLong nowMs = new AtomicLong();
  private final Bell bell = new Bell();
  private final Pool pool = new Pool(nowMs::get, 1_000, new Bell(), bell);
  private HttpServer server;
  private volatile int status = 200;
  private volatile byte[] answer;
  private volatile String authorization;
  private Thread loop;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/internal/v1/yarn-applications/application_1_0001/sync", exchange -> {
      authorization = exchange.getRequestHeaders().getFirst("Authorization");
      requests.add(Json.MAPPER.readTree(all(exchange.getRequestBody())));
      exchange.sendResponseHeaders(status, answer.length);
      exchange.getResponseBody().write(answer);
      exchange.close();
    });
    server.start();
  }

  @AfterEach
  void stop() throws InterruptedException {
    pool.end(Directive.leave("test"));
    bell.ring();
    if (loop != null) {
      loop.join();
    }
    server.stop(0);
  }

  @Test
  void tellsNewsAtOnceAndFollowsTheAnswer() throws Exception {
    answer = Answers.json("\"wantedCount\":2,\"intervalMs\":60000", "v1", 256);
    run(900_000, url());
    assertEquals(1, next().get("sequence").asInt());
    assertEquals("Bearer s3cret", authorization);
    pool.adopt("c1", "n1:1", null, new Size(1, 1));
    JsonNode second = next();
    assertEquals(2, second.get("sequence").asInt());
    assertEquals("c1", second.get("held").get(0).get("containerId").asText());
    while (pool.pendingCount() != 1) {
      bell.ring();
      next();
    }
  }

  @Test
  void keepsNewsAndContainersWhileTheAppServerIsAway_36() throws Exception {
    answer = new byte[0];
    status = 503;
    pool.adopt("c1", "n1:1", null, new Size(1, 1));
    pool.ended("c2", 137, "");
    pool.nodeChanged("n1:1", "LOST");
    run(1_000, url());
    nextTry();
    nowMs.set(1_000_000);
    nextTry();
    assertEquals("c2", nextTry().get("ended").get(0).get("containerId").asText());
    assertEquals(Directive.Kind.RUN, pool.directive().kind, "a container is held");
    answer = Answers.json("\"acknowledged\":[\"c2\"]", "v1", 256);
    status = 200;
    JsonNode request = nextTry();
    while (request.get("ended").size() > 0) {
      request = nextTry();
    }
    assertEquals(0, request.get("nodes").size());
  }

  @Test
  void endsAPoolThatNobodyWantsAndThatHoldsNothing_36() throws Exception {
    answer = new byte[0];
    status = 503;
    run(1_000, url());
    nextTry();
    assertEquals(Directive.Kind.RUN, pool.directive().kind);
    nowMs.set(1_001);
    bell.ring();
    loop.join();
    assertEquals("FAILED", pool.directive().finalStatus);
    assertTrue(pool.directive().message.contains("no app server"));
  }

  @Test
  void asksTheNextReplica() throws Exception {
    answer = Answers.json("", "v1", 256);
    String goneUrl;
    try (ServerSocket socket = new ServerSocket(0)) {
      goneUrl = "http://127.0.0.1:" + socket.getLocalPort();
    }
    AppServer appServer = new AppServer(Arrays.asList(goneUrl, url()), "application_1_0001", "s3cret", null);
    assertEquals(answer.length, appServer.sync("{}".getBytes("UTF-8")).length);
    AppServer none = new AppServer(Collections.singletonList(goneUrl), "application_1_0001", "s3cret", null);
    String complaint = assertThrows(IOException.class, () -> none.sync("{}".getBytes("UTF-8"))).getMessage();
    assertTrue(complaint.startsWith(goneUrl), complaint);
    assertFalse(complaint.contains("s3cret"));
  }

  @Test
  void leavesWhenToldTo_37() throws Exception {
    answer = Answers.json("\"directive\":\"leave\"", "v1", 256);
    run(1_000, url());
    loop.join();
    assertEquals(Directive.Kind.LEAVE, pool.directive().kind);
  }

  private void run(long idleLimitMs, String url) throws Exception {
    AppServer appServer = new AppServer(Collections.singletonList(url), "application_1_0001", "s3cret", null);
    loop = new Thread(new SyncLoop(pool, appServer, new Tokens(new Credentials()), new Size(4096, 4), 1, idleLimitMs,
        bell, nowMs::get));
    loop.start();
  }

  private String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort();
  }

  /** The next request, without the pause that follows a failure. */
  private JsonNode nextTry() throws InterruptedException {
    bell.ring();
    return next();
  }

  private JsonNode next() throws InterruptedException {
    JsonNode request = requests.poll(10, TimeUnit.SECONDS);
    assertTrue(request != null, "no request came");
    return request;
  }

  private static byte[] all(InputStream in) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (int value = in.read(); value >= 0; value = in.read()) {
      out.write(value);
    }
    return out.toByteArray();
  }
}
