import { expect } from 'chai';
import { runExample } from '../support/example.ts';

describe('examples/hadoop', function () {
  // Two to three minutes on a machine that has nothing else to do.
  this.timeout(900_000);

  it('installs, models on YARN as an end user, and leaves nothing in HDFS', async () => {
    expect(await runExample('hadoop'))
      .to.match(/container_\d+_\d+_\d+_\d+ .*http:\/\/\S+\/node\/containerlogs\//)
      .and.match(/16281 rows/)
      .and.match(/left in HDFS that was not there before: nothing\n$/);
  });
});
