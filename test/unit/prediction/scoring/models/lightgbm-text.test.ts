import { expect } from 'chai';
import { isAppError } from '#contracts';
import { compileTrees, parseLightgbmModel } from '#scoring';

const TEXT = `tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=age color
feature_infos=[17:90] 0:1:2
tree_sizes=1 2 3

Tree=0
num_leaves=3
num_cat=1
split_feature=0 1
split_gain=10 5
threshold=38.500000000000007 0
decision_type=2 1
left_child=1 -1
right_child=-2 -3
leaf_value=-0.10000000000000001 0.20000000000000001 0.29999999999999999
leaf_weight=1 1 1
leaf_count=1 1 1
internal_value=0 0
internal_weight=0 0
internal_count=3 2
cat_boundaries=0 2
cat_threshold=2 1
is_linear=0
shrinkage=1


Tree=1
num_leaves=1
num_cat=0
leaf_value=0.5
shrinkage=1


Tree=2
num_leaves=2
num_cat=1
split_feature=1
threshold=0
decision_type=1
left_child=-1
right_child=-2
leaf_value=1 2
leaf_count=4 5
cat_boundaries=0 1
cat_threshold=4
is_linear=0
shrinkage=0.1


end of trees

feature_importances:
age=1

parameters:
[boosting: gbdt]
end of parameters
`;

describe('parseLightgbmModel', () => {
  it('reads trees, names and objective, category sets numbered through', () => {
    const model = parseLightgbmModel(TEXT);
    expect(model.treeCount).to.equal(3);
    expect(model.outputCount).to.equal(1);
    expect(model.averageOutput).to.equal(false);
    expect(model.columnNames).to.deep.equal(['age', 'color']);
    expect(model.objective).to.equal('binary sigmoid:1');
    expect([...model.nodeOffset]).to.deep.equal([0, 2, 2, 3]);
    expect([...model.leafOffset]).to.deep.equal([0, 3, 4, 6]);
    expect([...model.threshold]).to.deep.equal([38.500000000000007, 0, 1]);
    expect([...model.catBoundaries]).to.deep.equal([0, 2, 3]);
    expect([...model.catBits]).to.deep.equal([2, 1, 4]);
    const out = new Float64Array(1);
    const score = (age: number, color: number): number => {
      compileTrees(model, 2).score(Float64Array.of(age, color), 0, out, 0);
      return out[0] ?? NaN;
    };
    expect(score(40, 2)).to.equal(0.2 + 0.5 + 1);
    expect(score(38.5, 1)).to.equal(-0.1 + 0.5 + 2);
    expect(score(38.5, 32)).to.equal(-0.1 + 0.5 + 2);
    expect(score(38.5, 33)).to.equal(0.3 + 0.5 + 2);
    expect(score(NaN, 2)).to.equal(0.3 + 0.5 + 1);
  });

  it('reads Windows line ends and the average_output flag', () => {
    const model = parseLightgbmModel(
      TEXT.replace('label_index=0', 'label_index=0\naverage_output').replaceAll('\n', '\r\n'),
    );
    expect(model.averageOutput).to.equal(true);
  });

  const broken: readonly (readonly [string, string | RegExp, string])[] = [
    ['another version', 'version=v4', 'version=v3'],
    ['no version', 'version=v4\n', ''],
    ['a linear tree', 'is_linear=0', 'is_linear=1'],
    ['a missing field', /left_child=.*\n/, ''],
    ['a surplus number', 'leaf_value=1 2', 'leaf_value=1 2 3'],
    ['a missing number', 'leaf_value=1 2', 'leaf_value=1'],
    ['a word for a number', 'leaf_value=1 2', 'leaf_value=1 x'],
    ['an empty number', 'leaf_value=1 2', 'leaf_value=1 '],
    ['NaN', 'leaf_value=1 2', 'leaf_value=1 nan'],
    ['negative infinity', 'threshold=38.500000000000007', 'threshold=-inf'],
    ['an infinite leaf', 'leaf_value=1 2', 'leaf_value=1 inf'],
    ['a fractional child', 'left_child=1 -1', 'left_child=1.5 -1'],
    ['a child out of range', 'left_child=1 -1', 'left_child=7 -1'],
    ['a loop', 'left_child=1 -1', 'left_child=0 -1'],
    ['a column out of range', 'split_feature=0 1', 'split_feature=0 2'],
    ['a decision type that does not fit', 'decision_type=2 1', 'decision_type=-2 1'],
    ['a category set of another tree', 'threshold=0\ndecision_type=1', 'threshold=1\ndecision_type=1'],
    ['a negative category word', 'cat_threshold=4', 'cat_threshold=-4'],
    ['boundaries that leave words over', 'cat_boundaries=0 2', 'cat_boundaries=0 1'],
    ['a wrong tree number', 'Tree=1', 'Tree=5'],
    ['no end', 'end of trees', ''],
    ['a huge leaf count', 'num_leaves=2', 'num_leaves=2000000000'],
    ['a negative leaf count', 'num_leaves=2', 'num_leaves=-2'],
    ['a field twice', 'is_linear=0', 'is_linear=0\nis_linear=0'],
    ['a wrong number of names', 'feature_names=age color', 'feature_names=age'],
    ['no outputs', 'num_tree_per_iteration=1', 'num_tree_per_iteration=0'],
    ['trees that are no multiple of outputs', 'num_tree_per_iteration=1', 'num_tree_per_iteration=2'],
  ];
  for (const [what, from, to] of broken) {
    it(`refuses ${what}`, () => {
      const text = TEXT.replace(from, to);
      expect(text).not.to.equal(TEXT);
      try {
        parseLightgbmModel(text);
      } catch (err) {
        expect(isAppError(err, 'ARTIFACT_INVALID'), String(err)).to.equal(true);
        return;
      }
      expect.fail('was accepted');
    });
  }

  it('refuses every truncation before the end of the trees', () => {
    for (let length = 0; length < TEXT.indexOf('end of trees'); length += 1) {
      expect(() => parseLightgbmModel(TEXT.slice(0, length))).to.throw('LightGBM model');
    }
  });
});
