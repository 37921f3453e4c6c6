import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { AppError, Dataset, Job, type DatasetProfile, type IngestTask, type TaskOutcome } from '#contracts';
import { findProfile, findStoredTable, objectReferences, rawRows, SCHEMA_VERSION } from '#store';
import { localCompute } from '../../../appserver/server/pools/index.ts';
import { startIngest } from '../../../appserver/server/services/datasets.ts';
import { COLUMNS, Household } from '../../support/household.ts';
import { profileOf } from '../../support/modelling-task.ts';
import { createDatabase } from '../../support/postgres.ts';

/** 120 cells of a table of 60 rows. */
const SIZES = { cellsMin: 40, countMax: 8 };
const PARTS = 3;
const FILES = Array.from({ length: 4 }, (_, index) => ({ path: `/t/${index}`, sizeBytes: 100, modifiedAt: 7 }));
const INPUT: IngestTask['input'] = { type: 'hdfs', format: 'parquet', files: FILES };
/** Attempts and waits; three attempts at a part are charged. */
const REFUSED_MAX = 100;
/** The longest that an attempt stands back; `Household` sets it. */
const BACKOFF_MS = 20;

for (const client of ['sqlite', 'postgres'] as const)
  describe(`profiles in parts on ${client}`, function () {
    this.timeout(120_000);
    let house: Household;
    let userId = '';
    let count = 0;
    before(async () => {
      house = await Household.open(client === 'postgres' ? await createDatabase() : null);
      const [user] = await rawRows<{ id: string }>(house.database, "select id from users where name = 'ann'");
      userId = user?.id ?? '';
    });
    after(() => house.close());
    afterEach(() => house.empty());

    /** As the REST API begins it for files in HDFS. */
    async function start(input = INPUT, sizes = SIZES): Promise<{ readonly id: string; readonly jobId: string }> {
      count += 1;
      const caller = { userId, userName: 'ann', role: 'user', scopes: [], keyId: null, expiresAt: null } as const;
      const dataset = { name: 'd', source: { type: 'hdfs' }, uploadPath: null, input, options: {} };
      const id = `ds_parts${count}`;
      const job = await house.database.transaction((trx) =>
        startIngest(trx, localCompute, caller, { id, ...dataset }, sizes),
      );
      return { id, jobId: job.id };
    }
    const states = async (jobId: string): Promise<string[]> =>
      (
        await rawRows<{ kind: string; state: string }>(
          house.database,
          'select kind, state from task where job_id = ? order by job_position',
          [jobId],
        )
      ).map(({ kind, state }) => `${kind} ${state}`);
    /** What the tasks that profile ask of their worker. */
    const forecastsOf = async (jobId: string): Promise<unknown[]> =>
      (
        await rawRows<{ bytes: number | null }>(
          house.database,
          "select distinct memory_bytes as bytes from task where job_id = ? and kind <> 'ingest'",
          [jobId],
        )
      ).map(({ bytes }) => bytes);
    const jobOf = (jobId: string): Promise<Job> => house.api.get(`/jobs/${jobId}`, Job);
    const datasetOf = (id: string): Promise<Dataset> => house.api.get(`/datasets/${id}`, Dataset);
    const stateObjects = async (): Promise<string[]> =>
      (await house.objects()).filter((path) => path.startsWith('profiles/'));
    const steps = async (tasks: number): Promise<void> => {
      for (let task = 0; task < tasks; task += 1) expect(await house.worker.workOnce(), `task ${task}`).to.be.true;
    };
    /** All attempts leave something else, until the job has failed: while one of them stands back, another part has its turn. */
    async function refused(
      jobId: string,
      alter: (outcome: TaskOutcome) => TaskOutcome,
      files?: readonly string[],
    ): Promise<Job> {
      for (let turn = 0; turn < REFUSED_MAX; turn += 1) {
        const job = await jobOf(jobId);
        if (job.state === 'failed') return job;
        const found = await house.worker.workOnce(({ files: made, outcome }) => ({
          files: files === undefined ? made : files.map((name) => [name, Buffer.from('{}')] as const),
          outcome: alter(outcome),
        }));
        if (!found) await delay(BACKOFF_MS);
      }
      throw new Error(`job ${jobId} has not failed after ${REFUSED_MAX} attempts`);
    }

    it('are made by two passes over each part, and the job ends with the second merge', async () => {
      const { id, jobId } = await start();
      await steps(1);
      expect(await states(jobId)).to.deep.equal([
        'ingest SUCCEEDED',
        ...Array.from({ length: PARTS }, () => 'profile-part READY'),
      ]);
      expect((await jobOf(jobId)).progress).to.include({ fraction: 0.1, message: 'first pass: 0 of 3 parts' });
      expect(await datasetOf(id)).to.include({ state: 'ingesting', rowCount: null });
      await steps(1);
      expect((await jobOf(jobId)).progress).to.include({ phase: 'profiling', message: 'first pass: 1 of 3 parts' });
      await steps(PARTS - 1);
      expect((await states(jobId)).at(-1)).to.equal('profile-merge READY');
      await steps(1);
      const job = await jobOf(jobId);
      expect(job).to.include({ state: 'running' });
      expect(job.progress).to.include({ fraction: 0.65, message: 'second pass: 0 of 3 parts' });
      await steps(2);
      await house.expectExact('in the second pass');
      const named = (await Array.fromAsync(objectReferences(house.database, SCHEMA_VERSION))).map(({ path }) => path);
      expect(named.sort(), 'a backup has what is needed to go on').to.deep.equal(await stateObjects());
      expect(named).to.have.length(PARTS + 1 + 2);
      await steps(2);
      expect(await house.worker.workOnce()).to.be.false;
      const [forecast, ...others] = await forecastsOf(jobId);
      expect(forecast, 'all parts and merges have the same forecast').to.be.above(0);
      expect(others).to.deep.equal([]);
      expect(await states(jobId)).to.deep.equal([
        'ingest SUCCEEDED',
        ...Array.from({ length: PARTS }, () => 'profile-part SUCCEEDED'),
        'profile-merge SUCCEEDED',
        ...Array.from({ length: PARTS }, () => 'profile-part SUCCEEDED'),
        'profile-merge SUCCEEDED',
      ]);
      await house.api.succeeded(await jobOf(jobId));
      expect(await datasetOf(id)).to.include({ state: 'ready', rowCount: 60, featureCount: 2, sizeBytes: 400 });
      const table = await findStoredTable(house.database, id);
      expect(table?.inPlaceFiles).to.deep.equal(FILES.map((file) => ({ ...file, rowCount: 15 })));
      // As few rows as sketches keep: exact but for the last digits of sums.
      const exact = ({ features, ...rest }: DatasetProfile) => ({
        ...rest,
        features: features.map((feature) => ({ ...feature, mean: null, std: null })),
      });
      const found = await findProfile(house.database, id);
      if (found === undefined) expect.fail('no profile');
      expect(exact(found)).to.deep.equal(exact(await profileOf(COLUMNS)));
      await house.expectExact('at the end');
      expect(await stateObjects()).to.deep.equal([]);
    });

    it('are asked for only of files that may have two parts', async () => {
      const small = { ...INPUT, files: FILES.map((file) => ({ ...file, sizeBytes: 19 })) };
      const others = [
        await start(small),
        await start(INPUT, { ...SIZES, countMax: 1 }),
        await start({ type: 'hdfs', format: 'csv', files: FILES }),
        await start({ type: 'upload', objectPath: 'uploads/x/1', fileName: 'x.csv' }),
      ];
      const asked = await start();
      const withParts = await rawRows<{ spec: string }>(house.database, "select spec from task where state = 'READY'");
      expect(withParts).to.have.length(others.length + 1);
      const parts = withParts.flatMap(({ spec }) => (JSON.parse(spec) as IngestTask).parts ?? []); // ingest tasks
      expect(parts).to.deep.equal([SIZES]);
      for (const { jobId } of [...others, asked]) await house.api.call('DELETE', `/jobs/${jobId}`, 200, Job);
    });

    it('end with the reason of a part that fails for good', async () => {
      const { id, jobId } = await start();
      await steps(2);
      await house.worker.failOnce(new AppError('DATASET_CHANGED', 'File /t/2: it has changed'));
      await house.api.failed(await jobOf(jobId), { status: 409, code: 'DATASET_CHANGED', says: [/\/t\/2/] });
      expect(await states(jobId)).to.deep.equal([
        'ingest SUCCEEDED',
        'profile-part SUCCEEDED',
        'profile-part FAILED',
        'profile-part CANCELLED',
      ]);
      expect(await datasetOf(id)).to.deep.include({ state: 'failed' });
      expect((await datasetOf(id)).error).to.include({ code: 'DATASET_CHANGED' });
      await house.expectExact('after a failure');
      expect(await stateObjects()).to.deep.equal([]);
    });

    for (const [what, before] of [
      ['a pass', 2],
      ['a merge', 1 + PARTS],
    ] as const)
      it(`end when they are cancelled before ${what}`, async () => {
        const { id, jobId } = await start();
        await steps(before);
        expect((await house.api.call('DELETE', `/jobs/${jobId}`, 200, Job)).state).to.equal('cancelled');
        expect((await states(jobId)).filter((state) => !/SUCCEEDED|CANCELLED/.test(state))).to.deep.equal([]);
        expect((await datasetOf(id)).error).to.include({ code: 'JOB_CANCELLED' });
        expect(await house.worker.workOnce()).to.be.false;
        await house.expectExact('after a cancellation');
        expect(await stateObjects()).to.deep.equal([]);
      });

    const refusals: readonly (readonly [
      what: string,
      before: number,
      alter: (outcome: TaskOutcome) => TaskOutcome,
      says: RegExp,
      files?: readonly string[],
    ])[] = [
      [
        'a part of another pass',
        1,
        (outcome) => ({ ...outcome, pass: 'second' }) as TaskOutcome,
        /the first pass; found/,
      ],
      ['a part of more rows than the table', 1, (outcome) => ({ ...outcome, rowCount: 61 }), /61 rows in 60/],
      ['a part without a file', 1, (outcome) => outcome, /expected the file state\.ndjson/, []],
      ['a part of two files', 1, (outcome) => outcome, /and no other/, ['state.ndjson', 'more.ndjson']],
      ['first passes put together without a file', 1 + PARTS, (outcome) => outcome, /expected the file/, []],
      ['no profile at the end', 2 + 2 * PARTS, () => ({ kind: 'profile-merge' }), /expected one after the second pass/],
      [
        'a profile of other features',
        2 + 2 * PARTS,
        (outcome) => JSON.parse(JSON.stringify(outcome).replaceAll('"name":"x"', '"name":"z"')) as TaskOutcome, // altered
        /not the columns of the table/,
      ],
    ];
    for (const [what, before, alter, says, files] of refusals)
      it(`refuse ${what}`, async () => {
        const { jobId } = await start();
        await steps(before);
        await refused(jobId, alter, files);
        const [task] = await rawRows<{ problem: string }>(
          house.database,
          "select problem from task where job_id = ? and state = 'FAILED'",
          [jobId],
        );
        expect(task?.problem).to.match(says);
      });

    it('refuse a table that was only registered where no parts were asked for', async () => {
      const { jobId } = await start({ ...INPUT, files: FILES.map((file) => ({ ...file, sizeBytes: 1 })) });
      const columns = { rowCount: 60, columns: [], files: [] };
      const inPlaceFiles = FILES.map((file) => ({ ...file, sizeBytes: 1, rowCount: 15 }));
      const table = { ...columns, inPlaceFiles };
      const alter = (): TaskOutcome => ({ kind: 'ingest', table, columnWarnings: [], warnings: [], sizeBytes: 4 });
      const { error } = await refused(jobId, alter, []);
      expect(JSON.stringify(error)).to.match(/profile: expected one; found none/);
    });
  });
