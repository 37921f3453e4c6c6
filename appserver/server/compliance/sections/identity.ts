import type { ReportFacts } from '../facts.ts';
import { code, facts, paragraph, type Section } from '../layout.ts';
import { markup, named } from '../markup.ts';
import { bytes, count, figure, instant } from '../numbers.ts';

const ROLES = {
  search: 'a model of the search, fitted on the training rows of each fold',
  ensemble: 'an ensemble of models of its run',
  refit: 'a refit on all rows, with what its twin’s folds had found',
} as const;

/** What the model is, and by what it can be known again. */
export function identity({ model, project, answer }: ReportFacts): Section {
  const { artefact } = answer;
  return {
    id: 'identity',
    title: 'Identity of the model',
    body: markup`${facts([
      ['Name', named(model.name)],
      ['Model', code(model.id)],
      ['Project', code(project.id)],
      ['Kind', `${model.family}; ${ROLES[model.role]}`],
      ['Blueprint', code(model.blueprintId)],
      model.refitOf === null ? null : ['Twin, whose scores it repeats', code(model.refitOf)],
      ['Ordered', instant(model.createdAt)],
      ['Committed', model.finishedAt === null ? 'not recorded' : instant(model.finishedAt)],
      ['Rows fitted on', count(model.rowCount)],
      ['Content hash (SHA-256)', code(model.contentHash)],
      ['Manifest (SHA-256)', code(model.manifestSha256)],
      ['Signature (Ed25519, base64)', code(model.signature)],
      ['Artefact', `format ${artefact.formatVersion}, ${bytes(model.sizeBytes)} for manifest and blob`],
      ['Fit', `${figure(model.fitSeconds, 3)} s, at most ${bytes(model.peakMemoryBytes)} of memory`],
      ['One prediction', `${figure(model.predictMicrosPerRow, 3)} µs where it was measured`],
    ])}${paragraph(
      markup`The content hash is of everything that decides predictions: parse rules of the features, steps, members, classes, link, calibration. Two models with the same content hash predict the same, bit by bit. The signature is over the canonical JSON (RFC 8785) of ${code('{"manifestSha256":…,"modelId":…}')}; the public key is in ${code('signature.json')} of ${code(`GET /api/v1/models/${model.id}/artifact`)}. Before it was signed, the app server opened the artefact and computed every score again from the stored predictions.`,
    )}`,
  };
}
