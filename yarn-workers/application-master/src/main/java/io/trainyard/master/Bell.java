package io.trainyard.master;

/** Wakes one waiting thread; a ring while nobody waits is kept for the next wait. */
final class Bell {
  private boolean rung;

  synchronized void ring() {
    rung = true;
    notifyAll();
  }

  /** Returns when it was rung, or after {@code ms}. */
  synchronized void await(long ms) throws InterruptedException {
    long end = System.nanoTime() + ms * 1_000_000L;
    for (long left = ms; !rung && left > 0; left = (end - System.nanoTime()) / 1_000_000L) {
      wait(left);
    }
    rung = false;
  }
}
