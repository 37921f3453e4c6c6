package io.trainyard.master;

import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.JsonNode;

/**
 * What the app server wants: one answer of the sync endpoint, version 1; its schema is {@code SyncAnswer} in
 * {@code appserver/contracts/application-master.ts}. Fields that this version does not know are passed over.
 */
final class Orders {
  final Directive directive;
  final int wantedCount;
  /** Null: nothing is to be started. */
  final Launch launch;
  final List<String> release;
  final Set<String> excludedNodes;
  final List<String> acknowledged;
  /** A token file in base64; null: the application's own tokens. */
  final String credentials;
  final long intervalMs;

  /** Throws IOException naming what is missing or wrong. */
  Orders(byte[] body) throws IOException {
    JsonNode json = Json.MAPPER.readTree(body);
    directive = directive(json);
    wantedCount = (int) Json.number(json, "wantedCount");
    launch = json.path("launch").isObject() ? new Launch(json.path("launch")) : null;
    release = Json.texts(json, "release");
    excludedNodes = new HashSet<>(Json.texts(json, "excludedNodes"));
    acknowledged = Json.texts(json, "acknowledged");
    credentials = json.path("credentials").textValue();
    intervalMs = Json.number(json, "intervalMs");
  }

  private static Directive directive(JsonNode json) throws IOException {
    String directive = Json.text(json, "directive");
    switch (directive) {
      case "run":
        return Directive.RUN;
      case "finish":
        return Directive.finish(Json.text(json, "finalStatus"), json.path("message").asText(""));
      case "leave":
        return Directive.leave("the app server says so");
      default:
        throw new IOException("expected the directive run, finish or leave, found " + directive);
    }
  }
}
