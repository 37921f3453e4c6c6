import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { SHOWN_BLUEPRINTS } from '#ml';
import { renderReport, type ReportFacts } from '../../../../../appserver/server/compliance/index.ts';
import { meaningOf } from '../../../../../appserver/server/compliance/parameters.ts';
import { parameterRows } from '../../../../../appserver/server/compliance/parameter-table.ts';
import { reportFacts, type FactsOptions } from '../../../../support/report-facts.ts';
import { REPOSITORY_ROOT } from '../../../../support/repository.ts';

const STATE = '0'.repeat(64);
const render = (facts: ReportFacts): string => renderReport(facts, STATE, 'style').html;
const rendered = (options: FactsOptions = {}): string => render(reportFacts(options));
/** Text between tags, spaces as one. */
const textOf = (html: string): string => html.replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
const headingsOf = (html: string): string[] => [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, title = '']) => title);

/** Elements that have no end. */
const VOID = ['meta', 'br', 'path', 'circle', 'rect'];

/** Tags that are opened and not closed, or closed and not open. */
function badlyNested(html: string): string[] {
  const open: string[] = [];
  const bad: string[] = [];
  for (const [, slash, name = '', end] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)[^>]*?(\/?)>/g)) {
    if (slash === '' && end === '' && !VOID.includes(name)) open.push(name);
    else if (slash === '/' && open.pop() !== name) bad.push(name);
  }
  return [...bad, ...open];
}

describe('compliance report', () => {
  it('is one file that asks for nothing and runs nothing, each of its tags closed', () => {
    for (const labels of [[], ['no', 'yes'], ['a', 'b', 'c']]) {
      const html = rendered({ labels });
      expect(html.startsWith('<!doctype html>\n<html lang="en">')).to.equal(true);
      expect(badlyNested(html)).to.deep.equal([]);
      expect(html).to.not.match(/<(script|link|img|iframe|object|base|form)\b| on\w+=|url\(|https?:|style="/);
      expect(html).to.include(`content="default-src &#39;none&#39;; style-src &#39;sha256-style&#39;"`);
    }
  });

  it('has the same bytes for the same facts, whatever their keys’ order was', () => {
    const facts = reportFacts();
    const again = JSON.parse(JSON.stringify(facts)) as ReportFacts; // plain data
    expect(render(again)).to.equal(render(facts));
  });

  it('takes no name of the data for markup', () => {
    const hostile = [
      '<script>alert(1)</script>',
      '"><img src=x onerror=alert(1)>',
      "'; drop table",
      '\u202eevil',
      '&amp;',
      '{{x}}',
      '',
    ];
    const html = rendered({ features: hostile, labels: ['<b>no</b>', '"yes"'], target: '</style><script>' });
    expect(badlyNested(html)).to.deep.equal([]);
    expect(html).to.not.match(/<script|<img|<b>no/);
    expect(html).to.not.include('\u202e');
    expect(html).to.include('<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>');
    expect(html).to.include('<bdi>&amp;amp;</bdi>');
  });

  it('stays small with many features, classes and long names, and says what was left out', () => {
    const features = Array.from({ length: 500 }, (_, index) => `f${index} ${'x'.repeat(5_000)}`);
    const labels = Array.from({ length: 1_000 }, (_, index) => `class ${index} ${'y'.repeat(3_000)}`);
    const html = rendered({ features, labels });
    expect(html.length).to.be.below(300_000);
    expect(textOf(html)).to.include('Shown are 50 of 1000 rows; 950 were left out.');
    expect(textOf(html)).to.include('Shown are 150 of 500 rows; 350 were left out.');
    expect(textOf(html)).to.include('The confusion matrix of 1,000 classes is not shown');
    expect(html).to.match(/… \(50\d\d characters\)/);
  });

  it('hides the holdout while it is locked, and shows it with its standard error after that', () => {
    const facts = reportFacts();
    expect(textOf(render(facts))).to.include('The holdout is locked');
    const { model, project, answer } = facts;
    const unlocked = render({
      ...facts,
      project: { ...project, holdoutUnlockedAt: '2026-11-30T01:02:03.000Z' },
      model: { ...model, scores: { ...model.scores, holdout: { logLoss: 0.3456 } } },
      answer: { ...answer, predictions: { ...answer.predictions, holdoutError: 0.02 } },
    });
    expect(textOf(unlocked)).to.include('The holdout was unlocked at 2026-11-30 01:02:03 UTC');
    expect(textOf(unlocked)).to.include('0.346 ± 0.020');
  });

  it('says what was done about classes of different size', () => {
    const facts = reportFacts();
    expect(textOf(render(facts))).to.include('nothing was done: rows train as they are');
    const factors = facts.task.target.classes.map((_, index) => (index === 0 ? 0.25 : 1));
    const drawn = { ...facts.task, imbalance: { method: 'downsampling' as const, factors } };
    const told = textOf(render({ ...facts, task: drawn }));
    expect(told).to.match(
      /a part of the rows of a class trains: .* 0\.25\S*; others all\. Probabilities are corrected/,
    );
  });

  it('names what differs of a refit, an ensemble, a model fitted by hand, a series', () => {
    const facts = reportFacts();
    const { model, project, answer } = facts;
    const refit = textOf(render({ ...facts, model: { ...model, id: 'model_2', role: 'refit', refitOf: 'model_1' } }));
    expect(refit).to.include('All figures of this section are of the twin');
    expect(refit).to.include('The twin of this refit is number 1 of 2 by logLoss');
    const blend = {
      members: [
        { modelId: 'model_0', weight: 0.25 },
        { modelId: 'gone', weight: 0.75 },
      ],
      selectionRowCount: 160,
      gain: 0.01,
      noise: 0.002,
    };
    const ensemble = textOf(render({ ...facts, model: { ...model, role: 'ensemble', ensemble: blend } }));
    expect(ensemble).to.include('0.0100 ± 0.0020');
    expect(ensemble).to.include('none: greedy weights, which add up to 1');
    const layer = { shifts: [0.125, -2], penalty: 0.5 };
    const stacked = textOf(render({ ...facts, model: { ...model, role: 'ensemble', ensemble: { ...blend, layer } } }));
    expect(stacked).to.include('penalty 0.500; added to raw scores: 0.1250, -2');
    expect(ensemble).to.match(/of another run\s+gone/);
    const byHand = textOf(render({ ...facts, run: null }));
    expect(byHand).to.include('The model was fitted by hand, not by a run of Autopilot');
    expect(byHand).to.not.include('The run made');
    expect(textOf(render(facts))).to.include('The run made no ensemble.');
    const blended = { ...facts.peers[0], modelId: 'blend_1', role: 'ensemble' } as (typeof facts.peers)[number];
    const withPeer = (state: string): string =>
      textOf(render({ ...facts, peers: [...facts.peers, { ...blended, state }] }));
    expect(withPeer('ready')).to.match(/The run made an ensemble, +blend_1 *; see the board/);
    expect(withPeer('failed')).to.include('The run made no ensemble.');
    const window = { from: '2026-01-01T00:00:00Z', until: null, rowCount: 9 };
    const dates = {
      gapSeconds: 86_400,
      window: 'rolling' as const,
      backtests: [{ training: window, validation: window }],
      holdout: null,
      unusedRowCount: 0,
      series: { column: null, season: 'weekday' as const },
    };
    const series = textOf(
      render({
        ...facts,
        project: { ...project, partitioning: { ...project.partitioning, method: 'date', column: 'day', dates } },
        answer: {
          ...answer,
          artefact: { ...answer.artefact, steps: [{ kind: 'series-history', count: 1, features: ['age'] }] },
        },
      }),
    );
    expect(series).to.include('The model ages');
    expect(series).to.include('Backtest 1');
  });

  it('says why a model of the run failed, and which candidates were not begun', () => {
    const facts = reportFacts();
    const [peer] = facts.peers;
    if (peer === undefined || facts.run === null) throw new Error('the facts have a run with models');
    const failed = { ...peer, modelId: 'model_2', name: 'Linear', blueprintId: 'linear', state: 'failed', score: null };
    const untried = [
      { blueprintId: 'random-forest', parameters: {} },
      { blueprintId: 'lightgbm-slow', parameters: { leaves: 31, learningRate: 0.05 } },
    ];
    const html = render({
      ...facts,
      peers: [...facts.peers, { ...failed, reason: 'x <b>overflows</b> in row 3' }],
      run: { ...facts.run, untried },
    });
    expect(badlyNested(html)).to.deep.equal([]);
    const told = textOf(html);
    expect(told).to.match(/Linear +linear +failed +x &lt;b&gt;overflows&lt;\/b&gt; in row 3/);
    expect(told).to.include('2, of which 2 were not begun');
    expect(told).to.match(
      /Candidates that were not begun .* random-forest +lightgbm-slow +leaves 31, learningRate 0\.05/,
    );
    expect(textOf(render(facts))).to.not.include('not begun');
  });

  it('says what the search for leakage found beside features, and what it had no time for', () => {
    const facts = reportFacts();
    const searched = (changes: object): string =>
      textOf(
        render({
          ...facts,
          run:
            facts.run === null || facts.run.leakage === null
              ? null
              : { ...facts.run, leakage: { ...facts.run.leakage, ...changes } },
        }),
      );
    const clean = searched({ findings: [] });
    expect(clean).to.include('Nothing was found.');
    expect(clean).to.not.include('scores promise too much');
    const duplicates = {
      ...{ rowCount: 200, twinCount: 50, noise: 0, expectedShare: 0.01, isCopied: true },
      ...{ validation: { rowCount: 160, twinCount: 32 }, holdout: { rowCount: 40, twinCount: 4 } },
    };
    const copied = searched({ findings: [], duplicates });
    expect(copied).to.not.include('Nothing was found.');
    expect(copied).to.include('50 of 200 rows, 25.0 %, have an equal one, where chance would give 1.00 %');
    expect(copied).to.include('20.0 % of the validation rows one that was trained on');
    expect(searched({ findings: [], duplicates: { ...duplicates, isCopied: false } })).to.equal(clean);
    const groups = [{ column: 'shop', score: 0.4, chance: 0.01, rowCount: 160, groupCount: 12, seenShare: 0.75 }];
    const grouped = searched({ groups });
    expect(grouped).to.match(/shop +12 +0\.4000 +0\.01000 +75.0 %/);
    expect(grouped).to.match(
      /Other rows of a group tell the target \( *shop *\): of new groups scores promise too much/,
    );
    const leftOut = { rowCount: 7, featureCount: 1, groupColumnCount: 2, pairCount: 3, duplicates: true };
    expect(searched({ leftOut })).to.include(
      'Not looked at: 7 rows, 1 features, 2 columns of groups, 3 pairs, and equal rows.',
    );
    const few = searched({ rowCount: 0, findings: [] });
    expect(few).to.include('There were too few rows to look for target leakage.');
    expect(few).to.not.include('Nothing was found.');
  });

  it('says how far trees, linear leaves, products of vectors and networks go on', () => {
    const facts = reportFacts({ labels: [] });
    const { artefact } = facts.answer;
    const beyond = (kind: string): string => {
      const members = artefact.members.map((member) => ({ ...member, kind }));
      return textOf(render({ ...facts, answer: { ...facts.answer, artefact: { ...artefact, members } } }));
    };
    expect(beyond('trees')).to.include('Trees predict nothing beyond the values');
    expect(beyond('linear-trees')).to.include('Linear leaves go on beyond the range').and.not.include('Trees predict');
    expect(beyond('factorization-machine'))
      .to.include('Linear parts go on beyond the range')
      .and.include('a pair of levels that no training row has');
    expect(beyond('network'))
      .to.include('A network reads a number beyond the range')
      .and.include('No feature adds a part of its own')
      .and.not.include('Linear parts');
  });

  it('says what older programs did not record', () => {
    const facts = reportFacts();
    const { stoppedAt: _, ...parameters } = facts.answer.artefact.parameters;
    const old = textOf(
      render({
        ...facts,
        blueprint: null,
        run:
          facts.run === null
            ? null
            : { ...facts.run, leakage: null, reason: null, plan: { ...facts.run.plan, leakage: undefined } as never },
        answer: { ...facts.answer, artefact: { ...facts.answer.artefact, parameters } },
        insights: [],
      }),
    );
    expect(old).to.include('This program has no blueprint lightgbm-fast any more');
    expect(old).to.include('The run did not look for target leakage');
    expect(old).to.include('Where a deadline ended the fit is not recorded');
    expect(old).to.include('POST /api/v1/models/model_1/insights/feature-impact');
  });

  it('marks parameters that were set and those that are defaults, and knows what each means', () => {
    const { blueprint, model, answer } = reportFacts();
    const given = { defaults: blueprint?.parameters ?? {}, asked: model.parameters, used: answer.artefact.parameters };
    const rows = new Map(parameterRows(given).map((row) => [row.name, row]));
    expect(rows.get('leaves')).to.deep.equal({ name: 'leaves', value: '7', origin: 'set; default 15' });
    expect(rows.get('learningRate')).to.deep.equal({ name: 'learningRate', value: '0.20000', origin: 'default' });
    const unexplained = SHOWN_BLUEPRINTS.flatMap(({ id, parameters }) =>
      Object.keys(parameters).filter((name) => meaningOf(id, name) === null),
    );
    expect([...new Set(unexplained)]).to.deep.equal([]);
  });

  it('is what the example in examples/ was made with', () => {
    const example = readFileSync(path.join(REPOSITORY_ROOT, 'examples/compliance-report/report.html'), 'utf8');
    const html = rendered();
    expect(headingsOf(example)).to.deep.equal(headingsOf(html));
    const frame = (text: string): string => text.slice(0, text.indexOf('<title>')).replace(/sha256-[^&]*/, '');
    const styleOf = (text: string): string => text.slice(text.indexOf('<style>'), text.indexOf('</style>'));
    expect(frame(example)).to.equal(frame(html));
    expect(styleOf(example) === styleOf(html), 'another style: run examples/compliance-report/run again').to.equal(
      true,
    );
    expect(badlyNested(example)).to.deep.equal([]);
    expect(example.length).to.be.below(300_000);
  });
});
