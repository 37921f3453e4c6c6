package io.trainyard.master;

import java.util.function.LongSupplier;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.security.UserGroupInformation;
import org.apache.hadoop.yarn.api.records.ApplicationAttemptId;
import org.apache.hadoop.yarn.api.records.ContainerId;
import org.apache.hadoop.yarn.conf.YarnConfiguration;

/**
 * The program of a pool's first container: keeps as many worker containers as the app server wants. It holds nothing
 * that the app server needs: killed at any instruction, the next attempt adopts what runs and goes on.
 */
public final class ApplicationMaster {
  /** Longest wait for nodes to confirm that their containers were stopped. */
  private static final long STOP_LIMIT_MS = 10_000;

  private ApplicationMaster() {}

  public static void main(String[] args) {
    int exitCode = 1;
    try {
      run(Settings.read(System.getenv()));
      exitCode = 0;
    } catch (Exception err) {
      // YARN shows the end of this file as the reason of the failure.
      System.err.println("The application master failed: " + err);
      err.printStackTrace();
    }
    System.exit(exitCode);
  }

  private static void run(Settings settings) throws Exception {
    Configuration configuration = configuration(settings);
    UserGroupInformation.setConfiguration(configuration);
    Tokens tokens = new Tokens(UserGroupInformation.getCurrentUser().getCredentials());
    ApplicationAttemptId attempt = ContainerId.fromString(settings.containerId).getApplicationAttemptId();
    AppServer appServer = new AppServer(settings.appServers, attempt.getApplicationId().toString(), tokens.secret(),
        settings.caFile);
    LongSupplier clockMs = () -> System.nanoTime() / 1_000_000L;
    Bell schedulerBell = new Bell();
    Bell syncBell = new Bell();
    Pool pool = new Pool(clockMs, settings.startLimitMs, schedulerBell, syncBell);
    Launcher launcher = new Launcher(pool, tokens, configuration);
    Scheduler scheduler = new Scheduler(pool, launcher, schedulerBell, configuration);
    Size maximum = scheduler.register(settings.host, settings.trackingUrl);
    Log.event("master.registered", "attempt", attempt, "held", pool.heldIds().size(), "memoryMbMax", maximum.memoryMb);
    Thread sync = new Thread(new SyncLoop(pool, appServer, tokens, maximum, attempt.getAttemptId(),
        settings.idleLimitMs, syncBell, clockMs), "sync");
    sync.setDaemon(true);
    sync.start();
    end(scheduler.run(), pool, launcher, scheduler, settings);
  }

  private static void end(Directive how, Pool pool, Launcher launcher, Scheduler scheduler, Settings settings)
      throws Exception {
    Log.event("master.ends", "how", how.kind, "finalStatus", how.finalStatus, "message", how.message);
    if (how.kind == Directive.Kind.FINISH) {
      launcher.stopAll(pool.heldIds(), STOP_LIMIT_MS);
      scheduler.unregister(how.finalStatus, how.message, settings.trackingUrl);
    }
    launcher.close();
    scheduler.close();
  }

  /** The cluster's own configuration, with waits that suit a pool: Hadoop's own pause between attempts is 30 s. */
  private static Configuration configuration(Settings settings) {
    Configuration configuration = new YarnConfiguration();
    configuration.setLong(YarnConfiguration.RESOURCEMANAGER_CONNECT_RETRY_INTERVAL_MS, settings.retryMs);
    configuration.setLong(YarnConfiguration.RESOURCEMANAGER_CONNECT_MAX_WAIT_MS, 15 * 60_000L);
    configuration.setLong(YarnConfiguration.CLIENT_NM_CONNECT_RETRY_INTERVAL_MS, 1_000L);
    configuration.setLong(YarnConfiguration.CLIENT_NM_CONNECT_MAX_WAIT_MS, 15_000L);
    return configuration;
  }
}
