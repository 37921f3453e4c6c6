import { expect } from 'chai';
import { membersPackMs, modelBytes, packMs } from '../../../../../yarn-workers/ml/fit/model-bytes.ts';

describe('ml fit: bytes of models', () => {
  const model = { outputCount: 1, value: new Float64Array(10), shift: [1, 2], linear: { slope: new Float32Array(5) } };

  it('are those of their arrays, models within models too', () => {
    expect(modelBytes(model)).to.equal(100);
    expect(modelBytes([model, {}, { count: 7, none: null }])).to.equal(100);
  });

  it('say what packing all members takes, by those that are there', () => {
    expect(membersPackMs([], 5)).to.equal(0);
    expect(membersPackMs([model], 5)).to.equal(packMs(500));
    expect(membersPackMs([model, { value: new Uint8Array(300) }], 5)).to.equal(packMs(1_000));
    expect(packMs(2 ** 20)).to.equal(50);
  });
});
