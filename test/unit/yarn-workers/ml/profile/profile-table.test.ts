import { expect } from 'chai';
import { DatasetProfile, parse, type BatchSource, type FeatureProfile } from '#contracts';
import { profileTable } from '#ml';
import { createRandom } from '#statistics';
import { appErrorOf } from '../../../../support/expect-error.ts';
import {
  booleanRule,
  dateRule,
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../support/memory-table.ts';
import { mixedTable } from '../../../../support/mixed-table.ts';
import { profileOf } from '../../../../support/modelling-task.ts';

async function featureOf(cells: readonly (string | null)[], rule = numberRule, name = 'f'): Promise<FeatureProfile> {
  const [feature] = (await profileOf([{ name, cells, parse: rule }])).features;
  if (feature === undefined) throw new Error('no feature');
  return feature;
}

const codes = (feature: FeatureProfile): string[] => feature.warnings.map(({ code }) => code);
const times = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));

describe('ml profile', () => {
  it('counts exactly, whatever the batch size, and fits its schema', async () => {
    const table = mixedTable(3_000);
    const first = await profileOf(table, 3_000);
    const withoutSums = (profile: DatasetProfile) => ({
      ...profile,
      features: profile.features.map((feature) => ({ ...feature, mean: null, std: null })),
    });
    for (const batchRows of [1, 7, 1_000]) {
      const other = await profileOf(table, batchRows);
      expect(withoutSums(other)).to.deep.equal(withoutSums(first));
      // Moments are merged block by block, so their last digits may depend on the blocks.
      for (const [index, { mean, std }] of first.features.entries()) {
        if (mean !== null) expect(other.features[index]?.mean).to.be.closeTo(mean, 1e-12 * Math.abs(mean));
        if (std !== null) expect(other.features[index]?.std).to.be.closeTo(std, 1e-12 * std);
      }
    }
    parse(DatasetProfile, JSON.parse(JSON.stringify(first)), 'profile');
    const x = table.find(({ name }) => name === 'x');
    const values = (x?.cells ?? []).flatMap((cell) =>
      cell === null || cell === '' || cell === 'NA' ? [] : [Number(cell)],
    );
    const feature = first.features.find(({ name }) => name === 'x');
    expect(feature).to.include({
      type: 'numeric',
      missingCount: 3_000 - values.length,
      min: Math.min(...values),
      max: Math.max(...values),
    });
    expect(feature?.mean).to.be.closeTo(values.reduce((sum, value) => sum + value, 0) / values.length, 1e-12);
    expect(feature?.histogram?.counts.reduce((sum, count) => sum + count, 0)).to.equal(values.length);
    expect(feature?.quantiles?.p50).to.be.closeTo(values.sort((a, b) => a - b)[values.length >> 1] ?? 0, 0.05);
    expect(first.sampleRows).to.have.length(1_000);
    expect(first.sampleRows[7]).to.deep.equal(table.map(({ cells }) => cells[7]));
  });

  it('infers types by its rules', async () => {
    const random = createRandom(1);
    expect((await featureOf(times(300, (i) => String(i % 2)))).type).to.equal('numeric');
    expect((await featureOf(times(300, (i) => ['1', '2', '3'][i % 3] ?? ''))).type).to.equal('numeric');
    expect((await featureOf(times(300, (i) => String(i)))).type).to.equal('id');
    expect((await featureOf(times(300, (i) => String(300 - i)))).type, 'dense').to.equal('id');
    expect((await featureOf(times(300, () => String(random.uniform())))).type).to.equal('numeric');
    expect((await featureOf(times(300, (i) => (i === 0 ? null : String(i))))).type, 'an id is never missing').to.equal(
      'numeric',
    );
    expect((await featureOf(times(60, (i) => String(i * 1_000)))).type, 'few rows prove nothing').to.equal('numeric');
    expect(
      (
        await featureOf(
          times(300, (i) => (i % 2 === 0 ? 'TRUE' : 'false')),
          booleanRule,
        )
      ).type,
    ).to.equal('boolean');
    expect(
      (
        await featureOf(
          times(300, (i) => ['true', 'false', 'maybe'][i % 3] ?? ''),
          booleanRule,
        )
      ).type,
    ).to.equal('categorical');
    expect(
      (
        await featureOf(
          times(300, (i) => `2020-01-${String(1 + (i % 28)).padStart(2, '0')}`),
          dateRule,
        )
      ).type,
    ).to.equal('date');
    expect(
      (
        await featureOf(
          times(300, (i) => `user-${i}`),
          textRule,
        )
      ).type,
    ).to.equal('id');
    expect(
      (
        await featureOf(
          times(300, (i) => `this is the free text number ${i}`),
          textRule,
        )
      ).type,
    ).to.equal('text');
    expect(
      (
        await featureOf(
          times(300, (i) => `level ${i % 9}`),
          textRule,
        )
      ).type,
    ).to.equal('categorical');
    expect(
      (
        await featureOf(
          times(300, () => 'one'),
          textRule,
        )
      ).type,
    ).to.equal('constant');
    expect(
      (
        await featureOf(
          times(300, () => null),
          textRule,
        )
      ).type,
    ).to.equal('constant');
  });

  it('warns with what will be done', async () => {
    expect(codes(await featureOf(times(50, () => null)))).to.deep.equal(['ALL_MISSING']);
    expect(codes(await featureOf(times(50, () => '7')))).to.deep.equal(['CONSTANT']);
    expect(codes(await featureOf(times(200, (i) => String(i))))).to.deep.equal(['ID_LIKE']);
    const text = await featureOf(
      times(300, (i) => `this is the free text number ${i}`),
      textRule,
    );
    expect(text.warnings).to.have.length(1);
    expect(text.warnings[0]).to.include({ code: 'TEXT' });
    expect(text.warnings[0]?.handling).to.contain('words');
    expect(codes(await featureOf(times(50, (i) => (i % 5 === 0 ? String(i % 3) : 'NA'))))).to.deep.equal([
      'HIGH_MISSING',
    ]);
    expect(
      codes(
        await featureOf(
          times(5_000, (i) => `v${i % 2_000}`),
          textRule,
        ),
      ),
    ).to.deep.equal(['HIGH_CARDINALITY']);
    const infinite = await featureOf([...times(50, (i) => String(i % 7)), 'inf', '-Infinity']);
    expect(codes(infinite)).to.deep.equal(['INFINITE_VALUES']);
    expect(infinite).to.include({ infiniteCount: 2, min: 0, max: 6 });
    for (const warning of infinite.warnings) expect(warning.handling).to.match(/\.$/);
  });

  it('keeps exact texts of few values in order of appearance, of numbers too', async () => {
    const cells = times(40, (i) => ['2.0', '10', null, '2', ' 7', 'NA'][i % 6] ?? null);
    const { distinctValues, features } = await profileOf([{ name: 'n', cells, parse: numberRule }]);
    expect(distinctValues[0]).to.deep.equal([
      { value: '2.0', count: 7 },
      { value: '10', count: 7 },
      { value: '2', count: 7 },
      { value: ' 7', count: 6 },
    ]);
    expect(features[0]).to.include({ uniqueCount: 3, missingCount: 13, uniqueIsEstimate: false });
    const many = await profileOf([{ name: 'n', cells: times(1_500, (i) => `t${i % 1_001}`), parse: textRule }]);
    expect(many.distinctValues[0]).to.equal(null);
    expect(many.features[0]?.uniqueCount).to.equal(1_001);
    const all = await profileOf([{ name: 'n', cells: times(1_500, (i) => `t${i % 1_000}`), parse: textRule }]);
    expect(all.distinctValues[0]).to.have.length(1_000);
    const spelled = await profileOf([
      { name: 'b', cells: times(30, (i) => ['TRUE', 'true', 'False'][i % 3] ?? ''), parse: booleanRule },
    ]);
    expect(spelled.features[0]).to.include({ uniqueCount: 2, type: 'boolean' });
    expect(spelled.distinctValues[0]).to.have.length(3);
  });

  it('shows the most frequent values first', async () => {
    const { topValues } = await featureOf(
      times(1_000, (i) => `v${Math.floor(Math.sqrt(i))}`),
      textRule,
    );
    expect(topValues).to.have.length(20);
    expect(topValues[0]).to.deep.equal({ value: 'v30', count: 61 });
    expect(topValues[1]).to.deep.equal({ value: 'v29', count: 59 });
  });

  it('reads columns of endless texts as texts, in bounded memory, and estimates', async () => {
    const rowCount = 120_000;
    const source = generated(rowCount, (row) => `key ${(row * 2654435761) % 4294967296}`);
    const column: MemoryColumn = { name: 'k', cells: [], parse: textRule };
    const table = { ...storedTable([column]), rowCount };
    const views: string[] = [];
    const spied: BatchSource = {
      ...source,
      batches: (request, signal) => (views.push(...request.map(({ view }) => view)), source.batches(request, signal)),
    };
    const { features, distinctValues } = await profileTable(table, spied);
    expect(views).to.deep.equal(['text', 'text']);
    expect(features[0]).to.include({ uniqueIsEstimate: true, type: 'id', missingCount: 0 });
    expect(features[0]?.uniqueCount).to.be.within(0.97 * rowCount, 1.03 * rowCount);
    expect(distinctValues[0]).to.equal(null);
  });

  it('turns to texts when a dictionary that began small has no end', async () => {
    const rowCount = 130_000;
    const source = generated(rowCount, (row) => (row < 5_000 ? `level ${row % 10}` : `key ${row}`));
    const views: string[] = [];
    const spied: BatchSource = {
      ...source,
      batches: (request, signal) => (views.push(...request.map(({ view }) => view)), source.batches(request, signal)),
    };
    const { features } = await profileTable(
      { ...storedTable([{ name: 'k', cells: [], parse: textRule }]), rowCount },
      spied,
    );
    expect(views).to.deep.equal(['text', 'dictionary', 'text']);
    expect(features[0]?.uniqueCount).to.be.within(121_000, 129_000);
  });

  it('takes a table without rows, one row, and many columns', async () => {
    const empty = await profileOf([
      { name: 'a', cells: [], parse: numberRule },
      { name: 'b', cells: [], parse: textRule },
    ]);
    expect(empty.sampleRows).to.deep.equal([]);
    expect(empty.features.map(({ type }) => type)).to.deep.equal(['constant', 'constant']);
    expect((await featureOf(['3.5'])).std).to.equal(null);
    const wide = await profileOf(
      times(3_000, (i) => ({ name: `c${i}`, cells: times(400, (row) => String(row % 3)), parse: numberRule })),
      400,
    );
    expect(wide.features).to.have.length(3_000);
    expect(wide.sampleRows).to.have.length(333);
  });

  it('gives JSON numbers only, even for the largest', async () => {
    const feature = await featureOf(['1.7e308', '-1.7e308', '1.6e308', '5e-324', '0']);
    for (const value of [feature.mean, feature.std, feature.min, feature.max])
      expect(value === null || Number.isFinite(value)).to.be.true;
    expect(feature.histogram?.edges.every(Number.isFinite)).to.be.true;
  });

  it('stops when cancelled and reports its progress', async () => {
    const controller = new AbortController();
    const fractions: number[] = [];
    const table = mixedTable(1_000);
    await profileTable(storedTable(table), memorySource(table, 100), {
      onProgress: ({ fraction }) => void fractions.push(fraction),
    });
    expect(fractions).to.deep.equal([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).to.equal(1);
    await appErrorOf('TASK_CANCELLED', () =>
      profileTable(storedTable(table), memorySource(table, 100), {
        onProgress: () => controller.abort(),
        signal: controller.signal,
      }),
    );
  });
});

/** A column `k` of texts made on the fly, in all views that texts have. */
function generated(rowCount: number, textOf: (row: number) => string): BatchSource {
  const batchRows = 5_000;
  return {
    rowCount,
    batches: async function* ([request]) {
      const dictionary: string[] = [];
      const codeOf = new Map<string, number>();
      for (let firstRow = 0; firstRow < rowCount; firstRow += batchRows) {
        const values = times(Math.min(batchRows, rowCount - firstRow), (i) => textOf(firstRow + i));
        if (request?.view === 'dictionary') {
          const codesOf = values.map((text) => {
            if (!codeOf.has(text)) codeOf.set(text, dictionary.push(text) - 1);
            return codeOf.get(text) ?? -1;
          });
          yield {
            firstRow,
            rowCount: values.length,
            columns: [{ view: 'dictionary', name: 'k', codes: Int32Array.from(codesOf), dictionary }],
          };
        } else yield { firstRow, rowCount: values.length, columns: [{ view: 'text', name: 'k', values }] };
      }
    },
  };
}
