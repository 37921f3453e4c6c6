package io.trainyard.master;

/** A container that ended and whose end the app server has not acknowledged yet. */
final class Ended {
  /** YARN's ContainerExitStatus.INVALID: the container never ran. */
  static final int NEVER_STARTED = -1000;
  private static final int DIAGNOSTICS_CHARS_MAX = 4000;

  final String id;
  /** Null when unknown. */
  final String node;
  final int exitStatus;
  final String diagnostics;
  final boolean wasReleased;

  Ended(String id, String node, int exitStatus, String diagnostics, boolean wasReleased) {
    this.id = id;
    this.node = node;
    this.exitStatus = exitStatus;
    String text = diagnostics == null ? "" : diagnostics.trim();
    this.diagnostics = text.substring(Math.max(0, text.length() - DIAGNOSTICS_CHARS_MAX));
    this.wasReleased = wasReleased;
  }
}
