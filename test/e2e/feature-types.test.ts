import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { FeatureProfile, Job, type Dataset, type FeatureType } from '#contracts';
import { Api, idOf } from '../support/api.ts';
import { deployed, modelled, predict, type Modelled } from '../support/modelling.ts';
import { cliArguments, sharedPlatform, type SharedPlatform } from '../support/platform.ts';
import { csvText, randomNumbers, type Cell, type SampleTable } from '../support/sample-data.ts';

/** Codes whose order says nothing of what they mean, and places that say nothing. */
const ZONES = [17, 4, 88, 23, 51, 36, 70, 9, 62, 45];

function sample(rowCount: number): SampleTable {
  const random = randomNumbers(21);
  const rows = Array.from({ length: rowCount }, (_, row): Cell[] => {
    const zone = Math.floor(random() * ZONES.length);
    const place = `${(40 + random() * 10).toFixed(3)}, ${(random() * 10).toFixed(3)}`;
    const isLate = zone % 2 === (random() < 0.05 ? 0 : 1);
    return [String(ZONES[zone]), place, String(20260101 + (row % 28)), isLate ? 'yes' : 'no'];
  });
  return { columns: ['zone', 'place', 'day', 'late'], rows };
}

describe('features with another type, from the dataset to the prediction', function () {
  this.timeout(180_000);
  let platform: SharedPlatform;
  let api: Api;
  let first: string;
  let plain: Modelled;
  const autopilot = { target: 'late', maxModels: 1, blueprints: ['linear'] };

  before(async () => {
    platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
    first = await api.dataset({ content: csvText(sample(600)), fileName: 'late.csv' });
    plain = await modelled(api, { datasetId: first }, autopilot);
  });

  /** The version of a dataset in which a feature has this type. */
  async function version(datasetId: string, feature: string, type: FeatureType): Promise<string> {
    const route = `/datasets/${datasetId}/features/${feature}`;
    const headers = { prefer: 'wait=60' };
    return idOf(await api.succeeded(await api.call('PATCH', route, 202, Job, { json: { type }, headers })));
  }
  const logLossOf = ({ board }: Modelled): number =>
    board.data.find(({ refitOf }) => refitOf === undefined || refitOf === null)?.scores.crossValidation?.['logLoss'] ??
    board.data[0]?.scores.validation?.['logLoss'] ??
    NaN;

  it('a code made categorical is modelled as one, and places made categorical have no cells', async () => {
    const second = await version(first, 'zone', 'categorical');
    const third = await version(second, 'place', 'categorical');
    const after = await modelled(api, { datasetId: third }, autopilot);
    expect(logLossOf(after), 'levels tell more than their order').to.be.lessThan(0.7 * logLossOf(plain));
    const reports = await Promise.all(
      [plain, after].map(
        async ({ modelId }) => (await api.request('GET', `/models/${modelId}/compliance-report`)).text,
      ),
    );
    expect(reports[0])
      .to.match(/place<[^]{0,60}>geo</)
      .and.not.include('given; inferred');
    expect(reports[1])
      .to.include('categorical, given; inferred: numeric')
      .and.include('categorical, given; inferred: geo');

    // What a row of a prediction may hold is what the type can read.
    const [old, recent] = await Promise.all([plain, after].map(({ modelId }) => deployed(api, modelId)));
    const row = { zone: 'north', place: 'somewhere', day: '20260105' };
    const refused = { status: 422, code: 'CELL_UNREADABLE' } as const;
    await api.refused('POST', old?.predictionUrl ?? '', { ...refused, says: [/zone/] }, { json: row });
    await api.refused(
      'POST',
      old?.predictionUrl ?? '',
      { ...refused, says: [/place/] },
      { json: { ...row, zone: 17 } },
    );
    const { data } = await predict(api, recent?.predictionUrl ?? '', [
      row,
      { ...row, zone: 17 },
      { ...row, zone: '017.0' },
    ]);
    expect(data).to.have.length(3);
    expect(data[1]?.probabilities, 'equal numbers are one level').to.deep.equal(data[2]?.probabilities);
  });

  it('a number made a date takes dates alone', async () => {
    const dated = await version(first, 'day', 'date');
    expect((await api.get(`/datasets/${dated}/features/day`, FeatureProfile)).max).to.equal(
      Date.UTC(2026, 0, 28) / 1000,
    );
    const model = await modelled(api, { datasetId: dated }, autopilot);
    const { predictionUrl } = await deployed(api, model.modelId);
    const row = { zone: 17, place: '45.0, 5.0', day: 20260105 };
    expect((await predict(api, predictionUrl, [row, { ...row, day: '20260105' }])).data).to.have.length(2);
    const refused = { status: 422, code: 'CELL_UNREADABLE', says: [/day.*cannot be read as date/] } as const;
    await api.refused('POST', predictionUrl, refused, { json: { ...row, day: 20261340 } });
  });

  it('the command line makes versions, and says why a type is refused', () => {
    const run = (...words: string[]) =>
      spawnSync(process.execPath, cliArguments('datasets', 'set-type', ...words), {
        encoding: 'utf8',
        env: { ...process.env, TRAINYARD_URL: platform.url, TRAINYARD_API_KEY: platform.adminKey },
      });
    const made = run(first, 'zone', 'id', '--json');
    expect(made.status, made.stderr).to.equal(0);
    expect(JSON.parse(made.stdout) as Dataset).to.include({ basedOn: first, state: 'ready' });
    const same = run(first, 'zone', 'numeric');
    expect(same.stdout).to.include('zone is numeric already');
    const refused = run(first, 'place', 'numeric');
    expect(refused.status).to.equal(10);
    expect(refused.stderr).to.match(
      /"place" cannot be made numeric: \d+ of 6\d\d values .* it can be made categorical, text, id, geo/,
    );
  });
});
