package io.trainyard.master;

/** Whether the pool goes on. */
final class Directive {
  /** FINISH: stop the containers and unregister. LEAVE: another is the master, end without touching anything. */
  enum Kind { RUN, FINISH, LEAVE }

  static final Directive RUN = new Directive(Kind.RUN, null, "");
  final Kind kind;
  /** SUCCEEDED, FAILED or KILLED for FINISH, else null. */
  final String finalStatus;
  final String message;

  private Directive(Kind kind, String finalStatus, String message) {
    this.kind = kind;
    this.finalStatus = finalStatus;
    this.message = message;
  }

  static Directive finish(String finalStatus, String message) {
    return new Directive(Kind.FINISH, finalStatus, message);
  }

  static Directive leave(String why) {
    return new Directive(Kind.LEAVE, null, why);
  }
}
