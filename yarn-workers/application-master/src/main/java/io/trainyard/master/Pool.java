package io.trainyard.master;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * What the pool holds and what is to be done about it; no input or output of its own. The three sides (app server,
 * ResourceManager, NodeManagers) each run on threads of their own and meet here.
 *
 * <p>The number of containers to ask for is never stored but always computed: wanted, less those held, less those whose
 * end the app server does not know yet. So nothing is replaced before the app server has seen the end and could say
 * otherwise, and a worker that dies at once is restarted no faster than the app server allows.
 */
final class Pool {
  private static final int CLOSED_MAX = 20_000;

  private final LongSupplier clockMs;
  private final long startLimitMs;
  private final Bell schedulerBell;
  private final Bell syncBell;

  private final Map<String, Member> members = new LinkedHashMap<>();
  private final Map<String, Ended> ended = new LinkedHashMap<>();
  /** Ended and told: a second report of the same end, after a restart of the ResourceManager, is not news. */
  private final Set<String> closed = newest(CLOSED_MAX);
  private final Map<String, String> nodeNews = new LinkedHashMap<>();
  private Set<String> preempted = Collections.emptySet();
  private final Set<String> toRelease = new LinkedHashSet<>();
  private final Set<String> toStop = new LinkedHashSet<>();

  private Directive directive = Directive.RUN;
  private int wantedCount;
  private Launch launch;
  /** Number of the launch among all launches of this attempt: tells grants of an older launch from those of this one. */
  private long launchSerial;
  private Set<String> excludedNodes = Collections.emptySet();

  /** {@code schedulerBell} is rung when there is something to tell the ResourceManager, {@code syncBell} the app server. */
  Pool(LongSupplier clockMs, long startLimitMs, Bell schedulerBell, Bell syncBell) {
    this.clockMs = clockMs;
    this.startLimitMs = startLimitMs;
    this.schedulerBell = schedulerBell;
    this.syncBell = syncBell;
  }

  // The app server's side

  /** Follows one answer of the app server. */
  synchronized void obey(Orders orders) {
    if (directive.kind == Directive.Kind.RUN) {
      directive = orders.directive;
    }
    wantedCount = orders.wantedCount;
    if (orders.launch != null && (launch == null || !launch.id.equals(orders.launch.id))) {
      launchSerial++;
    }
    launch = orders.launch;
    excludedNodes = orders.excludedNodes;
    for (String id : orders.acknowledged) {
      ended.remove(id);
    }
    for (String id : orders.release) {
      Member member = members.get(id);
      if (member != null && !member.isStopping()) {
        stop(member);
      }
    }
    schedulerBell.ring();
  }

  /** All that is held and all news, for the app server. */
  synchronized Report report() {
    return new Report(new ArrayList<>(members.values()), new ArrayList<>(ended.values()), pendingCount(),
        new LinkedHashMap<>(nodeNews), new ArrayList<>(preempted));
  }

  /** The app server has seen this report: its node news need not be told again. */
  synchronized void reported(Report report) {
    for (Map.Entry<String, String> news : report.nodes.entrySet()) {
      nodeNews.remove(news.getKey(), news.getValue());
    }
  }

  /** Ends the pool, or leaves it, for a reason of our own. */
  synchronized void end(Directive how) {
    if (directive.kind == Directive.Kind.RUN) {
      directive = how;
    }
    schedulerBell.ring();
  }

  synchronized Directive directive() {
    return directive;
  }

  // The ResourceManager's side

  /** A container of an earlier attempt; it runs already. */
  synchronized void adopt(String id, String node, String nodeHttpAddress, Size size) {
    if (members.containsKey(id) || closed.contains(id)) {
      return;
    }
    members.put(id, new Member(id, node, nodeHttpAddress, size, null, Member.State.RUNNING, clockMs.getAsLong()));
    syncBell.ring();
  }

  /** Containers to be asked for now, of the launch {@link #launchSerial()}. */
  synchronized int pendingCount() {
    if (launch == null || directive.kind != Directive.Kind.RUN) {
      return 0;
    }
    int unknownEnds = 0;
    for (Ended end : ended.values()) {
      unknownEnds += end.wasReleased ? 0 : 1;
    }
    return Math.max(0, wantedCount - staying() - unknownEnds);
  }

  synchronized long launchSerial() {
    return launchSerial;
  }

  /** Null when nothing is to be started. */
  synchronized Launch launch() {
    return launch;
  }

  synchronized Set<String> excludedNodes() {
    return excludedNodes;
  }

  /**
   * A container was granted, asked for under {@code serial}. Returns the launch to start it with, or null for a stray one
   * (no longer wanted, or of an older launch), which is then to be given back.
   */
  synchronized Launch granted(String id, String node, String nodeHttpAddress, Size size, long serial) {
    if (serial != launchSerial || pendingCount() == 0) {
      toRelease.add(id);
      closed.add(id);
      return null;
    }
    members.put(id,
        new Member(id, node, nodeHttpAddress, size, launch.id, Member.State.GRANTED, clockMs.getAsLong()));
    syncBell.ring();
    return launch;
  }

  /** A container ended; reported once, however often and by whomever it is told. */
  synchronized void ended(String id, int exitStatus, String diagnostics) {
    Member member = members.remove(id);
    if (member == null && closed.contains(id)) {
      return;
    }
    closed.add(id);
    boolean wasReleased = member != null && member.isStopping();
    ended.put(id, new Ended(id, member == null ? null : member.node, exitStatus, diagnostics, wasReleased));
    syncBell.ring();
  }

  synchronized void nodeChanged(String node, String state) {
    nodeNews.put(node, state);
    syncBell.ring();
  }

  /** The containers that the scheduler means to take away, as it says with every heartbeat. */
  synchronized void preempting(Collection<String> ids) {
    Set<String> now = new LinkedHashSet<>(ids);
    now.retainAll(members.keySet());
    if (!preempted.containsAll(now)) {
      syncBell.ring();
    }
    preempted = now;
  }

  /** Containers to give back with the next heartbeat; each is told once. */
  synchronized List<String> takeReleases() {
    List<String> ids = new ArrayList<>(toRelease);
    toRelease.clear();
    return ids;
  }

  /** Containers whose NodeManager is to be asked to stop them; each is told once. */
  synchronized List<String> takeStops() {
    List<String> ids = new ArrayList<>(toStop);
    toStop.clear();
    return ids;
  }

  /** Gives up containers whose node has not started them in time. */
  synchronized void giveUpUnstarted() {
    for (Member member : new ArrayList<>(members.values())) {
      boolean waits = member.state() == Member.State.GRANTED || member.state() == Member.State.STARTING;
      if (waits && clockMs.getAsLong() - member.grantedAtMs > startLimitMs) {
        startFailed(member.id, "the node did not start it within " + startLimitMs / 1000 + " s");
      }
    }
  }

  // The NodeManagers' side

  /** False when the container is no longer to be started. */
  synchronized boolean starting(String id) {
    Member member = members.get(id);
    if (member == null || member.isStopping()) {
      return false;
    }
    member.become(Member.State.STARTING);
    return true;
  }

  synchronized void started(String id) {
    Member member = members.get(id);
    if (member != null) {
      member.become(Member.State.RUNNING);
      syncBell.ring();
    }
  }

  /** Its node refused, did not answer, or took too long: given back, and told as ended without having run. */
  synchronized void startFailed(String id, String diagnostics) {
    if (members.containsKey(id)) {
      toRelease.add(id);
      ended(id, Ended.NEVER_STARTED, diagnostics);
      schedulerBell.ring();
    }
  }

  synchronized List<String> heldIds() {
    return new ArrayList<>(members.keySet());
  }

  /** Share of the wanted containers that are there, 0 to 1, for YARN's progress bar. */
  synchronized float progress() {
    return wantedCount == 0 ? 0f : Math.min(1f, staying() / (float) wantedCount);
  }

  private int staying() {
    int count = 0;
    for (Member member : members.values()) {
      count += member.isStopping() ? 0 : 1;
    }
    return count;
  }

  private void stop(Member member) {
    member.become(Member.State.STOPPING);
    toStop.add(member.id);
    toRelease.add(member.id);
  }

  /** A set that forgets the oldest when it holds more than {@code max}. */
  private static Set<String> newest(int max) {
    return Collections.newSetFromMap(new LinkedHashMap<String, Boolean>() {
      private static final long serialVersionUID = 1L;

      @Override
      protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
        return size() > max;
      }
    });
  }
}
