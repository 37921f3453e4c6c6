package io.trainyard.master;

import java.io.IOException;
import java.util.Collection;
import java.util.Collections;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.yarn.api.records.Container;
import org.apache.hadoop.yarn.api.records.ContainerLaunchContext;
import org.apache.hadoop.yarn.client.api.NMClient;
import org.apache.hadoop.yarn.exceptions.YarnException;

/** Starts and stops containers on their nodes, several at a time: a grant that waits too long for its start expires. */
final class Launcher {
  private static final int THREADS = 16;

  private final Pool pool;
  private final Tokens tokens;
  private final NMClient nodes;
  private final ExecutorService threads = Executors.newFixedThreadPool(THREADS, task -> {
    Thread thread = new Thread(task, "launcher");
    thread.setDaemon(true);
    return thread;
  });
  private final Map<String, Container> containers = new ConcurrentHashMap<>();

  Launcher(Pool pool, Tokens tokens, Configuration configuration) {
    this.pool = pool;
    this.tokens = tokens;
    nodes = NMClient.createNMClient();
    // A master that dies must leave its workers running for the next attempt.
    nodes.cleanupRunningContainersOnStop(false);
    nodes.init(configuration);
    nodes.start();
  }

  /** Remembers a container, so that it can be stopped by its id. */
  void know(Container container) {
    containers.put(container.getId().toString(), container);
  }

  void forget(String id) {
    containers.remove(id);
  }

  void start(Container container, Launch launch) {
    know(container);
    threads.execute(() -> startNow(container, launch));
  }

  /** Asks its node to end a container; what becomes of it is told by the ResourceManager. */
  void stop(String id) {
    Container container = containers.get(id);
    if (container != null) {
      threads.execute(() -> stopNow(container));
    }
  }

  /** Stops these containers side by side and waits for the nodes' answers, {@code limitMs} at most. */
  void stopAll(Collection<String> ids, long limitMs) throws InterruptedException {
    for (String id : ids) {
      stop(id);
    }
    threads.shutdown();
    if (!threads.awaitTermination(limitMs, TimeUnit.MILLISECONDS)) {
      Log.event("containers.stop_unconfirmed", "limitMs", limitMs);
    }
  }

  void close() {
    threads.shutdownNow();
    nodes.stop();
  }

  private void startNow(Container container, Launch launch) {
    String id = container.getId().toString();
    if (!pool.starting(id)) {
      return;
    }
    try {
      nodes.startContainer(container, ContainerLaunchContext.newInstance(launch.resources, launch.environment,
          Collections.singletonList(launch.command), null, tokens.forContainers(), null));
      Log.event("container.started", "containerId", id, "node", container.getNodeId(), "launchId", launch.id);
      pool.started(id);
    } catch (YarnException | IOException | RuntimeException err) {
      Log.event("container.start_failed", "containerId", id, "node", container.getNodeId(), "error", err);
      pool.startFailed(id, "the node could not start it: " + err.getMessage());
    }
  }

  private void stopNow(Container container) {
    try {
      nodes.stopContainer(container.getId(), container.getNodeId());
    } catch (YarnException | IOException | RuntimeException err) {
      // The ResourceManager, which has been told as well, sees to it.
      Log.event("container.stop_failed", "containerId", container.getId(), "error", err);
    }
  }
}
