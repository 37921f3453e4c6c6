import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { DEFAULT_INGEST_LIMITS } from '#tables';
import { ChosenCells, chosenRuns } from '../../../../../hdfs-adapter/tables/in-place/chosen-cells.ts';
import { CsvScanner } from '../../../../../hdfs-adapter/tables/ingest/csv-scanner.ts';

describe('chosen cells', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-cells-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('cuts columns where wanted ones begin and end', () => {
    const shown = (count: number, ...positions: number[]): string =>
      chosenRuns(count, new Set(positions))
        .map(({ from, to, isWanted }) => `${isWanted ? '' : '-'}${from}:${to}`)
        .join(' ');
    expect(shown(5, 1, 2, 4)).to.equal('-0:1 1:3 -3:4 4:5');
    expect(shown(3, 0, 1, 2)).to.equal('0:3');
    expect(shown(3)).to.equal('-0:3');
    expect(shown(1, 0)).to.equal('0:1');
  });

  /** The copy of a text of so many columns, in chunks of `size` bytes. */
  async function copied(text: string, columnCount: number, positions: number[], size: number): Promise<string> {
    const file = path.join(folder, 'copy.csv');
    const runs = chosenRuns(columnCount, new Set(positions));
    const sink = await ChosenCells.create({ runs, file, delimiter: ',', bytesMax: 1e9 });
    const columnNames = Array.from({ length: columnCount }, (_, at) => `c${at}`);
    const limits = DEFAULT_INGEST_LIMITS;
    const scanner = new CsvScanner({ fileName: 'x', delimiter: ',', columnNames, limits, firstLine: 1, sink });
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size));
    scanner.finish();
    await sink.close();
    return readFileSync(file, 'utf8');
  }

  it('copies the wanted cells as they are written, and the number of each record', async () => {
    const text = 'a,"b\r\n,""",c\r\nd,,f\rg,"",i\n\nj,k,l';
    for (const size of [1, 2, 3, 7, 1_000]) {
      expect(await copied(text, 3, [0, 1, 2], size)).to.equal('a,"b\r\n,""",c,0\nd,,f,1\ng,"",i,2\nj,k,l,3\n');
      expect(await copied(text, 3, [1], size)).to.equal('"b\r\n,""",0\n,1\n"",2\nk,3\n');
      expect(await copied(text, 3, [0, 2], size)).to.equal('a,c,0\nd,f,1\ng,i,2\nj,l,3\n');
      expect(await copied('x\n\n\ny\n\n', 1, [0], size)).to.equal('x,0\n,1\n,2\ny,3\n');
    }
  });

  it('counts past ten records, and is full of bytes', async () => {
    const rows = Array.from({ length: 1_234 }, (_, row) => `${row}`);
    const expected = rows.map((row) => `${row},${row}\n`).join('');
    expect(await copied(`${rows.join('\n')}\n`, 1, [0], 64)).to.equal(expected);
    const sink = await ChosenCells.create({
      ...{ runs: chosenRuns(1, new Set([0])), file: path.join(folder, 'full.csv'), delimiter: ',' },
      bytesMax: 6,
    });
    sink.append(0, Buffer.from('12'), 0, 2);
    sink.endRun(0);
    expect(sink.isFull, '12,0 and a line feed are 5 bytes').to.be.false;
    sink.append(0, Buffer.from('3'), 0, 1);
    expect(sink.isFull).to.be.true;
    await sink.discard();
  });
});
