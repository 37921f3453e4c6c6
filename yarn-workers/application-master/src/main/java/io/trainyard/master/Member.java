package io.trainyard.master;

/** A container that the pool holds; changed by {@link Pool} only. */
final class Member {
  enum State { GRANTED, STARTING, RUNNING, STOPPING }

  final String id;
  final String node;
  /** Null when unknown. */
  final String nodeHttpAddress;
  final Size size;
  /** Null for one that was taken over from an earlier attempt. */
  final String launchId;
  final long grantedAtMs;
  private volatile State state;

  Member(String id, String node, String nodeHttpAddress, Size size, String launchId, State state, long grantedAtMs) {
    this.id = id;
    this.node = node;
    this.nodeHttpAddress = nodeHttpAddress;
    this.size = size;
    this.launchId = launchId;
    this.state = state;
    this.grantedAtMs = grantedAtMs;
  }

  State state() {
    return state;
  }

  boolean isStopping() {
    return state == State.STOPPING;
  }

  /** A container that is being stopped stays so, whatever its node still says. */
  void become(State next) {
    if (!isStopping()) {
      state = next;
    }
  }
}
