package io.trainyard.master;

import java.io.IOException;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.apache.hadoop.yarn.api.records.LocalResource;
import org.apache.hadoop.yarn.api.records.LocalResourceType;
import org.apache.hadoop.yarn.api.records.LocalResourceVisibility;
import org.apache.hadoop.yarn.api.records.URL;

/** How containers are started, as the app server said. */
final class Launch {
  final String id;
  final Size size;
  /** Null for the queue's default. */
  final String nodeLabel;
  final String command;
  final Map<String, String> environment = new HashMap<>();
  /** Files that YARN puts into the container's folder, by their name there. */
  final Map<String, LocalResource> resources = new HashMap<>();

  /** Throws IOException naming what is missing. */
  Launch(JsonNode json) throws IOException {
    id = Json.text(json, "launchId");
    size = new Size(Json.number(json.path("size"), "memoryMb"), (int) Json.number(json.path("size"), "vcores"));
    nodeLabel = json.path("nodeLabel").textValue();
    command = Json.text(json, "command");
    JsonNode variables = json.path("environment");
    for (Iterator<String> names = variables.fieldNames(); names.hasNext();) {
      String name = names.next();
      environment.put(name, variables.path(name).asText());
    }
    for (JsonNode file : json.path("resources")) {
      resources.put(Json.text(file, "name"), resource(file, "url", "sizeBytes", "modifiedAtMs"));
    }
  }

  /** A file of YARN's, from JSON whose fields have these names; {@code type} and {@code visibility} have theirs always. */
  static LocalResource resource(JsonNode json, String url, String size, String time) throws IOException {
    return LocalResource.newInstance(URL.fromPath(new Path(Json.text(json, url))),
        LocalResourceType.valueOf(Json.text(json, "type")),
        LocalResourceVisibility.valueOf(Json.text(json, "visibility")), Json.number(json, size),
        Json.number(json, time));
  }
}
