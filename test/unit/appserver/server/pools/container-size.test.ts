import { expect } from 'chai';
import { workerBytesIn } from '#store';
import { containerSize, largestContainerMb, threadsOf } from '../../../../../appserver/server/pools/container-size.ts';

const CONFIG = { containerMemoryMb: 4_096, containerMemoryMaxMb: 16_384, containerVcores: 2 };
const MIB = 1024 ** 2;

describe('size of the next container', () => {
  it('is as configured where no task needs more', () => {
    expect(containerSize(CONFIG, 0, null)).to.deep.equal({ memoryMb: 4_096, vcores: 2 });
    expect(containerSize(CONFIG, workerBytesIn(4_096), null).memoryMb).to.equal(4_096);
  });

  it('has room for the largest task that waits, in steps', () => {
    const { memoryMb } = containerSize(CONFIG, 5_000 * MIB, null);
    expect(memoryMb).to.equal(5_632);
    expect(workerBytesIn(memoryMb)).to.be.at.least(5_000 * MIB);
  });

  it('is never more than may be asked for, or than YARN grants, nor less than configured', () => {
    expect(containerSize(CONFIG, 99_999 * MIB, null).memoryMb).to.equal(16_384);
    expect(containerSize(CONFIG, 99_999 * MIB, { memoryMb: 8_192, vcores: 4 }).memoryMb).to.equal(8_192);
    expect(containerSize({ ...CONFIG, containerMemoryMaxMb: 1_024 }, 99_999 * MIB, null).memoryMb).to.equal(4_096);
    expect(largestContainerMb({ ...CONFIG, containerMemoryMaxMb: 1_024 })).to.equal(4_096);
  });
});

describe('threads of a task of modelling', () => {
  const threads = (driver: 'local' | 'yarn', threadsPerTask: number, containerVcores: number): number =>
    threadsOf({ autopilot: { threadsPerTask }, compute: { driver }, yarn: { containerVcores } });

  it('are as configured, in YARN all of the container', () => {
    expect(threads('local', 1, 4)).to.equal(1);
    expect(threads('local', 3, 1)).to.equal(3);
    expect(threads('yarn', 1, 4)).to.equal(4);
    expect(threads('yarn', 3, 2)).to.equal(3);
  });
});
