package io.trainyard.master;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Numbers in names are lines of the list of behaviours that an application master must have. */
class PoolTest {
  private static final Size SIZE = new Size(256, 1);
  private long nowMs;
  private final Pool pool = new Pool(() -> nowMs, 1_000, new Bell(), new Bell());

  @Test
  void asksForWhatIsWantedAndNotHeld() throws Exception {
    assertEquals(0, pool.pendingCount(), "nothing before the app server has spoken");
    pool.obey(Answers.wanting(3));
    assertEquals(3, pool.pendingCount());
    grant("c1");
    assertEquals(2, pool.pendingCount());
    pool.obey(Answers.wanting(1));
    assertEquals(0, pool.pendingCount());
    assertEquals(Collections.singletonList("c1"), pool.heldIds());
  }

  @Test
  void adoptsContainersOfAnEarlierAttempt_2() throws Exception {
    pool.adopt("c1", "n1:1", "n1:2", SIZE);
    pool.obey(Answers.wanting(2));
    assertEquals(1, pool.pendingCount());
    Member member = pool.report().held.get(0);
    assertEquals(Member.State.RUNNING, member.state());
    assertNull(member.launchId);
    pool.adopt("c1", "n1:1", "n1:2", SIZE);
    assertEquals(1, pool.heldIds().size());
  }

  @Test
  void tellsTheEndOfAContainerThatAnEarlierAttemptStarted_2() {
    pool.ended("c9", -100, "");
    assertEquals(Collections.singletonList("c9"), endedIds());
    assertNull(pool.report().ended.get(0).node);
  }

  @Test
  void losesNoCompletionOfABatch_9() throws Exception {
    pool.obey(Answers.wanting(3));
    grant("c1");
    grant("c2");
    grant("c3");
    pool.obey(Answers.of("\"wantedCount\":2,\"release\":[\"c1\"]"));
    pool.ended("c1", -105, "");
    pool.ended("c2", -104, "beyond memory");
    pool.ended("c3", 0, "");
    List<String> told = new ArrayList<>();
    for (Ended end : pool.report().ended) {
      told.add(end.id + " " + end.exitStatus + " " + end.wasReleased);
    }
    assertEquals(Arrays.asList("c1 -105 true", "c2 -104 false", "c3 0 false"), told);
  }

  @Test
  void tellsAnEndUntilItIsAcknowledgedAndOnceOnly_9_10() throws Exception {
    pool.obey(Answers.wanting(1));
    grant("c1");
    pool.ended("c1", 137, "killed");
    pool.ended("c1", -100, "told again after a restart of the ResourceManager");
    assertEquals(137, pool.report().ended.get(0).exitStatus);
    pool.reported(pool.report());
    assertEquals(Collections.singletonList("c1"), endedIds());
    pool.obey(Answers.of("\"wantedCount\":1,\"acknowledged\":[\"c1\"]"));
    pool.ended("c1", 137, "and again");
    assertEquals(Collections.emptyList(), endedIds());
  }

  @Test
  void replacesAContainerOnlyWhenTheAppServerKnowsOfItsEnd() throws Exception {
    pool.obey(Answers.wanting(1));
    grant("c1");
    pool.ended("c1", 1, "");
    assertEquals(0, pool.pendingCount());
    pool.obey(Answers.of("\"wantedCount\":1,\"acknowledged\":[\"c1\"]"));
    assertEquals(1, pool.pendingCount());
  }

  @Test
  void givesBackWhatWasGrantedTwice_11() throws Exception {
    pool.obey(Answers.wanting(1));
    grant("c1");
    assertNull(pool.granted("c2", "n1:1", null, SIZE, pool.launchSerial()));
    assertEquals(Collections.singletonList("c2"), pool.takeReleases());
    assertEquals(Collections.emptyList(), pool.takeReleases());
    pool.ended("c2", -100, "");
    assertEquals(Collections.emptyList(), endedIds(), "a stray never belonged to the pool");
  }

  @Test
  void givesBackWhatWasAskedForAnOlderLaunch_11() throws Exception {
    pool.obey(Answers.wanting(1));
    long older = pool.launchSerial();
    pool.obey(Answers.of("\"wantedCount\":1", "v2", 512));
    assertNull(pool.granted("c1", "n1:1", null, SIZE, older));
    assertNotNull(pool.granted("c2", "n1:1", null, SIZE, pool.launchSerial()));
  }

  @Test
  void takesAGrantWhateverItsProcessorsRead_12() throws Exception {
    pool.obey(Answers.wanting(1));
    assertNotNull(pool.granted("c1", "n1:1", null, new Size(1024, 1), pool.launchSerial()));
  }

  @Test
  void givesUpAContainerThatItsNodeDoesNotStart_13_14() throws Exception {
    pool.obey(Answers.wanting(1));
    grant("c1");
    assertTrue(pool.starting("c1"));
    nowMs = 1_000;
    pool.giveUpUnstarted();
    assertEquals(Collections.emptyList(), endedIds());
    nowMs = 1_001;
    pool.giveUpUnstarted();
    assertEquals(Ended.NEVER_STARTED, pool.report().ended.get(0).exitStatus);
    assertEquals(Collections.singletonList("c1"), pool.takeReleases());
    pool.started("c1");
    pool.startFailed("c1", "the thread that tried it comes late");
    pool.ended("c1", -100, "the ResourceManager's word on the release");
    assertEquals(Collections.singletonList("c1"), endedIds());
    assertFalse(pool.starting("c1"));
  }

  @Test
  void keepsARunningContainerHoweverLongItRuns_14() throws Exception {
    pool.obey(Answers.wanting(1));
    grant("c1");
    pool.starting("c1");
    pool.started("c1");
    nowMs = 1_000_000;
    pool.giveUpUnstarted();
    assertEquals(Collections.singletonList("c1"), pool.heldIds());
  }

  @Test
  void stopsOnlyWhatItIsToldToRelease_19() throws Exception {
    pool.obey(Answers.wanting(2));
    grant("c1");
    grant("c2");
    pool.obey(Answers.wanting(1));
    assertEquals(Collections.emptyList(), pool.takeStops());
    pool.obey(Answers.of("\"wantedCount\":1,\"release\":[\"c1\",\"unknown\"]"));
    assertEquals(Collections.singletonList("c1"), pool.takeStops());
    assertEquals(Collections.singletonList("c1"), pool.takeReleases());
    pool.obey(Answers.of("\"wantedCount\":1,\"release\":[\"c1\"]"));
    assertEquals(Collections.emptyList(), pool.takeStops(), "told a second time");
    assertEquals(Member.State.STOPPING, pool.report().held.get(0).state());
    pool.started("c1");
    assertEquals(Member.State.STOPPING, pool.report().held.get(0).state());
    assertEquals(0, pool.pendingCount());
  }

  @Test
  void asksForASuccessorWhileTheReleasedOneStops_19() throws Exception {
    pool.obey(Answers.wanting(1));
    grant("c1");
    pool.obey(Answers.of("\"wantedCount\":1,\"release\":[\"c1\"]"));
    assertEquals(1, pool.pendingCount());
    pool.ended("c1", -105, "");
    assertEquals(1, pool.pendingCount());
  }

  @Test
  void tellsWhichContainersTheSchedulerWillTake_20() throws Exception {
    pool.obey(Answers.wanting(2));
    grant("c1");
    grant("c2");
    pool.preempting(Arrays.asList("c2", "foreign"));
    assertEquals(Collections.singletonList("c2"), pool.report().preempted);
    pool.preempting(Collections.<String>emptyList());
    assertEquals(Collections.emptyList(), pool.report().preempted);
  }

  @Test
  void tellsNodeNewsUntilItIsSeen_20() {
    pool.nodeChanged("n1:1", "DECOMMISSIONING");
    Report seen = pool.report();
    pool.nodeChanged("n1:1", "DECOMMISSIONED");
    pool.nodeChanged("n2:1", "LOST");
    pool.reported(seen);
    assertEquals("{n1:1=DECOMMISSIONED, n2:1=LOST}", pool.report().nodes.toString());
    pool.reported(pool.report());
    assertTrue(pool.report().nodes.isEmpty());
  }

  @Test
  void keepsExcludedNodes_21() throws Exception {
    pool.obey(Answers.of("\"wantedCount\":0,\"excludedNodes\":[\"n1:1\"]"));
    assertEquals(Collections.singleton("n1:1"), pool.excludedNodes());
    pool.obey(Answers.wanting(0));
    assertTrue(pool.excludedNodes().isEmpty());
  }

  @Test
  void wantsNothingMoreOnceItEnds_38() throws Exception {
    pool.obey(Answers.wanting(2));
    grant("c1");
    pool.obey(Answers.of("\"directive\":\"finish\",\"finalStatus\":\"SUCCEEDED\",\"message\":\"done\",\"wantedCount\":2"));
    assertEquals(Directive.Kind.FINISH, pool.directive().kind);
    assertEquals("done", pool.directive().message);
    assertNull(pool.granted("c2", "n1:1", null, SIZE, pool.launchSerial()));
    pool.end(Directive.leave("too late"));
    assertEquals(Directive.Kind.FINISH, pool.directive().kind);
  }

  @Test
  void remembersTheLastCharactersOfDiagnostics() {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 5_000; i++) {
      text.append(i % 10);
    }
    pool.ended("c1", -104, text + "END");
    String told = pool.report().ended.get(0).diagnostics;
    assertEquals(4_000, told.length());
    assertTrue(told.endsWith("END"));
    assertEquals("", new Ended("c2", null, 0, null, false).diagnostics);
  }

  private void grant(String id) {
    assertNotNull(pool.granted(id, "n1:1", "n1:2", SIZE, pool.launchSerial()));
  }

  private List<String> endedIds() {
    List<String> ids = new ArrayList<>();
    for (Ended end : pool.report().ended) {
      ids.add(end.id);
    }
    return ids;
  }
}
