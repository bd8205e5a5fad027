import { nodeWords, type TreePart } from "./codeForest.ts";

/** One tree that is being grown. */
export interface TreeDraft {
  readonly outputs: number;
  readonly nodes: number[];
  readonly sets: number[];
}

export function draftTree(outputs: number): TreeDraft {
  return { outputs, nodes: [], sets: [] };
}

/** A new leaf; its values are those of its own index until `compact`. */
export function addLeaf(draft: TreeDraft): number {
  const node = draft.nodes.length / nodeWords;
  draft.nodes.push(-1, node, 0);
  return node;
}

/** Makes a leaf a split; returns its left child, whose right sibling follows. */
export function divideLeaf(draft: TreeDraft, node: number, column: number, test: number): number {
  const left = addLeaf(draft);
  addLeaf(draft);
  draft.nodes[nodeWords * node] = column;
  draft.nodes[nodeWords * node + 1] = test;
  draft.nodes[nodeWords * node + 2] = left;
  return left;
}

/** Where the set of these codes begins. */
export function addSet(draft: TreeDraft, codes: Int32Array, bins: number): number {
  const at = draft.sets.length;
  for (let k = 0; k < (bins + 31) >> 5; k++) draft.sets.push(0);
  for (const code of codes) draft.sets[at + (code >> 5)] |= 1 << (code & 31);
  return at;
}

/** The finished tree with `values` for each of its nodes, `outputs` numbers a node. */
export function finishTree(draft: TreeDraft, values: Float64Array): TreePart {
  return { roots: Int32Array.of(0), nodes: Int32Array.from(draft.nodes), sets: Int32Array.from(draft.sets), values };
}
