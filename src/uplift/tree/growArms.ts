import type { Rng } from "../../base/rng.ts";
import { type ArmRule, type ArmSearch, type ArmSplit, type ArmSums, armSearch, believe, sumWords } from "./armSplit.ts";
import { nodeWords, type TreePart } from "./codeForest.ts";
import { leaves, partRows, testOf, wayOf } from "./divide.ts";
import { blockRows, type ForestJob } from "./layout.ts";
import { sampleColumns } from "./sample.ts";
import { addLeaf, divideLeaf, draftTree, finishTree, type TreeDraft } from "./treeDraft.ts";

/** What an uplift tree is told besides the rule of its splits. */
export interface ArmTreeSettings extends ArmRule {
  readonly maxDepth: number;
  /** Columns tried in each node. */
  readonly columns: number;
}

/** A grown tree with, by node, its arms' means and rows; and what each column gained, weighted by the node's share. */
export interface ArmTree extends TreePart {
  readonly rows: Float64Array;
  readonly gains: Float64Array;
}

interface Node {
  readonly node: number;
  readonly begin: number;
  readonly end: number;
  readonly depth: number;
  readonly sums: ArmSums;
  readonly believed: Float64Array;
  /** Histogram over all columns, or -1: to be made when it is needed. */
  readonly histogram: number;
}

interface Growth {
  readonly job: ForestJob;
  readonly settings: ArmTreeSettings;
  readonly search: ArmSearch;
  readonly rng: Rng;
  readonly draft: TreeDraft;
  readonly free: number[];
  readonly isCategory: readonly boolean[];
  /** Sums over the rows the tree is grown on, by node. */
  readonly sums: ArmSums[];
  readonly gains: Float64Array;
  readonly rootWeight: number;
  readonly weight: Float64Array;
}

/**
 * Grows one uplift tree on the first `grown` of the job's rows, depth first, and estimates it on the first `estimated` of its estimation rows, or, where
 * that is 0, on the rows it was grown on.
 */
export function growArmTree(job: ForestJob, grown: number, estimated: number, settings: ArmTreeSettings, rng: Rng): ArmTree {
  const { arms, table, histograms } = job.layout;
  const draft = draftTree(arms);
  const sums = sumsOver(job, job.rows, 0, grown);
  const growth: Growth = {
    job,
    settings,
    search: armSearch(settings, arms),
    rng,
    draft,
    free: Array.from({ length: histograms }, (_, k) => histograms - 1 - k),
    isCategory: table.columns.map(({ kind }) => kind === "category"),
    sums: [sums],
    gains: new Float64Array(table.columns.length),
    rootWeight: totalOf(sums, 1),
    weight: new Float64Array(arms),
  };
  const believed = new Float64Array(arms);
  believe(settings, sums, undefined, believed, growth.weight);
  const stack: Node[] = [{ node: addLeaf(draft), begin: 0, end: grown, depth: 0, sums, believed, histogram: -1 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const children = split(growth, next);
    // The left child is grown first.
    if (children !== undefined) stack.push(children[1], children[0]);
  }
  const { values, rows } = estimate(growth, estimated > 0 ? sumsByNode(job, draft, job.estimation, estimated) : growth.sums);
  return { ...finishTree(draft, values), rows, gains: growth.gains };
}

function totalOf(sums: ArmSums, word: number): number {
  let total = 0;
  for (let at = word; at < sums.length; at += sumWords) total += sums[at];
  return total;
}

function sumsOver({ records, arm, layout }: ForestJob, rows: Int32Array, begin: number, end: number): ArmSums {
  const sums = new Float64Array(sumWords * layout.arms);
  for (let k = begin; k < end; k++) {
    const i = rows[k];
    const at = sumWords * arm[i];
    sums[at] += records[2 * i];
    sums[at + 1] += records[2 * i + 1];
    sums[at + 2]++;
  }
  return sums;
}

const canSplit = ({ settings }: Growth, depth: number, sums: ArmSums): boolean => {
  if (depth >= settings.maxDepth || totalOf(sums, 2) < 2 * settings.minRows) return false;
  for (let at = 2; at < sums.length; at += sumWords) if (sums[at] < 2 * settings.minArmRows) return false;
  return true;
};

function split(growth: Growth, node: Node): [Node, Node] | undefined {
  const { job, settings, draft, free, gains } = growth;
  if (!canSplit(growth, node.depth, node.sums)) {
    if (node.histogram >= 0) free.push(node.histogram);
    return undefined;
  }
  const p = job.layout.table.columns.length;
  const chosen = sampleColumns(p, settings.columns, growth.rng);
  const histogram = node.histogram >= 0 ? node.histogram : (free.pop() as number);
  if (node.histogram < 0) fillHistogram(growth, histogram, node.begin, node.end, chosen);
  const best = bestSplit(growth, node, histogram, chosen);
  if (best === undefined) {
    free.push(histogram);
    return undefined;
  }
  gains[best.column] += (best.gain * totalOf(node.sums, 1)) / growth.rootWeight;
  const rows = totalOf(best.left, 2);
  const way = wayOf(best, rows > node.end - node.begin - rows, job.layout.table.columns[best.column].bins);
  const left = divideLeaf(draft, node.node, best.column, testOf(draft, way));
  const middle = partRows(job, node.begin, node.end, best.column, way);
  const children = childrenOf(growth, node, best, left, middle);
  const [small, large] = children[0].end - children[0].begin <= children[1].end - children[1].begin ? children : [children[1], children[0]];
  const wanted = canSplit(growth, large.depth, large.sums);
  // Subtraction needs all columns in the parent's histogram, and one more histogram.
  if (!wanted || settings.columns < p || free.length < 2) {
    free.push(histogram);
    return children;
  }
  const slot = free.pop() as number;
  fillHistogram(growth, slot, small.begin, small.end, chosen);
  job.kernels.subtractCells(addressOf(job, histogram), addressOf(job, slot), job.layout.cellBytes);
  return children.map((child) => ({ ...child, histogram: child === large ? histogram : slot })) as [Node, Node];
}

function childrenOf(growth: Growth, node: Node, best: ArmSplit, left: number, middle: number): [Node, Node] {
  const make = (sums: ArmSums, at: number, begin: number, end: number): Node => {
    const believed = new Float64Array(node.believed.length);
    believe(growth.settings, sums, node.believed, believed, growth.weight);
    growth.sums[at] = sums;
    return { node: at, begin, end, depth: node.depth + 1, sums, believed, histogram: -1 };
  };
  const rest = node.sums.map((value, k) => value - best.left[k]);
  return [make(best.left, left, node.begin, middle), make(rest, left + 1, middle, node.end)];
}

const addressOf = (job: ForestJob, histogram: number): number => job.histogramsAt + histogram * job.histogramBytes;

function bestSplit(growth: Growth, node: Node, histogram: number, chosen: Int32Array): ArmSplit | undefined {
  const { job, search, settings, isCategory } = growth;
  const { table, cells } = job.layout;
  let best: ArmSplit | undefined;
  for (const j of chosen) {
    const base = (addressOf(job, histogram) + cells[j]) >> 2;
    const most = best?.gain ?? settings.minGain;
    best = search.column(job.words, base, table.columns[j].bins, j, isCategory[j], node.sums, node.believed, most) ?? best;
  }
  return best;
}

function fillHistogram({ job, settings }: Growth, histogram: number, begin: number, end: number, chosen: Int32Array): void {
  const { kernels, layout, words } = job;
  const base = addressOf(job, histogram);
  const { columns } = layout.table;
  for (const j of chosen) words.fill(0, (base + layout.cells[j]) >> 2, (base + layout.cells[j] + 16 * layout.arms * columns[j].bins) >> 2);
  for (let first = begin; first < end; first += blockRows) {
    const from = job.rowsAt + 4 * first;
    const to = job.rowsAt + 4 * Math.min(end, first + blockRows);
    kernels.gatherArms(from, to, layout.records, layout.arm, job.gatheredAt);
    const four: number[] = [];
    for (const j of chosen) {
      if (columns[j].wide) kernels.histogramArmsWide(from, to, job.gatheredAt, settings.countShift, 16 * layout.arms, columns[j].codes, base + layout.cells[j]);
      else if (four.push(j) === 4) {
        const [a, b, c, d] = four;
        const [ca, cb, cc, cd] = [columns[a].codes, columns[b].codes, columns[c].codes, columns[d].codes];
        const [ha, hb, hc, hd] = [layout.cells[a], layout.cells[b], layout.cells[c], layout.cells[d]];
        kernels.histogramArms4(from, to, job.gatheredAt, settings.countShift, 16 * layout.arms, ca, cb, cc, cd, base + ha, base + hb, base + hc, base + hd);
        four.length = 0;
      }
    }
    for (const j of four) kernels.histogramArms1(from, to, job.gatheredAt, settings.countShift, 16 * layout.arms, columns[j].codes, base + layout.cells[j]);
  }
}

/** The arms' means in each node, from the sums over its rows; a node without rows of an arm believes its parent. */
function estimate(growth: Growth, sums: readonly ArmSums[]): { values: Float64Array; rows: Float64Array } {
  const { settings, draft } = growth;
  const { outputs } = draft;
  const values = new Float64Array(sums.length * outputs);
  const rows = new Float64Array(sums.length * outputs);
  const mean = (node: number): Float64Array => values.subarray(node * outputs, (node + 1) * outputs);
  believe(settings, sums[0], undefined, mean(0), growth.weight);
  for (let node = 0; node < sums.length; node++) {
    for (let a = 0; a < outputs; a++) rows[node * outputs + a] = sums[node][sumWords * a + 2];
    if (draft.nodes[nodeWords * node] < 0) continue;
    const left = draft.nodes[nodeWords * node + 2];
    for (const child of [left, left + 1]) believe(settings, sums[child], mean(node), mean(child), growth.weight);
  }
  return { values, rows };
}

/** Sums over rows of a list, in every node they pass. */
function sumsByNode({ records, arm, layout, codes }: ForestJob, draft: TreeDraft, list: Int32Array, count: number): ArmSums[] {
  const sums = Array.from({ length: draft.nodes.length / nodeWords }, () => new Float64Array(sumWords * layout.arms));
  const leaf = leaves(draft, layout.table.columns, codes, list, count);
  for (let k = 0; k < count; k++) {
    const i = list[k];
    const at = sumWords * arm[i];
    const into = sums[leaf[k]];
    into[at] += records[2 * i];
    into[at + 1] += records[2 * i + 1];
    into[at + 2]++;
  }
  // Children come after their parents.
  for (let node = sums.length - 1; node >= 0; node--) {
    if (draft.nodes[nodeWords * node] < 0) continue;
    const left = draft.nodes[nodeWords * node + 2];
    for (let k = 0; k < sums[node].length; k++) sums[node][k] = sums[left][k] + sums[left + 1][k];
  }
  return sums;
}
