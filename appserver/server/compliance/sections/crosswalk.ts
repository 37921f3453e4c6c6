import { paragraph, table, text, type Section } from '../layout.ts';
import { markup, type Markup } from '../markup.ts';

interface Row {
  readonly asked: string;
  readonly sections: readonly (readonly [string, string])[];
  readonly missing: string;
}

const link = ([id, title]: readonly [string, string], index: number): Markup =>
  markup`${index === 0 ? '' : ', '}<a href="#${id}">${title}</a>`;

const USE = ['use', 'Purpose'] as const;
const DATA = ['data', 'Data'] as const;
const PARTITIONS = ['partitioning', 'Partitioning'] as const;
const METHOD = ['blueprint', 'Method'] as const;
const CHOICE = ['selection', 'Choice'] as const;
const SCORES = ['performance', 'Performance'] as const;
const FEATURES = ['behaviour', 'Features'] as const;
const GROUPS = ['groups', 'Groups'] as const;
const LIMITS = ['limitations', 'Limitations'] as const;
const AGAIN = ['reproduction', 'How to make it again'] as const;
const IDENTITY = ['identity', 'Identity'] as const;

const ROWS: readonly Row[] = [
  {
    asked: 'SR 11-7, model development: statement of purpose, design, theory and logic',
    sections: [USE, METHOD],
    missing: 'the business purpose, and why this method suits it',
  },
  {
    asked: 'SR 11-7, model development: data quality and relevance',
    sections: [DATA, PARTITIONS],
    missing: 'how rows were collected; whether they are relevant',
  },
  {
    asked: 'SR 11-7, model development: testing; limitations and assumptions',
    sections: [SCORES, FEATURES, LIMITS],
    missing: 'tests under stress',
  },
  {
    asked: 'SR 11-7, validation: conceptual soundness, outcomes analysis',
    sections: [CHOICE, SCORES, GROUPS],
    missing: 'the independent judgement; outcomes after deployment',
  },
  { asked: 'SR 11-7, validation: ongoing monitoring', sections: [LIMITS], missing: 'plan and thresholds' },
  {
    asked: 'EU AI Act, Annex IV 1: general description',
    sections: [IDENTITY, USE],
    missing: 'provider, hardware, user interface, instructions for use',
  },
  {
    asked: 'Annex IV 2 (a), (b): methods and steps, design choices',
    sections: [METHOD, CHOICE],
    missing: 'rationale beyond the metric',
  },
  {
    asked: 'Annex IV 2 (d): data requirements, provenance, cleaning',
    sections: [DATA, PARTITIONS],
    missing: 'selection and labelling of the rows',
  },
  { asked: 'Annex IV 2 (e): human oversight', sections: [], missing: 'all of it' },
  {
    asked: 'Annex IV 2 (g): validation, testing, metrics, discriminatory impact',
    sections: [SCORES, GROUPS],
    missing: 'signatures of those responsible',
  },
  {
    asked: 'Annex IV 3, 4: capabilities, limitations, appropriateness of metrics',
    sections: [SCORES, GROUPS, LIMITS],
    missing: 'foreseeable unintended outcomes',
  },
  {
    asked: 'Annex IV 5 to 9: risk management, changes, standards, declaration, post-market monitoring',
    sections: [],
    missing: 'all of it',
  },
  {
    asked: 'Model cards: details, intended use, factors',
    sections: [IDENTITY, USE, GROUPS],
    missing: 'contact, licence, out-of-scope uses',
  },
  {
    asked: 'Model cards: metrics, evaluation and training data, quantitative analyses',
    sections: [SCORES, DATA, PARTITIONS, GROUPS],
    missing: '',
  },
  {
    asked: 'Model cards: ethical considerations, caveats',
    sections: [LIMITS, GROUPS],
    missing: 'ethical considerations',
  },
  { asked: 'Reproducibility', sections: [AGAIN, IDENTITY], missing: '' },
];

/** Where to find what rules ask for, and what a person must add. */
export function crosswalk(): Section {
  return {
    id: 'crosswalk',
    title: 'What rules ask for, and where it is',
    body: markup`${paragraph('A help for readers, no legal advice. SR 11-7: Supervisory Guidance on Model Risk Management (Federal Reserve and OCC, 2011). EU AI Act: Regulation (EU) 2024/1689. Model cards: Mitchell et al. 2019, Model Cards for Model Reporting.')}${table(
      'Sections by what is asked for',
      ROWS,
      [
        text('Asked for', ({ asked }) => asked),
        text('In this report', ({ sections }) => (sections.length === 0 ? '–' : markup`${sections.map(link)}`)),
        text('For a person to add', ({ missing }) => (missing === '' ? '–' : missing)),
      ],
    )}`,
  };
}
