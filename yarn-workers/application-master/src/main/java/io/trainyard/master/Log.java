package io.trainyard.master;

import java.time.Instant;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.node.ObjectNode;

/** One JSON line per event on standard output, as the other programs write them. Never a secret or a token. */
final class Log {
  private Log() {}

  /** {@code fields}: names and values in turn. */
  static void event(String event, Object... fields) {
    ObjectNode line = Json.MAPPER.createObjectNode();
    line.put("time", Instant.now().toString()).put("program", "application-master").put("event", event);
    for (int i = 0; i + 1 < fields.length; i += 2) {
      line.put(String.valueOf(fields[i]), String.valueOf(fields[i + 1]));
    }
    System.out.println(line);
  }
}
