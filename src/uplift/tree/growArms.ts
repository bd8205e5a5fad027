import type { Rng } from "../../base/rng.ts";
import { type ArmRule, type ArmSearch, type ArmSplit, type ArmSums, armSearch, believe, sumWords } from "./armSplit.ts";
import { leafOf, nodeWords, numberTest, type TreePart } from "./codeForest.ts";
import { partRows } from "./divide.ts";
import { blockRows, type ForestJob } from "./layout.ts";
import { sampleColumns } from "./sample.ts";
import { addLeaf, addSet, divideLeaf, draftTree, finishTree, type TreeDraft } from "./treeDraft.ts";

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
  readonly gains: Float64Array;
  readonly rootWeight: number;
  readonly weight: Float64Array;
}

/**
 * Grows one uplift tree on the first `grown` of the job's rows, depth first, and estimates it on the first `estimated` of its estimation rows, or, where
 * that is 0, on the rows it was grown on. The rows are left in another order.
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
  const nodes = draft.nodes.length / nodeWords;
  const own = estimated > 0 ? sumsByNode(job, draft, job.estimation, estimated) : sumsByNode(job, draft, job.rows, grown);
  const { values, rows } = estimate(growth, own, nodes);
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
  if (node.histogram < 0) fillHistogram(job, histogram, node.begin, node.end, chosen);
  const best = bestSplit(growth, node, histogram, chosen);
  if (best === undefined) {
    free.push(histogram);
    return undefined;
  }
  gains[best.column] += (best.gain * totalOf(node.sums, 1)) / growth.rootWeight;
  const { bins } = job.layout.table.columns[best.column];
  const test = best.codes === undefined ? numberTest(best.cut, best.missingLeft) : addSet(draft, best.codes, bins);
  const left = divideLeaf(draft, node.node, best.column, test);
  const middle = partRows(job, node.begin, node.end, best.column, best.cut, best.missingLeft, best.codes);
  const children = childrenOf(growth, node, best, left, middle);
  const [small, large] = children[0].end - children[0].begin <= children[1].end - children[1].begin ? children : [children[1], children[0]];
  const wanted = canSplit(growth, large.depth, large.sums);
  // Subtraction needs all columns in the parent's histogram, and one more histogram.
  if (!wanted || settings.columns < p || free.length < 2) {
    free.push(histogram);
    return children;
  }
  const slot = free.pop() as number;
  fillHistogram(job, slot, small.begin, small.end, chosen);
  job.kernels.subtractCells(addressOf(job, histogram), addressOf(job, slot), job.layout.cellBytes);
  return children.map((child) => ({ ...child, histogram: child === large ? histogram : slot })) as [Node, Node];
}

function childrenOf(growth: Growth, node: Node, best: ArmSplit, left: number, middle: number): [Node, Node] {
  const make = (sums: ArmSums, at: number, begin: number, end: number): Node => {
    const believed = new Float64Array(node.believed.length);
    believe(growth.settings, sums, node.believed, believed, growth.weight);
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
  return best === undefined ? undefined : settled(best, job, node);
}

/** Codes without rows in the node follow its heavier side. */
function settled(split: ArmSplit, job: ForestJob, node: Node): ArmSplit {
  const leftRows = totalOf(split.left, 2);
  const heavyLeft = leftRows > node.end - node.begin - leftRows;
  if (split.codes === undefined) return hasMissing(job, node, split.column) ? split : { ...split, missingLeft: heavyLeft };
  if (!heavyLeft) return split;
  const right = new Uint8Array(job.layout.table.columns[split.column].bins);
  for (let k = node.begin; k < node.end; k++) right[job.codes[split.column][job.rows[k]]] = 1;
  for (const code of split.codes) right[code] = 0;
  return { ...split, codes: Int32Array.from({ length: right.length }, (_, code) => code).filter((code) => right[code] === 0) };
}

function hasMissing({ codes, rows }: ForestJob, node: Node, column: number): boolean {
  const list = codes[column];
  for (let k = node.begin; k < node.end; k++) if (list[rows[k]] === 0) return true;
  return false;
}

function fillHistogram(job: ForestJob, histogram: number, begin: number, end: number, chosen: Int32Array): void {
  const { kernels, layout, words } = job;
  const base = addressOf(job, histogram);
  const { columns } = layout.table;
  const shift = shiftOf(job);
  for (const j of chosen) words.fill(0, (base + layout.cells[j]) >> 2, (base + layout.cells[j] + 16 * layout.arms * columns[j].bins) >> 2);
  for (let first = begin; first < end; first += blockRows) {
    const from = job.rowsAt + 4 * first;
    const to = job.rowsAt + 4 * Math.min(end, first + blockRows);
    kernels.gatherArms(from, to, layout.records, layout.arm, job.gatheredAt);
    const four: number[] = [];
    for (const j of chosen) {
      if (columns[j].wide) kernels.histogramArmsWide(from, to, job.gatheredAt, shift, 16 * layout.arms, columns[j].codes, base + layout.cells[j]);
      else if (four.push(j) === 4) {
        const [a, b, c, d] = four;
        const [ca, cb, cc, cd] = [columns[a].codes, columns[b].codes, columns[c].codes, columns[d].codes];
        const [ha, hb, hc, hd] = [layout.cells[a], layout.cells[b], layout.cells[c], layout.cells[d]];
        kernels.histogramArms4(from, to, job.gatheredAt, shift, 16 * layout.arms, ca, cb, cc, cd, base + ha, base + hb, base + hc, base + hd);
        four.length = 0;
      }
    }
    for (const j of four) kernels.histogramArms1(from, to, job.gatheredAt, shift, 16 * layout.arms, columns[j].codes, base + layout.cells[j]);
  }
}
void leafOf;
