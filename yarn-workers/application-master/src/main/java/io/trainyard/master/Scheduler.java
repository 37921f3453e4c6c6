package io.trainyard.master;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.security.token.SecretManager.InvalidToken;
import org.apache.hadoop.yarn.api.protocolrecords.AllocateResponse;
import org.apache.hadoop.yarn.api.protocolrecords.RegisterApplicationMasterResponse;
import org.apache.hadoop.yarn.api.records.Container;
import org.apache.hadoop.yarn.api.records.ContainerId;
import org.apache.hadoop.yarn.api.records.ContainerStatus;
import org.apache.hadoop.yarn.api.records.FinalApplicationStatus;
import org.apache.hadoop.yarn.api.records.NodeReport;
import org.apache.hadoop.yarn.api.records.PreemptionContainer;
import org.apache.hadoop.yarn.api.records.PreemptionMessage;
import org.apache.hadoop.yarn.api.records.Priority;
import org.apache.hadoop.yarn.api.records.Resource;
import org.apache.hadoop.yarn.client.api.AMRMClient;
import org.apache.hadoop.yarn.client.api.AMRMClient.ContainerRequest;
import org.apache.hadoop.yarn.exceptions.ApplicationAttemptNotFoundException;
import org.apache.hadoop.yarn.exceptions.InvalidApplicationMasterRequestException;
import org.apache.hadoop.yarn.exceptions.YarnException;

/**
 * Speaks with the ResourceManager: asks, gives back, and carries its news into the pool. A ResourceManager that is away
 * or restarting is waited for without limit; Hadoop's client registers again and repeats what was asked for.
 */
final class Scheduler {
  /** While containers are asked for, and otherwise. */
  private static final long HEARTBEAT_MS_BUSY = 250;
  private static final long HEARTBEAT_MS = 1_000;
  private static final Priority PRIORITY = Priority.newInstance(1);
  /** A token that is refused so often in a row belongs to an attempt that was replaced. */
  private static final int REFUSALS_MAX = 5;

  private final Pool pool;
  private final Launcher launcher;
  private final Bell bell;
  private final AMRMClient<ContainerRequest> client;
  private final Deque<ContainerRequest> asked = new ArrayDeque<>();
  private long askedSerial;
  private Set<String> excluded = Collections.emptySet();
  private int refusals;

  Scheduler(Pool pool, Launcher launcher, Bell bell, Configuration configuration) {
    this.pool = pool;
    this.launcher = launcher;
    this.bell = bell;
    client = AMRMClient.createAMRMClient();
    client.init(configuration);
    client.start();
  }

  /** Registers and adopts what an earlier attempt left running; returns the largest container that may be asked for. */
  Size register(String host, String trackingUrl) throws YarnException, IOException {
    RegisterApplicationMasterResponse answer = client.registerApplicationMaster(host, -1, trackingUrl);
    adopt(answer.getContainersFromPreviousAttempts());
    return size(answer.getMaximumResourceCapability());
  }

  /** Sends heartbeats until the pool is to end; returns how. */
  Directive run() throws InterruptedException {
    while (pool.directive().kind == Directive.Kind.RUN) {
      try {
        beat();
        refusals = 0;
      } catch (ApplicationAttemptNotFoundException err) {
        pool.end(Directive.leave("the ResourceManager does not know this attempt any more"));
      } catch (InvalidToken err) {
        Log.event("resource_manager.refused", "error", err);
        if (++refusals >= REFUSALS_MAX) {
          pool.end(Directive.leave("the ResourceManager refuses this attempt's token"));
        }
      } catch (YarnException | IOException | RuntimeException err) {
        Log.event("resource_manager.away", "error", err);
      }
      bell.await(pool.pendingCount() > 0 || !asked.isEmpty() ? HEARTBEAT_MS_BUSY : HEARTBEAT_MS);
    }
    return pool.directive();
  }

  /** Tells YARN how the application ended. An attempt that was replaced meanwhile has nothing to tell. */
  void unregister(String finalStatus, String message, String trackingUrl) throws YarnException, IOException {
    try {
      client.unregisterApplicationMaster(FinalApplicationStatus.valueOf(finalStatus), message, trackingUrl);
    } catch (InvalidApplicationMasterRequestException | ApplicationAttemptNotFoundException err) {
      Log.event("resource_manager.forgot", "error", err);
    }
  }

  void close() {
    client.stop();
  }

  private void beat() throws YarnException, IOException {
    pool.giveUpUnstarted();
    ask();
    exclude();
    for (String id : pool.takeStops()) {
      launcher.stop(id);
    }
    for (String id : pool.takeReleases()) {
      client.releaseAssignedContainer(ContainerId.fromString(id));
    }
    follow(client.allocate(pool.progress()));
  }

  /** Brings the requests that stand at the ResourceManager to the number that the pool wants now. */
  private void ask() {
    int pending = pool.pendingCount();
    Launch launch = pool.launch();
    long serial = pool.launchSerial();
    while (!asked.isEmpty() && (serial != askedSerial || asked.size() > pending)) {
      client.removeContainerRequest(asked.removeLast());
    }
    askedSerial = serial;
    while (launch != null && asked.size() < pending) {
      ContainerRequest request = ContainerRequest.newBuilder().priority(PRIORITY).allocationRequestId(serial)
          .capability(Resource.newInstance(launch.size.memoryMb, launch.size.vcores))
          .nodeLabelsExpression(launch.nodeLabel).build();
      client.addContainerRequest(request);
      asked.add(request);
    }
  }

  private void exclude() {
    Set<String> now = names(pool.excludedNodes());
    if (now.equals(excluded)) {
      return;
    }
    List<String> added = new ArrayList<>(now);
    added.removeAll(excluded);
    List<String> removed = new ArrayList<>(excluded);
    removed.removeAll(now);
    client.updateBlacklist(added, removed);
    excluded = now;
  }

  /** The scheduler knows nodes by host, or by host and port where several share a host: both are named. */
  private static Set<String> names(Set<String> nodes) {
    Set<String> names = new LinkedHashSet<>(nodes);
    for (String node : nodes) {
      names.add(node.replaceAll(":[0-9]+$", ""));
    }
    return names;
  }

  private void follow(AllocateResponse response) {
    adopt(response.getContainersFromPreviousAttempts());
    for (NodeReport node : response.getUpdatedNodes()) {
      Log.event("node.changed", "node", node.getNodeId(), "state", node.getNodeState());
      pool.nodeChanged(node.getNodeId().toString(), node.getNodeState().name());
    }
    pool.preempting(preempted(response.getPreemptionMessage()));
    for (Container container : response.getAllocatedContainers()) {
      grant(container);
    }
    for (ContainerStatus status : response.getCompletedContainersStatuses()) {
      String id = status.getContainerId().toString();
      Log.event("container.ended", "containerId", id, "exitStatus", status.getExitStatus());
      launcher.forget(id);
      pool.ended(id, status.getExitStatus(), status.getDiagnostics());
    }
  }

  private void grant(Container container) {
    long serial = container.getAllocationRequestId();
    if (serial == askedSerial && !asked.isEmpty()) {
      // A request that was served must be taken back, or Hadoop's client asks for it again (YARN-1902).
      client.removeContainerRequest(asked.removeFirst());
    }
    String id = container.getId().toString();
    Launch launch = pool.granted(id, container.getNodeId().toString(), container.getNodeHttpAddress(),
        size(container.getResource()), serial);
    Log.event("container.granted", "containerId", id, "node", container.getNodeId(), "isWanted", launch != null);
    if (launch != null) {
      launcher.start(container, launch);
    }
  }

  private void adopt(List<Container> containers) {
    for (Container container : containers) {
      String id = container.getId().toString();
      Log.event("container.adopted", "containerId", id, "node", container.getNodeId());
      launcher.know(container);
      pool.adopt(id, container.getNodeId().toString(), container.getNodeHttpAddress(),
          size(container.getResource()));
    }
  }

  private static Set<String> preempted(PreemptionMessage message) {
    Set<String> ids = new HashSet<>();
    if (message == null) {
      return ids;
    }
    if (message.getStrictContract() != null) {
      addIds(ids, message.getStrictContract().getContainers());
    }
    if (message.getContract() != null) {
      addIds(ids, message.getContract().getContainers());
    }
    return ids;
  }

  private static void addIds(Set<String> ids, Set<PreemptionContainer> containers) {
    for (PreemptionContainer container : containers) {
      ids.add(container.getId().toString());
    }
  }

  /** The scheduler may say 1 processor whatever was asked for (DefaultResourceCalculator): for display only. */
  private static Size size(Resource resource) {
    return new Size(Math.max(1, resource.getMemorySize()), Math.max(1, resource.getVirtualCores()));
  }
}
