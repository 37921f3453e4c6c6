import { expect } from 'chai';
import type { EffectiveSettings, Manifest } from '#contracts';
import { segmentErrors } from '../../../../../appserver/server/services/segment-settings.ts';
import { regression, unsignedModel } from '../../../../support/serving/models.ts';

const { manifest } = unsignedModel('mdl_1', regression());
const messages = (segments: string[], telemetry?: EffectiveSettings['telemetry'], of: Manifest = manifest) => {
  const settings = { missingColumns: 'warn', segments, ...(telemetry === undefined ? {} : { telemetry }) } as const;
  return segmentErrors(settings, of).map(({ path, message }) => `${path} ${message}`);
};

describe('segments of a deployment', () => {
  it('are categories that the model reads, and that its events carry', () => {
    expect(messages(['color'])).to.deep.equal([]);
    expect(messages(['color'], { enabled: true, features: ['color'] })).to.deep.equal([]);
    expect(messages([], { enabled: false })).to.deep.equal([]);
  });

  it('are refused by the place of each, with what it is and what would do', () => {
    expect(messages(['colour', 'color', 'age'])).to.deep.equal([
      '/0 "colour" is no feature that the model reads; expected one of its categories ("color")',
      '/2 "age" is read as number; expected a category ("color")',
    ]);
    const [off] = messages(['color'], { enabled: false });
    expect(off).to.match(/^\/0 "color" cannot be counted: settings.telemetry is off; turn it on, or/);
    const [untold] = messages(['color'], { enabled: true, features: ['age'] });
    expect(untold).to.match(/^\/0 "color" is not told: settings.telemetry.features has "age"; add it there, or/);
  });

  it('are no texts, although a text is parsed as a category', () => {
    const features = manifest.content.features.map((feature) =>
      feature.name === 'color' ? { ...feature, type: 'text' as const } : feature,
    );
    const texts = { ...manifest, content: { ...manifest.content, features } };
    expect(messages(['color'], undefined, texts)).to.deep.equal([
      '/0 "color" is read as text; expected a category (none)',
    ]);
  });
});
