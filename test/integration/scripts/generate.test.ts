import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { DuckDb } from '#tables';
import type { TableManifest } from '../../../scripts/lib/generate/write-table.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

const USAGE_EXIT = 64;
const MEMORY_BYTES = 512 * 1024 ** 2;

describe('scripts/bench/generate', () => {
  let folder = '';
  const at = (name: string): string => path.join(folder, name);

  const generate = (...words: string[]) =>
    spawnSync(path.join(REPOSITORY_ROOT, 'scripts/bench/generate'), words, { encoding: 'utf8' });

  const made = (name: string, ...words: string[]): TableManifest => {
    const { status, stderr } = generate(at(name), '--rows', '6000', ...words);
    expect(status, stderr).to.equal(0);
    return JSON.parse(readFileSync(path.join(at(name), 'manifest.json'), 'utf8')) as TableManifest;
  };

  async function query(sql: string) {
    const duckdb = await DuckDb.open({
      ...{
        memoryLimitBytes: MEMORY_BYTES,
        threads: 1,
        tempDirectory: at('spill'),
        tempDirectoryBytesMax: MEMORY_BYTES,
      },
      allowedDirectories: [folder],
    });
    try {
      return await duckdb.rows(sql);
    } finally {
      duckdb.close();
    }
  }

  const table = (name: string): string => `read_parquet('${at(name)}/*.parquet')`;
  const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-generate-'));
    made('one', '--files', '1');
  });

  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('makes the same rows in whatever files and by however many workers', async () => {
    const { files } = made('three', '--files', '3', '--workers', '3');
    expect(files.map(({ rowCount }) => rowCount)).to.deep.equal([2_000, 2_000, 2_000]);
    for (const [from, to] of [
      ['one', 'three'],
      ['three', 'one'],
    ] as const)
      expect(await query(`SELECT count(*) FROM (FROM ${table(from)} EXCEPT ALL FROM ${table(to)})`)).to.deep.equal([
        [0n],
      ]);
    made('again', '--files', '3', '--workers', '1');
    for (const { name } of files)
      expect(sha256(path.join(at('again'), name))).to.equal(sha256(path.join(at('three'), name)));
  });

  it('makes other rows of another seed, and begins a wider table with the columns of a narrower one', async () => {
    made('other', '--files', '1', '--seed', '2');
    expect(
      await query(`SELECT count(*) FROM ${table('one')} a JOIN ${table('other')} b USING (row_id, measure_1)`),
    ).to.deep.equal([[0n]]);
    const { columns } = made('narrow', '--files', '1', '--columns', '7');
    expect(columns).to.have.length(7);
    const names = columns.join(', ');
    expect(
      await query(
        `SELECT count(*) FROM (SELECT ${names} FROM ${table('one')} EXCEPT ALL SELECT ${names} FROM ${table('narrow')})`,
      ),
    ).to.deep.equal([[0n]]);
  });

  it('holds numbers, categories of few and many levels, dates, flags, texts and missing cells', async () => {
    const [row = []] = await query(
      `SELECT count(*), min(row_id), max(row_id), avg(measure_1), var_pop(measure_1), count(DISTINCT code_2), count(DISTINCT code_11),
        min(day_6) >= DATE '2015-01-01' AND max(day_6) < DATE '2026-01-01', avg(flag_9::INTEGER), min(len(string_split(note_10, ' '))),
        max(len(string_split(note_10, ' '))), 1 - count(measure_3) / count(*), 1 - count(day_6) / count(*), 1 - count(flag_9) / count(*)
        FROM ${table('one')}`,
    );
    const [count, first, last, mean, variance, few, many, isDated, flags, wordsMin, wordsMax, ...missing] =
      row.map(Number);
    expect([count, first, last, few, isDated, wordsMin, wordsMax]).to.deep.equal([6_000, 0, 5_999, 5, 1, 4, 12]);
    expect(mean).to.be.closeTo(0, 0.05);
    expect(variance).to.be.closeTo(1, 0.06);
    expect(many).to.be.within(3_000, 5_500);
    expect(flags).to.be.closeTo(300 / 1_024, 0.03);
    for (const [index, share] of [20, 100, 300].entries()) expect(missing[index]).to.be.closeTo(share / 1_024, 0.02);
  });

  it('draws the columns apart from each other', async () => {
    const names = ['measure_1', 'measure_7', 'measure_12', 'ln(amount_4)', 'share_14', 'count_8'];
    const pairs = names.flatMap((a, index) =>
      names.slice(index + 1).map((b) => `corr(${a}, ${b}), corr(abs(${a}), abs(${b}))`),
    );
    const [found = []] = await query(`SELECT ${pairs.join(', ')} FROM ${table('one')}`);
    // Four standard errors of 6,000 rows, cells that are missing left out.
    for (const value of found) expect(Math.abs(Number(value))).to.be.lessThan(0.06);
    expect(found).to.have.length(30);
  });

  it('draws by a hash that stays as it is', async () => {
    const cells = 'measure_1::VARCHAR, code_2, amount_4, code_11, note_10, day_6::VARCHAR, target';
    expect(await query(`SELECT ${cells} FROM ${table('one')} WHERE row_id = 4711`)).to.deep.equal([
      ['0.35915546692813743', 'L0', 54.93, 'L0', 'osdel lunty kojem hagir girmi baty haba miha miko', '2025-08-15', 0],
    ]);
  });

  it('has a signal of which it tells how much of it a model can find', async () => {
    const { bestAuc, targetShare } = made('one', '--files', '1');
    expect(bestAuc).to.be.within(0.75, 0.9);
    expect(await query(`SELECT avg(target) FROM ${table('one')}`)).to.deep.equal([[targetShare]]);
    const [[low = 0, high = 0] = []] = await query(
      `SELECT avg(target) FILTER (measure_1 < -1), avg(target) FILTER (measure_1 > 1) FROM ${table('one')}`,
    );
    expect(Number(high) - Number(low)).to.be.greaterThan(0.1);
  });

  it('goes on where a run was ended, and leaves whole files alone', () => {
    const place = path.join(at('three'), 'part-00001.parquet');
    const kept = path.join(at('three'), 'part-00000.parquet');
    const wanted = sha256(place);
    const { mtimeMs } = statSync(kept);
    rmSync(place);
    writeFileSync(`${place}.partial`, 'half of it');
    made('three', '--files', '3');
    expect(sha256(place)).to.equal(wanted);
    expect(statSync(kept).mtimeMs).to.equal(mtimeMs);
    expect(readdirSync(at('three')).filter((name) => name.endsWith('.partial'))).to.deep.equal([]);
  });

  it('refuses a folder of another table, and options that it cannot read, by name', () => {
    const other = generate(at('one'), '--rows', '6000', '--files', '1', '--seed', '9');
    expect(other.status).to.equal(USAGE_EXIT);
    expect(other.stderr).to.include('holds another table').and.to.include('"seed":9');
    for (const [words, found] of [
      [['--rows', '0'], '--rows: expected a whole number from 1'],
      [['--rows', 'many'], 'found many'],
      [['--rows', '10', '--columns', '2001'], '--columns: expected a whole number from 1 to 2000'],
      [['--rows', '10', '--files', '11'], '--files: expected a whole number from 1 to 10'],
      [['--row', '10'], "Unknown option '--row'"],
      [[], '--rows: expected a number of rows'],
    ] as const) {
      const { status, stderr } = generate(at('bad'), ...words);
      expect(status, words.join(' ')).to.equal(USAGE_EXIT);
      expect(stderr).to.include(found);
    }
    expect(existsSync(at('bad'))).to.equal(false);
  });
});
