package io.trainyard.master;

/** Memory and processors of a container. */
final class Size {
  final long memoryMb;
  final int vcores;

  Size(long memoryMb, int vcores) {
    this.memoryMb = memoryMb;
    this.vcores = vcores;
  }
}
