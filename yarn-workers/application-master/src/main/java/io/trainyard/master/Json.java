package io.trainyard.master;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.ObjectMapper;

/** Fields of JSON objects that have to be there. All throw IOException naming the field. */
final class Json {
  /** Jackson as it comes inside Hadoop's own client jar. */
  static final ObjectMapper MAPPER = new ObjectMapper();

  private Json() {}

  static String text(JsonNode node, String name) throws IOException {
    if (!node.path(name).isTextual()) {
      throw new IOException("expected the text " + name + ", found none");
    }
    return node.path(name).asText();
  }

  static long number(JsonNode node, String name) throws IOException {
    if (!node.path(name).canConvertToLong()) {
      throw new IOException("expected the number " + name + ", found none");
    }
    return node.path(name).asLong();
  }

  static List<String> texts(JsonNode node, String name) throws IOException {
    if (!node.path(name).isArray()) {
      throw new IOException("expected the list " + name + ", found none");
    }
    List<String> all = new ArrayList<>();
    for (JsonNode item : node.path(name)) {
      all.add(item.asText());
    }
    return all;
  }
}
