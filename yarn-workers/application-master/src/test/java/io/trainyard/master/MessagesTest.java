package io.trainyard.master;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import org.apache.hadoop.yarn.api.records.LocalResource;
import org.junit.jupiter.api.Test;

class MessagesTest {
  private static final Size SIZE = new Size(256, 1);

  @Test
  void readsALaunch() throws Exception {
    Launch launch = Answers.of("\"unknown\":1").launch;
    assertEquals("v1", launch.id);
    assertEquals(256, launch.size.memoryMb);
    assertNull(launch.nodeLabel);
    assertEquals("{A=1}", launch.environment.toString());
    LocalResource file = launch.resources.get("w.js");
    assertEquals(5, file.getSize());
    assertEquals(7, file.getTimestamp());
    assertEquals("n", file.getResource().getHost());
    assertEquals("/w.js", file.getResource().getFile());
  }

  @Test
  void namesWhatAnAnswerLacks() {
    assertTrue(complaint("\"release\":null").contains("release"));
    assertTrue(complaint("\"wantedCount\":null").contains("wantedCount"));
    assertTrue(complaint("\"directive\":\"dance\"").contains("dance"));
    assertThrows(IOException.class, () -> new Orders("[]".getBytes(StandardCharsets.UTF_8)));
    assertThrows(IOException.class, () -> new Orders("<html>".getBytes(StandardCharsets.UTF_8)));
  }

  @Test
  void writesARequest() throws Exception {
    Pool pool = new Pool(() -> 0, 1, new Bell(), new Bell());
    pool.adopt("c1", "n1:1", null, SIZE);
    pool.ended("c2", -104, "text");
    pool.nodeChanged("n1:1", "LOST");
    pool.preempting(Collections.singleton("c1"));
    assertEquals(
        "{\"protocolVersion\":1,\"attempt\":2,\"sequence\":3,\"maximum\":{\"memoryMb\":256,\"vcores\":1},"
            + "\"held\":[{\"containerId\":\"c1\",\"node\":\"n1:1\",\"nodeHttpAddress\":null,\"launchId\":null,"
            + "\"state\":\"running\",\"size\":{\"memoryMb\":256,\"vcores\":1}}],"
            + "\"ended\":[{\"containerId\":\"c2\",\"node\":null,\"exitStatus\":-104,\"diagnostics\":\"text\","
            + "\"wasReleased\":false}],\"pendingCount\":0,\"nodes\":[{\"node\":\"n1:1\",\"state\":\"LOST\"}],"
            + "\"preempted\":[\"c1\"]}",
        new String(pool.report().toJson(2, 3, SIZE), StandardCharsets.UTF_8));
  }

  @Test
  void readsSettings() {
    Map<String, String> environment = new HashMap<>();
    environment.put("CONTAINER_ID", "container_e01_1_0001_01_000001");
    environment.put("TRAINYARD_APP_SERVERS", "https://a:1/, https://b:2");
    environment.put("TRAINYARD_IDLE_LIMIT_MS", "5000");
    Settings settings = Settings.read(environment);
    assertEquals("[https://a:1, https://b:2]", settings.appServers.toString());
    assertEquals(5_000, settings.idleLimitMs);
    assertEquals(180_000, settings.startLimitMs);
    assertNull(settings.caFile);
    environment.put("TRAINYARD_IDLE_LIMIT_MS", "soon");
    assertTrue(refusal(environment).contains("TRAINYARD_IDLE_LIMIT_MS"));
    environment.put("TRAINYARD_APP_SERVERS", " ,");
    assertTrue(refusal(environment).contains("TRAINYARD_APP_SERVERS"));
    environment.remove("TRAINYARD_APP_SERVERS");
    assertTrue(refusal(environment).contains("TRAINYARD_APP_SERVERS"));
  }

  private static String refusal(Map<String, String> environment) {
    return assertThrows(IllegalArgumentException.class, () -> Settings.read(environment)).getMessage();
  }

  private static String complaint(String fields) {
    return assertThrows(IOException.class, () -> Answers.of(fields)).getMessage();
  }
}
