package io.trainyard.master;

import java.io.IOException;
import java.util.function.LongSupplier;

/**
 * Tells the app server what the pool holds and follows its answers; on a thread of its own, so that a slow app server
 * never delays a heartbeat. An app server that does not answer, or refuses, changes nothing: the pool keeps all that
 * runs, and ends only when that has lasted for the idle limit and no container is held.
 */
final class SyncLoop implements Runnable {
  private static final long RETRY_MS_MIN = 500;
  private static final long RETRY_MS_MAX = 5_000;

  private final Pool pool;
  private final AppServer appServer;
  private final Tokens tokens;
  private final Size maximum;
  private final int attempt;
  private final long idleLimitMs;
  private final Bell bell;
  private final LongSupplier clockMs;
  private long sequence;
  private long answeredAtMs;
  private long retryMs = RETRY_MS_MIN;

  SyncLoop(Pool pool, AppServer appServer, Tokens tokens, Size maximum, int attempt, long idleLimitMs, Bell bell,
      LongSupplier clockMs) {
    this.pool = pool;
    this.appServer = appServer;
    this.tokens = tokens;
    this.maximum = maximum;
    this.attempt = attempt;
    this.idleLimitMs = idleLimitMs;
    this.bell = bell;
    this.clockMs = clockMs;
    this.answeredAtMs = clockMs.getAsLong();
  }

  @Override
  public void run() {
    try {
      while (pool.directive().kind == Directive.Kind.RUN) {
        bell.await(step());
      }
    } catch (InterruptedException err) {
      Thread.currentThread().interrupt();
    }
  }

  /** One exchange; returns the milliseconds until the next. */
  private long step() {
    Report report = pool.report();
    try {
      Orders orders = new Orders(appServer.sync(report.toJson(attempt, ++sequence, maximum)));
      tokens.renew(orders.credentials);
      pool.reported(report);
      pool.obey(orders);
      if (retryMs > RETRY_MS_MIN) {
        Log.event("app_server.back");
      }
      answeredAtMs = clockMs.getAsLong();
      retryMs = RETRY_MS_MIN;
      return orders.intervalMs;
    } catch (IOException | RuntimeException err) {
      return away(report, err);
    }
  }

  private long away(Report report, Exception err) {
    long awayMs = clockMs.getAsLong() - answeredAtMs;
    Log.event("app_server.away", "ms", awayMs, "error", err.getMessage());
    if (awayMs > idleLimitMs && report.held.isEmpty()) {
      pool.end(Directive.finish("FAILED",
          "Ended itself: no app server has answered for " + awayMs / 1000 + " s (" + err.getMessage() + ")."));
    }
    return retryMs = Math.min(RETRY_MS_MAX, retryMs * 2);
  }
}
