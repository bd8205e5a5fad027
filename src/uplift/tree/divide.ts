import type { BinnedColumn } from "../../learn/tree/table.ts";
import { type Codes, categories, leafOf, numberTest } from "./codeForest.ts";
import type { ForestJob } from "./layout.ts";
import { addSet, type TreeDraft } from "./treeDraft.ts";

/** Which codes go left. */
export type Way = { readonly cut: number; readonly missingLeft: boolean } | { readonly codes: Int32Array; readonly bins: number };

interface Found {
  readonly cut: number;
  readonly missingLeft: boolean | undefined;
  readonly codes?: { readonly left: readonly number[]; readonly right: readonly number[] };
}

/** Codes that no row of the node has follow its heavier side. */
export function wayOf(split: Found, heavyLeft: boolean, bins: number): Way {
  if (split.codes === undefined) return { cut: split.cut, missingLeft: split.missingLeft ?? heavyLeft };
  if (!heavyLeft) return { codes: Int32Array.from(split.codes.left), bins };
  const right = new Set(split.codes.right);
  return { codes: Int32Array.from({ length: bins }, (_, code) => code).filter((code) => !right.has(code)), bins };
}

export function testOf(draft: TreeDraft, way: Way): number {
  return "codes" in way ? addSet(draft, way.codes, way.bins) : numberTest(way.cut, way.missingLeft);
}

/** Parts rows `begin` .. `end - 1` of the job's list; returns where the right side begins. */
export function partRows(job: ForestJob, begin: number, end: number, column: number, way: Way): number {
  const { kernels, words, layout, rowsAt, partedAt, setAt } = job;
  const { codes, wide } = layout.table.columns[column];
  const [from, to] = [rowsAt + 4 * begin, rowsAt + 4 * end];
  const right = partedAt + 4 * (end - begin);
  let leftEnd: number;
  if ("codes" in way) {
    words.fill(0, setAt >> 2, (setAt >> 2) + ((way.bins + 31) >> 5));
    for (const code of way.codes) words[(setAt >> 2) + (code >> 5)] |= 1 << (code & 31);
    leftEnd = (wide ? kernels.partitionSetWide : kernels.partitionSet)(from, to, codes, setAt, partedAt, right);
  } else {
    const first = way.missingLeft ? 0 : 1;
    leftEnd = (wide ? kernels.partitionWide : kernels.partition)(from, to, codes, first, way.cut + 1 - first, partedAt, right);
  }
  const count = (leftEnd - partedAt) >> 2;
  words.copyWithin(from >> 2, partedAt >> 2, leftEnd >> 2);
  if (leftEnd < right) kernels.copyReversed(leftEnd, right, from + 4 * count);
  return begin + count;
}

/** Leaf of each of the first `count` rows of a list. */
export function leaves(draft: TreeDraft, columns: readonly BinnedColumn[], codes: Codes, list: Int32Array, count: number): Int32Array {
  const nodes = Int32Array.from(draft.nodes);
  const sets = Int32Array.from(draft.sets);
  const isCategory = categories(columns);
  const leaf = new Int32Array(count);
  for (let k = 0; k < count; k++) leaf[k] = leafOf(nodes, sets, codes, isCategory, 0, list[k]);
  return leaf;
}
