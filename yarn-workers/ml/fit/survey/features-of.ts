import type { BatchSource, TrainTask } from '#contracts';
import { isText } from '#scoring';
import { placeColumnsOf } from '../../blueprints/places.ts';
import type { Reading } from '../../blueprints/reading.ts';
import { factsKeeper, memberFacts } from '../binned/facts-keeper.ts';
import { encodingPass } from '../categories/encode-categories.ts';
import { balanced } from '../class-balance.ts';
import type { FitIo } from '../clock.ts';
import { featurePass, surveyFeatures, type FeatureSurvey, type SurveyJob } from '../feature-survey.ts';
import type { MemberContext } from '../fit-member.ts';
import type { RowRoles } from '../row-roles.ts';
import type { StopBook } from '../stops.ts';
import { givenOnce, rowsToKeep, singleBinned, type RowsToKeep } from '../surveyed-rows.ts';
import type { TargetRows } from '../target-rows.ts';
import type { TaskFeature } from '../task-columns.ts';
import { NO_CORPORA, readCorpora, type Corpora } from '../text/corpus.ts';
import { corporaPass } from '../text/span-corpus.ts';
import { passesAlone, type Passes, type SpanWork } from './passes.ts';
import { surveySpans } from './spans.ts';

/** What steps are fitted from, and the terms of the texts that the blueprint reads. */
export type SurveyedFeatures = { readonly survey: FeatureSurvey; readonly texts: Corpora } & Pick<
  MemberContext,
  'takeSurveyed' | 'facts' | 'passes'
>;

/** What of a task decides about its features. */
interface FeaturesTask {
  readonly task: TrainTask;
  readonly reading: Reading;
  readonly features: readonly TaskFeature[];
  readonly rows: TargetRows;
  readonly roles: RowRoles;
  readonly stops: StopBook;
  readonly source: BatchSource;
  readonly outputCount: number;
}

/** What steps are fitted from: as an earlier model of the project has left it, or as it is read, with the rows that bins will be found from. */
export async function featuresOf(context: FeaturesTask, io: FitIo): Promise<SurveyedFeatures> {
  const { task, reading, features, roles, stops } = context;
  const single = singleBinned(reading.settings, roles, features.length, io);
  const toKeep = rowsToKeep(task, single, features.length);
  const job = surveyJob(context, toKeep, io);
  const spans = surveySpans(roles.of.length, io.spanRowsMin);
  const work = { spans, passOf: passesOf(context, job, io) };
  const keeper = single === null ? null : await factsKeeper({ ...single, task, reading, features }, stops, work, io);
  const passes = keeper?.apart?.passes ?? passesAlone(work);
  const found = keeper?.found ?? null;
  if (found !== null) {
    const { steps, statistics } = found;
    // Of a single member, whose categories and texts are encoded already.
    const survey = { stepsOf: () => [...steps], levelsOf: () => null, texts: [], statistics: [...statistics] };
    return { survey, texts: NO_CORPORA, takeSurveyed: () => null, facts: memberFacts(keeper, statistics), passes };
  }
  const { survey, texts, kept } = await readFeatures(context, job, passes, io);
  const facts = memberFacts(keeper, survey.statistics);
  return { survey, texts, takeSurveyed: givenOnce(kept, toKeep), facts, passes };
}

/** The passes over a task's table. */
const passesOf =
  ({ task, features, rows, roles, source }: FeaturesTask, job: SurveyJob, io: FitIo): SpanWork['passOf'] =>
  (order) => {
    switch (order.pass) {
      case 'features':
        return featurePass(job);
      case 'corpora':
        return corporaPass({ features, roles, source, seed: task.seed, signal: io.signal }, order);
      case 'targets':
        return encodingPass({ task, features, source, rows: balanced(task, rows, roles).rows, roles, io }, order);
    }
  };

function surveyJob(
  { task, reading, features, roles, source }: FeaturesTask,
  toKeep: RowsToKeep | null,
  { signal }: FitIo,
): SurveyJob {
  // The baseline looks at no feature, so nothing is read for it: it must be there early.
  const surveyed = reading.settings === null ? [] : features;
  const manifests = surveyed.map(({ manifest }) => manifest);
  return {
    features: surveyed,
    // What features look like is told by rows that are not drawn, too.
    roles: { ...roles, drawn: null },
    ...{ source, signal, seed: task.seed, analyses: reading.analyses, dates: reading.dates },
    places: placeColumnsOf(reading, manifests, task.monotonic),
    isKept: toKeep?.isKept ?? null,
  };
}

async function readFeatures(
  { task, reading, features, roles, outputCount }: FeaturesTask,
  job: SurveyJob,
  passes: Passes,
  io: FitIo,
) {
  const { survey, kept } = await surveyFeatures(job, passes);
  const sizes = { seed: task.seed, outputCount, rowCount: task.table.rowCount };
  const texts = await readCorpora(survey.texts, sizes, roles, passes);
  for (const { counter } of survey.texts) counter.release();
  const wanted = features.filter(({ manifest }) => isText(manifest)).length * reading.analyses.length;
  if (texts.all.length < wanted) io.log?.('the texts are too large: their runs of characters are left out');
  if (texts.rowShare < 1)
    io.log?.(
      `the texts are too large: ${(100 * texts.rowShare).toPrecision(3)} % of the rows are read for their terms`,
    );
  return { survey, texts, kept };
}
