package io.trainyard.master;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.node.ObjectNode;

/** Answers of the app server, with what a test does not care about filled in. */
final class Answers {
  private static final String PLAIN = "{\"directive\":\"run\",\"finalStatus\":null,\"message\":null,\"wantedCount\":0,"
      + "\"release\":[],\"excludedNodes\":[],\"acknowledged\":[],\"credentials\":null,\"intervalMs\":1000}";

  private Answers() {}

  static Orders wanting(int count) throws IOException {
    return of("\"wantedCount\":" + count);
  }

  static Orders of(String fields) throws IOException {
    return of(fields, "v1", 256);
  }

  static Orders of(String fields, String launchId, int memoryMb) throws IOException {
    return new Orders(json(fields, launchId, memoryMb));
  }

  static byte[] json(String fields, String launchId, int memoryMb) throws IOException {
    JsonNode own = Json.MAPPER.readTree("{" + fields + "}");
    JsonNode launch = Json.MAPPER.readTree("{\"launchId\":\"" + launchId + "\",\"size\":{\"memoryMb\":" + memoryMb
        + ",\"vcores\":1},\"nodeLabel\":null,\"command\":\"true\",\"environment\":{\"A\":\"1\"},\"resources\":[{\"name\":"
        + "\"w.js\",\"url\":\"hdfs://n:1/w.js\",\"sizeBytes\":5,\"modifiedAtMs\":7,\"type\":\"FILE\",\"visibility\":"
        + "\"PUBLIC\"}]}");
    ObjectNode all = (ObjectNode) Json.MAPPER.readTree(PLAIN);
    all.set("launch", launch);
    own.fields().forEachRemaining(field -> all.set(field.getKey(), field.getValue()));
    return all.toString().getBytes(StandardCharsets.UTF_8);
  }
}
