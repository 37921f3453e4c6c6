package io.trainyard.master;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.hadoop.shaded.com.fasterxml.jackson.databind.node.ObjectNode;

/** What the pool tells the app server: everything that it holds, and the news. */
final class Report {
  private static final int PROTOCOL_VERSION = 1;
  /** Entries of one list at most; the rest is told with the next request. */
  private static final int ENTRIES_MAX = 2000;

  final List<Member> held;
  final List<Ended> ended;
  final int pendingCount;
  /** State by node. */
  final Map<String, String> nodes;
  final List<String> preempted;

  Report(List<Member> held, List<Ended> ended, int pendingCount, Map<String, String> nodes, List<String> preempted) {
    this.held = first(held);
    this.ended = first(ended);
    this.pendingCount = pendingCount;
    this.nodes = nodes;
    this.preempted = first(preempted);
  }

  /** The request of the sync endpoint: {@code SyncRequest} in {@code appserver/contracts/application-master.ts}. */
  byte[] toJson(int attempt, long sequence, Size maximum) throws IOException {
    ObjectNode root = Json.MAPPER.createObjectNode();
    root.put("protocolVersion", PROTOCOL_VERSION).put("attempt", attempt).put("sequence", sequence);
    root.set("maximum", toJson(maximum));
    ArrayNode members = root.putArray("held");
    for (Member member : held) {
      ObjectNode node = members.addObject().put("containerId", member.id).put("node", member.node);
      node.put("nodeHttpAddress", member.nodeHttpAddress).put("launchId", member.launchId);
      node.put("state", member.state().name().toLowerCase(Locale.ROOT)).set("size", toJson(member.size));
    }
    ArrayNode ends = root.putArray("ended");
    for (Ended end : ended) {
      ends.addObject().put("containerId", end.id).put("node", end.node).put("exitStatus", end.exitStatus)
          .put("diagnostics", end.diagnostics).put("wasReleased", end.wasReleased);
    }
    root.put("pendingCount", pendingCount);
    ArrayNode news = root.putArray("nodes");
    for (Map.Entry<String, String> node : nodes.entrySet()) {
      news.addObject().put("node", node.getKey()).put("state", node.getValue());
    }
    ArrayNode ids = root.putArray("preempted");
    for (String id : preempted) {
      ids.add(id);
    }
    return Json.MAPPER.writeValueAsBytes(root);
  }

  private static ObjectNode toJson(Size size) {
    return Json.MAPPER.createObjectNode().put("memoryMb", size.memoryMb).put("vcores", size.vcores);
  }

  private static <T> List<T> first(List<T> all) {
    return all.subList(0, Math.min(ENTRIES_MAX, all.size()));
  }
}
