package io.trainyard.master;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** What the submission put into the environment. No secret stands there: see {@link Tokens}. */
final class Settings {
  /** Addresses of the app server's replicas, without a slash at the end; tried in turn. */
  final List<String> appServers;
  /** PEM file of the certificates to trust for them; null: those of the Java installation. */
  final String caFile;
  /** {@code container_...} of this very process. */
  final String containerId;
  final String host;
  /** Shown by YARN as the application's page; may be empty. */
  final String trackingUrl;
  /** The pool ends itself when no app server has answered for so long and it holds no container. */
  final long idleLimitMs;
  /** A granted container that its node has not started for so long is given back. */
  final long startLimitMs;
  /** Pause between attempts to reach a ResourceManager that is away. */
  final long retryMs;

  private Settings(Map<String, String> environment) {
    List<String> urls = new ArrayList<>();
    for (String url : required(environment, "TRAINYARD_APP_SERVERS").split(",")) {
      if (!url.trim().isEmpty()) {
        urls.add(url.trim().replaceAll("/+$", ""));
      }
    }
    if (urls.isEmpty()) {
      throw new IllegalArgumentException("TRAINYARD_APP_SERVERS: expected addresses separated by commas, found none");
    }
    appServers = Collections.unmodifiableList(urls);
    String ca = environment.get("TRAINYARD_CA_FILE");
    caFile = ca == null || ca.isEmpty() ? null : ca;
    containerId = required(environment, "CONTAINER_ID");
    host = environment.getOrDefault("NM_HOST", "");
    trackingUrl = environment.getOrDefault("TRAINYARD_TRACKING_URL", "");
    idleLimitMs = milliseconds(environment, "TRAINYARD_IDLE_LIMIT_MS", 15 * 60_000L);
    startLimitMs = milliseconds(environment, "TRAINYARD_START_LIMIT_MS", 3 * 60_000L);
    retryMs = milliseconds(environment, "TRAINYARD_RETRY_MS", 2_000L);
  }

  /** Throws IllegalArgumentException naming the variable that is missing or wrong. */
  static Settings read(Map<String, String> environment) {
    return new Settings(environment);
  }

  private static String required(Map<String, String> environment, String name) {
    String value = environment.get(name);
    if (value == null || value.isEmpty()) {
      throw new IllegalArgumentException(name + ": expected in the environment, found nothing");
    }
    return value;
  }

  private static long milliseconds(Map<String, String> environment, String name, long otherwise) {
    String text = environment.get(name);
    if (text == null || text.isEmpty()) {
      return otherwise;
    }
    if (!text.matches("[0-9]{1,12}")) {
      throw new IllegalArgumentException(name + ": expected milliseconds, found '" + text + "'");
    }
    return Long.parseLong(text);
  }
}
