import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import {
  parse,
  planParts,
  TaskOutcome,
  type DatasetProfile,
  type HdfsFormat,
  type IngestOutcome,
  type IngestTask,
  type ProfileMergeOutcome,
  type ProfileMergeTask,
  type ProfilePartTask,
  type ProfileState,
  type RegisteredFile,
} from '#contracts';
import { runIngest } from '../../../yarn-workers/worker/tasks/ingest.ts';
import { runProfileMerge } from '../../../yarn-workers/worker/tasks/profile-merge.ts';
import { runProfilePart } from '../../../yarn-workers/worker/tasks/profile-part.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { sharedHadoopCluster } from '../../support/hadoop/index.ts';
import { openWorkbench, profiledOutcome, type Workbench } from '../worker/support.ts';

const ROWS = 9_000;
const FOLDER = '/user/alice/profile-parts';
const PARTS = { cellsMin: 7_000, countMax: 64 };

/** Rows with a key, numbers of few and of many values, a category, dates, a text, and a name that is there twice. */
function tableLines(): string[] {
  const lines = ['id,age,plan,since,note,price,plan'];
  for (let row = 0; row < ROWS; row += 1) {
    const plan = ['basic', '"p,lus"', 'pro'][row % 3] ?? '';
    const since = `20${10 + (row % 15)}-${String(1 + (row % 12)).padStart(2, '0')}-15`;
    const price = row % 700 === 0 ? '1e9' : String((row * 7_919) % 5_003) + '.25';
    lines.push(
      [
        1_000 + row,
        row % 17 === 0 ? '' : 20 + ((row * 7) % 50),
        plan,
        since,
        `note ${row} of ${row % 7}`,
        price,
        row % 5,
      ].join(),
    );
  }
  return lines;
}

/** Several tasks profile parts of a table in place, and what they found is put together. */
describe('profiles in parts, on HDFS', function () {
  this.timeout(180_000);
  let bench: Workbench;
  let lines: readonly string[];

  const local = (name: string): string => path.join(bench.context.workDir, name);
  const put = async (content: Uint8Array | string, name: string): Promise<void> => {
    await bench.context.hdfs().create(`${FOLDER}/${name}`, Buffer.from(content), { overwrite: true });
  };
  async function taskOf(format: HdfsFormat, names: readonly string[]): Promise<IngestTask> {
    const files = await Promise.all(
      names.map(async (name): Promise<RegisteredFile> => {
        const { path: file, sizeBytes, modifiedAt } = await bench.context.hdfs().status(`${FOLDER}/${name}`);
        return { path: file, sizeBytes, modifiedAt: modifiedAt.getTime() };
      }),
    );
    const input = { type: 'hdfs', format, files, inPlace: true } as const;
    return { kind: 'ingest', datasetId: 'ds_1', input, options: {} };
  }
  /** Registered alone, to be profiled in parts. */
  async function registered(task: IngestTask) {
    const run = bench.run({ ...task, parts: PARTS });
    const outcome = parse(TaskOutcome, await runIngest(run), 'outcome');
    if (outcome.kind !== 'ingest') expect.fail(outcome.kind);
    expect(outcome.profile).to.equal(undefined);
    const parts = planParts(outcome.table, { ...PARTS, rowCells: outcome.table.columns.length });
    expect(run.told.log.at(-1)).to.equal(`to be profiled in ${parts.length} parts`);
    return { outcome, parts };
  }
  /** The file that a part leaves. */
  async function state(task: Omit<ProfilePartTask, 'kind' | 'datasetId'>): Promise<ProfileState> {
    const run = bench.run({ kind: 'profile-part', datasetId: 'ds_1', ...task });
    const outcome = parse(TaskOutcome, await runProfilePart(run), 'outcome');
    expect(outcome).to.include({ kind: 'profile-part', pass: task.first === undefined ? 'first' : 'second' });
    return sealed(run);
  }
  function sealed({ attempt }: Pick<ReturnType<Workbench['run']>, 'attempt'>): ProfileState {
    const [file, ...others] = attempt.files;
    if (file === undefined || others.length > 0) expect.fail(`${attempt.files.length} files`);
    const { name, sizeBytes, sha256 } = file;
    return { path: `${attempt.path}/${name}`, sizeBytes, sha256 };
  }
  const merging = (
    { table, columnWarnings = [] }: IngestOutcome,
    parts: readonly ProfileState[],
  ): ProfileMergeTask => ({
    kind: 'profile-merge',
    datasetId: 'ds_1',
    table: { rowCount: table.rowCount, columns: table.columns, files: [] },
    parts: [...parts],
    columnWarnings,
  });
  async function merged(task: ProfileMergeTask) {
    const run = bench.run(task);
    const outcome = parse(TaskOutcome, await runProfileMerge(run), 'outcome');
    return { run, outcome: outcome.kind === 'profile-merge' ? outcome : expect.fail(outcome.kind) };
  }
  /** All of it, the parts in an order of its own. */
  async function profiledInParts(task: IngestTask): Promise<{ profile: DatasetProfile; partCount: number }> {
    const { outcome, parts } = await registered(task);
    const pass = async (first?: ProfileState): Promise<ProfileState[]> => {
      const states: ProfileState[] = [];
      for (const planned of parts.toReversed())
        states.unshift(await state(first === undefined ? planned : { ...planned, first }));
      return states;
    };
    const { run, outcome: after }: { run: Awaited<ReturnType<typeof merged>>['run']; outcome: ProfileMergeOutcome } =
      await merged(merging(outcome, await pass()));
    expect(after.profile).to.equal(undefined);
    const first = sealed(run);
    const { run: last, outcome: done } = await merged({ ...merging(outcome, await pass(first)), first });
    expect(last.told.log).to.deep.equal([`${ROWS} rows profiled in ${parts.length} parts`]);
    expect(last.told.progress.at(-1)).to.include({ fraction: 1, message: `${parts.length} of ${parts.length} parts` });
    return { profile: done.profile ?? expect.fail('no profile'), partCount: parts.length };
  }

  before(async () => {
    const cluster = await sharedHadoopCluster('plain');
    const flags = { 'objectStore.driver': 'file', 'hadoop.confDir': cluster.confDir, 'hadoop.user': 'alice' };
    bench = await openWorkbench(flags);
    lines = tableLines();
    const [header = '', ...rows] = lines;
    const text = (from: number, to: number): string => `${[header, ...rows.slice(from, to)].join('\n')}\n`;
    writeFileSync(local('all.csv'), text(0, ROWS));
    for (const [name, from, to] of [
      ['0.parquet', 0, 5_000],
      ['1.parquet', 5_000, 5_500],
      ['2.parquet', 5_500, ROWS],
    ] as const) {
      await bench.context.duckdb.execute(
        `COPY (SELECT * FROM read_csv('${local('all.csv')}', parallel = false) OFFSET ${from} LIMIT ${to - from})
         TO '${local('part')}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
      );
      await put(readFileSync(local('part')), name);
    }
    await put(text(0, 4_000), '0.csv');
    await put(gzipSync(text(4_000, 4_100)), '1.csv.gz');
    await put(text(4_100, ROWS).replaceAll('\n', '\r\n'), '2.csv');
  });
  after(() => bench.close());

  for (const [format, files, count] of [
    ['parquet', ['0.parquet', '1.parquet', '2.parquet'], 9],
    ['csv', ['0.csv', '1.csv.gz', '2.csv'], 3],
  ] as const)
    it(`are those of one task, and the same to the last bit each time: ${format}`, async () => {
      const task = await taskOf(format, files);
      const whole = profiledOutcome(await runIngest(bench.run(task))).profile;
      const { profile, partCount } = await profiledInParts(task);
      expect(partCount).to.equal(count);
      expect(profile.sampleRows).to.deep.equal(whole.sampleRows);
      expect(profile.distinctValues).to.deep.equal(whole.distinctValues);
      expect(profile.timeCounts).to.deep.equal(whole.timeCounts);
      expect(profile.features.length).to.equal(whole.features.length);
      for (const [position, expected] of whole.features.entries()) {
        const found = profile.features[position];
        const { mean, std, quantiles, uniqueCount, topValues, warnings, ...exact } = expected;
        expect(found).to.deep.include(exact);
        // Sums depend on how rows are cut up, in their last digits.
        for (const [sum, other] of [
          [mean, found?.mean],
          [std, found?.std],
        ] as const)
          if (sum === null) expect(other).to.equal(null);
          else expect(other).to.be.closeTo(sum, 1e-12 * Math.abs(sum));
        if (exact.uniqueIsEstimate) expect(found?.uniqueCount).to.be.closeTo(uniqueCount, 0.03 * uniqueCount);
        else expect(found).to.deep.include({ uniqueCount, topValues });
        expect(found?.warnings.map(({ code }) => code)).to.deep.equal(warnings.map(({ code }) => code));
        expect(found?.quantiles === null).to.equal(quantiles === null);
      }
      // Of the key the rank of a value is known: two sketches of 0.14 % each.
      const [key] = profile.features;
      for (const [name, share] of [
        ['p05', 0.05],
        ['p50', 0.5],
        ['p95', 0.95],
      ] as const)
        expect(((key?.quantiles?.[name] ?? NaN) - 1_000) / ROWS).to.be.closeTo(share, 0.003);
      const codes = profile.features.flatMap(({ warnings }) => warnings.map(({ code }) => code));
      expect(codes).to.include(format === 'csv' ? 'DUPLICATE_NAME' : 'OUTLIERS');
      expect(JSON.stringify((await profiledInParts(task)).profile)).to.equal(JSON.stringify(profile));
    });

  it('read no file but their own, and name the one that has changed', async () => {
    const names = ['a.parquet', 'b.parquet'];
    for (const [index, name] of names.entries()) {
      await bench.context.duckdb.execute(
        `COPY (SELECT * FROM range(${index * 2_000}, ${(index + 1) * 2_000}) t(x), range(2) u(y)) TO '${local('part')}' (FORMAT parquet)`,
      );
      await put(readFileSync(local('part')), name);
    }
    const { parts } = await registered(await taskOf('parquet', names));
    expect(parts.map(({ table }) => table.inPlaceFiles?.length)).to.deep.equal([1, 1]);
    await put(readFileSync(local('part')), 'a.parquet');
    const [first, last] = parts;
    if (first === undefined || last === undefined) expect.fail('two parts');
    const changed = await appErrorOf('DATASET_CHANGED', () => state(first));
    expect(changed.message).to.include(`${FOLDER}/a.parquet`);
    expect(await state(last))
      .to.have.property('sizeBytes')
      .greaterThan(100);
    await put(readFileSync(local('part')).subarray(0, 500), 'b.parquet');
    const cut = await appErrorOf('DATASET_CHANGED', () => state(last));
    expect(cut.message).to.include(`${FOLDER}/b.parquet`);
  });

  it('refuse what a part did not leave so, and parts that are not all', async () => {
    const { outcome, parts } = await registered(await taskOf('parquet', ['0.parquet', '2.parquet']));
    const states: ProfileState[] = [];
    for (const planned of parts) states.push(await state(planned));
    const [one, ...others] = states;
    if (one === undefined) expect.fail('no part');
    const few = await appErrorOf('DATA_READ_TRUNCATED', () => merged(merging(outcome, others)));
    expect(few.message).to.match(/expected 8500 rows; its parts have \d+/);

    const altered = Buffer.from(await bench.context.store.readAll(one.path, { maxBytes: 1e7 }));
    const digit = altered.indexOf('"rowCount":') + '"rowCount":'.length;
    altered[digit] = altered[digit] === 0x39 ? 0x38 : 0x39;
    const spoilt = { ...one, path: 'profiles/other/1-x/state.ndjson' };
    await bench.context.store.write(spoilt.path, altered);
    const damaged = await appErrorOf('RESULT_MISMATCH', () => merged(merging(outcome, [spoilt, ...others])));
    expect(damaged.message)
      .to.include(spoilt.path)
      .and.match(/bytes that differ/);
    const cut = { ...one, path: 'profiles/other/2-x/state.ndjson' };
    await bench.context.store.write(cut.path, altered.subarray(0, 2_000));
    const short = await appErrorOf('RESULT_MISMATCH', () => merged(merging(outcome, [cut, ...others])));
    expect(short.message)
      .to.include(cut.path)
      .and.match(/cannot be read/);
  });

  it('of categories alone need one pass', async () => {
    await bench.context.duckdb.execute(
      `COPY (SELECT ['red', 'green', 'blue'][1 + x % 3] AS colour, 'shade ' || (x % 40) AS shade FROM range(20000) t(x))
       TO '${local('part')}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
    );
    await put(readFileSync(local('part')), 'colours.parquet');
    const task = await taskOf('parquet', ['colours.parquet']);
    const whole = profiledOutcome(await runIngest(bench.run(task))).profile;
    const { outcome, parts } = await registered(task);
    const states: ProfileState[] = [];
    for (const planned of parts) states.push(await state(planned));
    const { run, outcome: done } = await merged(merging(outcome, states));
    expect(done.profile).to.deep.equal(whole);
    expect(run.attempt.files).to.deep.equal([]);
  });

  it('are not made of a table that is one part', async () => {
    const task = await taskOf('parquet', ['1.parquet']);
    const outcome = profiledOutcome(await runIngest(bench.run({ ...task, parts: PARTS })));
    expect(outcome).to.not.have.property('columnWarnings');
    expect(outcome.profile).to.deep.equal(profiledOutcome(await runIngest(bench.run(task))).profile);
  });
});
