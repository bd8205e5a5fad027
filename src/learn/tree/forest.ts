import { dataError } from "../../base/errors.ts";
import type { ArrayState } from "../../base/state.ts";
import type { Features } from "../../data/schema.ts";

/**
 * Binary trees laid end to end. A node is an index; the right child follows the left one, so only the left is kept.
 * Numbers go left when `x <= split`; categories when bit `code + 1` of the node's set is on (bit 0: missing); missing numbers by `missingLeft`.
 */
export interface Forest {
  /** First node of each tree, one entry a tree. */
  readonly roots: Int32Array;
  /** Column the node splits on; -1 in a leaf. */
  readonly feature: Int32Array;
  /** Left child, right child = left + 1; 0 in a leaf. */
  readonly left: Int32Array;
  /** Threshold of a number; for a category, where in `sets` the node's bits begin. */
  readonly split: Float64Array;
  readonly missingLeft: Uint8Array;
  /** 32-bit words of the sets of categories that go left. */
  readonly sets: Int32Array;
  /** What the tree says in this node, `outputs` numbers a node. */
  readonly value: Float64Array;
  readonly outputs: number;
  /** By how much the node's split improved the criterion; 0 in a leaf. */
  readonly gain: Float64Array;
  /** Weight of the training rows that reached the node. */
  readonly cover: Float64Array;
}

/** A forest that is being grown. */
export interface ForestDraft {
  readonly outputs: number;
  readonly roots: number[];
  readonly feature: number[];
  readonly left: number[];
  readonly split: number[];
  readonly missingLeft: number[];
  readonly sets: number[];
  readonly value: number[];
  readonly gain: number[];
  readonly cover: number[];
}

export function draftForest(outputs = 1): ForestDraft {
  return { outputs, roots: [], feature: [], left: [], split: [], missingLeft: [], sets: [], value: [], gain: [], cover: [] };
}

/** A new leaf; returns its index. */
export function addLeaf(draft: ForestDraft, value: ArrayLike<number>, cover: number): number {
  draft.feature.push(-1);
  draft.left.push(0);
  draft.split.push(0);
  draft.missingLeft.push(0);
  draft.gain.push(0);
  draft.cover.push(cover);
  for (let k = 0; k < draft.outputs; k++) draft.value.push(value[k]);
  return draft.feature.length - 1;
}

/** The finished forest, cut back to its first `trees` trees. */
export function finishForest(draft: ForestDraft, trees: number = draft.roots.length): Forest {
  const nodes = trees < draft.roots.length ? draft.roots[trees] : draft.feature.length;
  const { outputs } = draft;
  const cut = (list: readonly number[]): readonly number[] => (list.length === nodes ? list : list.slice(0, nodes));
  return {
    outputs,
    roots: Int32Array.from(draft.roots.slice(0, trees)),
    feature: Int32Array.from(cut(draft.feature)),
    left: Int32Array.from(cut(draft.left)),
    split: Float64Array.from(cut(draft.split)),
    missingLeft: Uint8Array.from(cut(draft.missingLeft)),
    sets: Int32Array.from(draft.sets),
    value: Float64Array.from(draft.value.length === nodes * outputs ? draft.value : draft.value.slice(0, nodes * outputs)),
    gain: Float64Array.from(cut(draft.gain)),
    cover: Float64Array.from(cut(draft.cover)),
  };
}

/** Rows walked through a tree together: their values stay in the second cache while tree follows tree. */
const blockRows = 2048;

/** Calls `use` with each block of rows: their values (codes of categories), column after column, `stride` apart. */
function forBlocks(x: Features, use: (block: Float64Array, stride: number, begin: number, end: number) => void): void {
  const stride = Math.min(blockRows, x.rows);
  const block = new Float64Array(stride * x.columns.length);
  for (let begin = 0; begin < x.rows; begin += stride) {
    const end = Math.min(x.rows, begin + stride);
    x.columns.forEach((column, j) => {
      if (column.kind === "sequence") return;
      block.set((column.kind === "number" ? column.values : column.codes).subarray(begin, end), j * stride);
    });
    use(block, stride, begin, end);
  }
}

/** Leaf of each of the first `count` rows of a block. */
function walk(forest: Forest, root: number, isNumber: Uint8Array, block: Float64Array, stride: number, count: number, leaf: Int32Array): void {
  const { feature, left, split, missingLeft, sets } = forest;
  for (let i = 0; i < count; i++) {
    let node = root;
    for (let f = feature[node]; f >= 0; f = feature[node]) {
      const value = block[f * stride + i];
      let right: number;
      if (isNumber[f] === 0) right = 1 - ((sets[split[node] + ((value + 1) >> 5)] >> ((value + 1) & 31)) & 1);
      else if (value <= split[node]) right = 0;
      else right = value > split[node] ? 1 : 1 - missingLeft[node];
      node = left[node] + right;
    }
    leaf[i] = node;
  }
}

/** Sums over all trees of the leaves' values, `scale` times, added to one list of n an output. */
export function addPredictions(forest: Forest, x: Features, scale: number, ...into: readonly Float64Array[]): void {
  const { outputs, value } = forest;
  const isNumber = Uint8Array.from(x.columns, ({ kind }) => (kind === "number" ? 1 : 0));
  const leaf = new Int32Array(blockRows);
  forBlocks(x, (block, stride, begin, end) => {
    for (const root of forest.roots) {
      walk(forest, root, isNumber, block, stride, end - begin, leaf);
      for (let k = 0; k < outputs; k++) {
        const list = into[k];
        for (let i = begin; i < end; i++) list[i] += scale * value[leaf[i - begin] * outputs + k];
      }
    }
  });
}

/** Sum of the gains of each column's splits, p numbers; all zero where nothing was split. */
export function gainByFeature(forest: Forest, columns: number): Float64Array {
  const total = new Float64Array(columns);
  for (let node = 0; node < forest.feature.length; node++) if (forest.feature[node] >= 0) total[forest.feature[node]] += forest.gain[node];
  return total;
}

export function forestArrays(forest: Forest, prefix = ""): Record<string, ArrayState> {
  const { outputs, ...arrays } = forest;
  const state: Record<string, ArrayState> = {};
  for (const [name, data] of Object.entries(arrays))
    state[prefix + name] = { shape: name === "value" ? [data.length / outputs, outputs] : [data.length], data };
  return state;
}

export function forestFromArrays(arrays: Readonly<Record<string, ArrayState>>, prefix = ""): Forest {
  const take = <A>(name: string, kind: new (n: number) => A): A => {
    const data = arrays[prefix + name]?.data;
    if (!(data instanceof kind))
      throw dataError(`saved trees: array "${prefix + name}" is missing or has the wrong type; the file is damaged or not one of ours`);
    return data;
  };
  const value = arrays[`${prefix}value`];
  return {
    roots: take("roots", Int32Array),
    feature: take("feature", Int32Array),
    left: take("left", Int32Array),
    split: take("split", Float64Array),
    missingLeft: take("missingLeft", Uint8Array),
    sets: take("sets", Int32Array),
    value: take("value", Float64Array),
    outputs: value?.shape[1] ?? 1,
    gain: take("gain", Float64Array),
    cover: take("cover", Float64Array),
  };
}
