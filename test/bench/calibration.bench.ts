/**
 * What calibration is worth in rows that nothing has seen: `node test/bench/calibration.bench.ts FOLDER [ROWS]`. FOLDER has the
 * project's shared data (see `real-data.ts`). Of each set with two classes at most ROWS training rows (6,000), five folds: the chosen
 * slope, and the log loss of the test rows with it and without, of the blended folds and of a refit on all of these rows.
 */
import { manifestOf } from '#ml';
import { contentHashOf, openArtifact } from '#scoring';
import { sha256 } from '../support/boosting-engine.ts';
import { trainTask } from '../support/modelling-task.ts';
import { fitted, realData, testScore } from './real-data.ts';

const [folder = '', rowCount = '6000'] = process.argv.slice(2);
const BLUEPRINTS = ['lightgbm-default', 'lightgbm-slow', 'lightgbm-random-forest', 'linear'];

for await (const { name, train, test, plan } of realData(folder, ['adult', 'titanic'])) {
  const few = train.map((column) => ({ ...column, cells: column.cells.slice(0, Number(rowCount)) }));
  // Planned on all rows, so that the classes are those of all.
  const whole = { ...plan({ metric: 'logLoss' }), rowCount: few[0]?.cells.length ?? 0 };
  for (const blueprintId of BLUEPRINTS) {
    const alone = { blueprintId, parameters: {}, refitOf: null, iterations: null };
    const blend = await fitted(whole, few, alone);
    const { calibration } = blend.fit.content;
    const refit = await fitted(whole, few, { ...alone, refitOf: 'twin', iterations: blend.fit.iterations });
    const lossOf = (fit: (typeof blend)['fit'], isCalibrated: boolean): string => {
      const { calibration: _, ...bare } = fit.content;
      const wanted = isCalibrated && calibration !== undefined ? { ...bare, calibration } : bare;
      const made = { ...fit, content: wanted, contentHash: contentHashOf(wanted, sha256) };
      const manifest = manifestOf(trainTask(few, whole, { blueprintId }), made, {
        createdAt: '2026-01-01T00:00:00Z',
        files: [],
      });
      return testScore(whole, openArtifact(manifest, fit.blob, sha256), test).toFixed(4);
    };
    const changes = [blend.fit, refit.fit].map((fit) => `${lossOf(fit, false)} -> ${lossOf(fit, true)}`);
    const slope = calibration === undefined ? 'none' : `slope ${calibration.slope.toFixed(3)}`;
    process.stdout.write(`${name}: ${blueprintId}: ${slope}; folds ${changes[0] ?? ''}; refit ${changes[1] ?? ''}\n`);
  }
}
