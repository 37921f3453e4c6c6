import { expect } from 'chai';
import type { EventSchema } from '#contracts';
import type { TelemetryEvent } from '#telemetry';
import { createEventColumns } from '../../../../../prediction/monitor/archive/event-columns.ts';
import { TEST_SCHEMA } from '../../../../support/telemetry/segments.ts';

const event = (schema: EventSchema, changes: Partial<TelemetryEvent>): TelemetryEvent => ({
  ...{ number: 7, timeMs: 1_000, schema, associationId: null, rules: 0, champion: null },
  ...{ value: null, classIndex: -1, probabilities: [], values: schema.features.map(() => null) },
  ...changes,
});

/** Columns of one event, by name. */
function rowOf(schema: EventSchema, changes: Partial<TelemetryEvent>): Record<string, unknown> {
  const columns = createEventColumns(schema);
  columns.add('e'.repeat(32), event(schema, changes));
  expect(columns.rowCount).to.equal(1);
  return Object.fromEntries(columns.columns().map(({ name, values }) => [name, values[0]]));
}

describe('archive: columns of events', () => {
  it('have what was answered beside what a challenger predicted', () => {
    const challenged = { champion: { modelId: 'mdl_0', manifestSha256: 'b'.repeat(64) }, features: [] };
    const told = (classIndex: number, value: number | null) => ({ value, classIndex, probabilities: [0.2, 0.8] });
    const number = rowOf(
      { ...TEST_SCHEMA, ...challenged },
      { value: 2, champion: { ...told(-1, 1.5), probabilities: [] } },
    );
    expect(number).to.include({
      event_model: 'mdl_1',
      event_champion: 'mdl_0',
      prediction: 2,
      champion_prediction: 1.5,
    });
    const classes = rowOf(
      { ...TEST_SCHEMA, ...challenged, classes: ['a', 'b'] },
      { ...told(1, null), champion: told(0, null) },
    );
    expect(classes).to.include({ prediction: 'b', champion_prediction: 'a' });
    expect(rowOf(TEST_SCHEMA, {})).to.not.have.any.keys('event_champion', 'champion_prediction');
  });

  it('have each kind of feature as what it was told', () => {
    const features: EventSchema['features'] = [
      { name: 'n', kind: 'number' },
      { name: 'd', kind: 'date' },
      { name: 'c', kind: 'category' },
      { name: 't', kind: 'text' },
      { name: 'p', kind: 'place' },
    ];
    const schema = { ...TEST_SCHEMA, features };
    const values = [1.5, -86_400.5, { key: 'red', isUnseen: true }, 12, { latitude: 1, longitude: -2 }];
    expect(rowOf(schema, { value: 3, values, associationId: 'a' })).to.deep.equal({
      ...{ event_epoch: 'e'.repeat(32), event_number: 7, event_time: 1_000, event_model: 'mdl_1' },
      ...{ event_association_id: 'a', prediction: 3, n: 1.5, d: -86_400_500, c: 'red', t_length: 12 },
      ...{ p_latitude: 1, p_longitude: -2 },
    });
    const missing = rowOf(schema, { value: 3 });
    for (const name of ['n', 'd', 'c', 't_length', 'p_latitude', 'p_longitude']) expect(missing[name], name).to.be.null;
    expect(rowOf(schema, { value: 3, values: [0, 1e300, null, 0, null] })['d'], 'no date').to.be.null;
  });

  it('have the label and the probability of each class, and of many that of the predicted one', () => {
    const three = { ...TEST_SCHEMA, classes: ['a', 'b', 'c'], features: [] };
    expect(rowOf(three, { classIndex: 1, probabilities: [0.2, 0.5, 0.3] })).to.deep.include({
      ...{ prediction: 'b', probability_a: 0.2, probability_b: 0.5, probability_c: 0.3 },
    });
    const many = { ...TEST_SCHEMA, classes: Array.from({ length: 33 }, (_, i) => `k${i}`), features: [] };
    const row = rowOf(many, { classIndex: 32, probabilities: [0.9] });
    expect(row)
      .to.deep.include({ prediction: 'k32', prediction_probability: 0.9 })
      .and.not.have.property('probability_k0');
  });

  it('name the rules that held', () => {
    const schema = { ...TEST_SCHEMA, features: [], rules: ['range', 'unseen', 'near'] };
    expect(rowOf(schema, { value: 1, rules: 5 })['event_rules']).to.equal('range, near');
    expect(rowOf(schema, { value: 1, rules: 0 })['event_rules']).to.be.null;
  });

  it('have names that differ, whatever their case', () => {
    const features: EventSchema['features'] = [
      { name: 'Prediction', kind: 'number' },
      { name: 'x', kind: 'number' },
      { name: 'X', kind: 'number' },
      { name: 'event_time', kind: 'number' },
    ];
    const names = Object.keys(rowOf({ ...TEST_SCHEMA, features }, { value: 1, values: [1, 2, 3, 4] }));
    expect(names.slice(5)).to.deep.equal(['prediction', 'Prediction_2', 'x', 'X_2', 'event_time_2']);
  });
});
