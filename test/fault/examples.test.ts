import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { runExample } from '../support/example.ts';

describe('examples', function () {
  // One to two minutes each on a machine that has nothing else to do, four where others work beside.
  this.timeout(600_000);

  it('chaos: ends with the leaderboard of an undisturbed run, whatever was killed', async () => {
    expect(await runExample('chaos', ['7']))
      .to.include('everything at once')
      .and.match(/\d+ faults, 12 models, the same leaderboard\n$/);
  });

  it('quickstart: does the whole job by curl', async () => {
    expect(await runExample('quickstart'))
      .to.match(/^1 .* recommended$/m)
      .and.match(/done: 16281 batch predictions\n$/);
  });

  it('air-gapped: predicts on a host without a route what the app predicts, and is upgraded', async () => {
    expect(await runExample('air-gapped'))
      .to.match(/(the same answers as those of the app, byte for byte[^]*){2}PACKAGE_OUTDATED/)
      .and.match(
        /received 65124\nduplicate 0\nlost 0[^]*done: 16281 predictions twice, without the app, and counted\n$/,
      );
  });

  it('serving: rules, an ETL job that goes on, a challenger and a rollback', async () => {
    expect(await runExample('serving'))
      .to.match(/"rule": "new country",\s+"action": "override"/)
      .and.match(/"code": "PREDICTION_REFUSED"/)
      .and.match(/stopped after row 1500\nbegins at row 1501\n16281 rows are answered/)
      .and.match(/rollback to 1: only to show it/)
      .and.match(/done: 16281 rows are predicted and compared\n$/);
  });

  it('compliance-report: writes the report twice with the same bytes', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-example-'));
    const file = path.join(folder, 'report.html');
    try {
      expect(await runExample('compliance-report', [file])).to.match(/done: a report of \d+ bytes in /);
      expect(readFileSync(file, 'utf8'))
        .to.match(/^<!doctype html>/i)
        .and.contain('Segments and groups of people');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
