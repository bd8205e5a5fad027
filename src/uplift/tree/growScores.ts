import type { Rng } from "../../base/rng.ts";
import { type TreePart, nodeWords } from "./codeForest.ts";
import { leaves, partRows, testOf, wayOf } from "./divide.ts";
import { fewFound, restCode } from "../../learn/tree/kernels.ts";
import type { ForestJob } from "./layout.ts";
import { type Moments, outputsOf, type ScoreBounds, type ScoreFunction, scoreFunction } from "./moments.ts";
import { sampleColumns } from "./sample.ts";
import { bestCut, bestSubset, type CodeSums, codeSums, type NodeTotals, type ScoreSplit, totalsOf } from "./scoreSplit.ts";
import { addLeaf, divideLeaf, draftTree, type TreeDraft } from "./treeDraft.ts";

/** What a tree of a causal (or regression) forest is told. */
export interface ScoreTreeSettings {
  readonly moments: Moments;
  readonly bounds: ScoreBounds;
  readonly countShift: number;
  readonly minRows: number;
  /** Least share of a node's rows, and of its variation of treatment, on either side of a split. */
  readonly minShare: number;
  readonly maxDepth: number;
  readonly columns: number;
  readonly weighted: boolean;
}

/** A grown tree; its leaves hold mean moments. `gains` is what each column's splits gained. */
export interface ScoreTree extends TreePart {
  readonly gains: Float64Array;
}

interface Node {
  readonly node: number;
  readonly begin: number;
  readonly end: number;
  readonly depth: number;
}

interface Growth {
  readonly job: ForestJob;
  readonly settings: ScoreTreeSettings;
  readonly rng: Rng;
  readonly draft: TreeDraft;
  readonly gains: Float64Array;
  readonly scores: ScoreFunction;
  /** Planes of records: one a score, and one for the weight. */
  readonly planes: number;
  readonly sums: CodeSums;
  readonly keys: Int32Array;
  /** By column: whether nodes of few rows are searched on it by a kernel. */
  readonly inKernel: Uint8Array;
}

interface Found {
  /** Worth of the node unsplit. */
  readonly before: number;
  readonly column: number;
  readonly split: ScoreSplit;
}

/** Nodes of at most so many rows are searched by sorting them; larger ones by histogram. */
const fewRows = 64;
const wordSpan = 4_294_967_296;

/** Grows a tree on the first `grown` of the job's rows and estimates it on the first `estimated` of its estimation rows, or where that is 0 on those it was grown on. */
export function growScoreTree(job: ForestJob, grown: number, estimated: number, settings: ScoreTreeSettings, rng: Rng): ScoreTree {
  const { columns } = job.layout.table;
  const outputs = outputsOf(settings.moments);
  const scores = scoreFunction(settings.moments, settings.bounds, job.numbers);
  const widest = columns.reduce((most, { bins }) => Math.max(most, bins), fewRows);
  const growth: Growth = {
    job,
    settings,
    rng,
    draft: draftTree(outputs),
    gains: new Float64Array(columns.length),
    scores,
    planes: scores.count + (settings.weighted ? 1 : 0),
    sums: codeSums(widest, scores.count, settings.weighted),
    keys: new Int32Array(fewRows),
    inKernel: Uint8Array.from(columns, ({ kind, wide }) => (kind === "number" && !wide ? 1 : 0)),
  };
  const stack: Node[] = [{ node: addLeaf(growth.draft), begin: 0, end: grown, depth: 0 }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const children = split(growth, next);
    if (children !== undefined) stack.push(children[1], children[0]);
  }
  return estimated > 0 ? finish(growth, job.estimation, estimated) : finish(growth, job.rows, grown);
}

function split(growth: Growth, node: Node): [Node, Node] | undefined {
  const { job, settings, draft } = growth;
  const rows = node.end - node.begin;
  if (rows < 2 * settings.minRows || node.depth >= settings.maxDepth) return undefined;
  if (!writeRecords(growth, node)) return undefined;
  const chosen = sampleColumns(job.layout.table.columns.length, settings.columns, growth.rng);
  const found = bestSplit(growth, node, chosen);
  if (found === undefined) return undefined;
  const { column, split: best } = found;
  growth.gains[column] += (best.worth - found.before) * growth.scores.gainUnit;
  const way = wayOf(best, best.leftRows > rows - best.leftRows, job.layout.table.columns[column].bins);
  const left = divideLeaf(draft, node.node, column, testOf(draft, way));
  const middle = partRows(job, node.begin, node.end, column, way);
  return [
    { node: left, begin: node.begin, end: middle, depth: node.depth + 1 },
    { node: left + 1, begin: middle, end: node.end, depth: node.depth + 1 },
  ];
}

/** Pseudo-outcomes of the node's rows as whole numbers, plane after plane; false where the node has nothing to tell them apart. */
function writeRecords(growth: Growth, { begin, end }: Node): boolean {
  const { job, scores, planes } = growth;
  if (!scores.prepare(job.rows, begin, end)) return false;
  const n = end - begin;
  const at = job.gatheredAt >> 2;
  for (let plane = 0; plane < planes; plane++) {
    if (plane < scores.count) scores.write(plane, job.rows, begin, end, job.words, at + 2 * plane * n);
    else scores.writeWeight(job.rows, begin, end, job.words, at + 2 * plane * n);
  }
  return true;
}

function bestSplit(growth: Growth, node: Node, chosen: Int32Array): Found | undefined {
  const { job, settings, sums } = growth;
  const { columns } = job.layout.table;
  const rows = node.end - node.begin;
  const few = rows <= fewRows;
  // Few rows with one pseudo-outcome each have a kernel of their own, but for categories.
  const kernel = few && growth.planes === 1;
  let best = kernel ? cutFewRows(growth, node, chosen) : undefined;
  if (!few) fillHistograms(growth, node, chosen);
  let totals: NodeTotals | undefined;
  // In the same order whichever way a node is searched: of equal splits the first is kept.
  for (const j of inOrder(growth, chosen)) {
    if (kernel && growth.inKernel[j] === 1) continue;
    if (few) sortRows(growth, node, j);
    else readCells(growth, j);
    if (sums.count < 2) continue;
    totals ??= totalsOf(sums);
    const limits = { rows: Math.max(settings.minRows, settings.minShare * rows), variation: settings.minShare * totals.variation };
    const least = best?.split.worth ?? totals.worth;
    const { kind, bins } = columns[j];
    const split = kind === "number" ? bestCut(sums, totals, bins - 1, limits, least) : bestSubset(sums, totals, limits, least);
    if (split !== undefined) best = { before: totals.worth, column: j, split };
  }
  return best;
}

/** Numbers of one byte a code first, then the others. */
function inOrder({ inKernel }: Growth, chosen: Int32Array): number[] {
  return [...chosen.filter((j) => inKernel[j] === 1), ...chosen.filter((j) => inKernel[j] === 0)];
}

/** The best cut of a node of few rows over all its columns that the kernel can search. */
function cutFewRows({ job, settings, inKernel }: Growth, { begin, end }: Node, chosen: Int32Array): Found | undefined {
  const { kernels, words, fewAt, gatheredAt, rowsAt, layout } = job;
  const rows = end - begin;
  const [out, keys, list] = [fewAt >> 2, fewAt + 4 * fewFound.words, fewAt + 2048];
  let [score, variation] = [0, 0];
  for (let k = 0, at = gatheredAt >> 2; k < rows; k++, at += 2) {
    score += words[at];
    variation += words[at + 1];
  }
  let count = 0;
  for (const j of chosen) if (inKernel[j] === 1) words[(list >> 2) + count++] = layout.table.columns[j].codes;
  if (count === 0) return undefined;
  const least = Math.max(settings.minRows, settings.minShare * rows);
  const worth = (score * score) / rows;
  const columnsEnd = list + 4 * count;
  const to = rowsAt + 4 * end;
  if (
    kernels.cutFew(rowsAt + 4 * begin, to, list, columnsEnd, gatheredAt, keys, fewAt, score, rows, variation, least, settings.minShare * variation, worth) === 0
  )
    return undefined;
  const column = chosen.filter((j) => inKernel[j] === 1)[words[out + fewFound.column]];
  const cut = words[out + fewFound.cut];
  const missing = words[out + fewFound.missing] === 1;
  const split = {
    worth: job.doubles[fewAt >> 3],
    cut: cut === restCode ? layout.table.columns[column].bins - 1 : cut,
    missingLeft: missing ? words[out + fewFound.missingLeft] === 1 : undefined,
    leftRows: words[out + fewFound.leftRows],
  };
  return { before: worth, column, split };
}

const planeAt = (growth: Growth, plane: number): number => growth.job.histogramsAt + plane * growth.job.histogramBytes;

function fillHistograms(growth: Growth, { begin, end }: Node, chosen: Int32Array): void {
  const { kernels, layout, words, rowsAt, gatheredAt } = growth.job;
  const { countShift } = growth.settings;
  const { columns } = layout.table;
  const narrow = chosen.filter((j) => !columns[j].wide);
  for (let plane = 0; plane < growth.planes; plane++) {
    const base = planeAt(growth, plane);
    const records = gatheredAt + 8 * plane * (end - begin);
    for (const j of chosen) words.fill(0, (base + layout.cells[j]) >> 2, (base + layout.cells[j] + 16 * columns[j].bins) >> 2);
    const [from, to] = [rowsAt + 4 * begin, rowsAt + 4 * end];
    let k = 0;
    for (; k + 4 <= narrow.length; k += 4) {
      const [a, b, c, d] = [narrow[k], narrow[k + 1], narrow[k + 2], narrow[k + 3]];
      const [ca, cb, cc, cd] = [columns[a].codes, columns[b].codes, columns[c].codes, columns[d].codes];
      const { cells } = layout;
      kernels.histogram4(from, to, records, countShift, 0, ca, cb, cc, cd, base + cells[a], base + cells[b], base + cells[c], base + cells[d]);
    }
    for (; k < narrow.length; k++) kernels.histogram1(from, to, records, countShift, 0, columns[narrow[k]].codes, base + layout.cells[narrow[k]]);
    for (const j of chosen) if (columns[j].wide) kernels.histogramWide(from, to, records, countShift, 0, columns[j].codes, base + layout.cells[j]);
  }
}

/** The codes with rows and their sums, from a column's cells. */
function readCells(growth: Growth, column: number): void {
  const { sums, settings, scores } = growth;
  const { words, layout } = growth.job;
  const high = settings.countShift - 32;
  const mask = 2 ** high - 1;
  const { bins } = layout.table.columns[column];
  const base = (planeAt(growth, 0) + layout.cells[column]) >> 2;
  const step = growth.job.histogramBytes >> 2;
  let k = 0;
  for (let code = 0, cell = base; code < bins; code++, cell += 4) {
    const count = words[cell + 3] >>> high;
    if (count === 0) continue;
    sums.code[k] = code;
    sums.rows[k] = count;
    sums.variation[k] = (words[cell + 3] & mask) * wordSpan + (words[cell + 2] >>> 0);
    for (let plane = 0; plane < scores.count; plane++) {
      const at = cell + plane * step;
      sums.score[plane][k] = words[at + 1] * wordSpan + (words[at] >>> 0);
    }
    if (settings.weighted) {
      const at = cell + scores.count * step;
      sums.weight[k] = words[at + 1] * wordSpan + (words[at] >>> 0);
    }
    k++;
  }
  sums.count = k;
}

/** The same from the rows themselves, sorted by code: cheaper where there are few. */
function sortRows(growth: Growth, { begin, end }: Node, column: number): void {
  const { sums, keys, scores, settings, job } = growth;
  const codes = job.codes[column];
  const { rows, words, gatheredAt } = job;
  const n = end - begin;
  for (let i = 0; i < n; i++) {
    const key = codes[rows[begin + i]] * fewRows + i;
    let k = i - 1;
    for (; k >= 0 && keys[k] > key; k--) keys[k + 1] = keys[k];
    keys[k + 1] = key;
  }
  const at = gatheredAt >> 2;
  let group = -1;
  let last = -1;
  for (let i = 0; i < n; i++) {
    const code = Math.floor(keys[i] / fewRows);
    const record = at + 2 * (keys[i] % fewRows);
    if (code !== last) {
      last = code;
      group++;
      sums.code[group] = code;
      sums.rows[group] = 0;
      sums.variation[group] = 0;
      sums.weight[group] = 0;
      for (let plane = 0; plane < scores.count; plane++) sums.score[plane][group] = 0;
    }
    sums.rows[group]++;
    sums.variation[group] += words[record + 1];
    for (let plane = 0; plane < scores.count; plane++) sums.score[plane][group] += words[record + 2 * plane * n];
    if (settings.weighted) sums.weight[group] += words[record + 2 * scores.count * n];
  }
  sums.count = group + 1;
}

/** Mean moments of the rows in each leaf; a leaf without any takes those of the nearest node above that has some. */
function finish(growth: Growth, list: Int32Array, count: number): ScoreTree {
  const { draft, job, scores, gains } = growth;
  const { outputs } = draft;
  const nodes = draft.nodes.length / nodeWords;
  const sums = new Float64Array(nodes * outputs);
  const rows = new Float64Array(nodes);
  const leaf = leaves(draft, job.layout.table.columns, job.codes, list, count);
  for (let k = 0; k < count; k++) {
    scores.addMoments(list[k], sums, leaf[k] * outputs);
    rows[leaf[k]]++;
  }
  for (let node = nodes - 1; node >= 0; node--) {
    const left = draft.nodes[nodeWords * node + 2];
    if (left === 0) continue;
    rows[node] = rows[left] + rows[left + 1];
    for (let k = 0; k < outputs; k++) sums[node * outputs + k] = sums[left * outputs + k] + sums[(left + 1) * outputs + k];
  }
  return { ...compact(draft, sums, rows), gains };
}

function compact(draft: TreeDraft, sums: Float64Array, rows: Float64Array): TreePart {
  const { outputs } = draft;
  const nodes = Int32Array.from(draft.nodes);
  const source = new Int32Array(rows.length);
  const values: number[] = [];
  for (let node = 0; node < rows.length; node++) {
    // Parents come before their children.
    if (rows[node] > 0 || node === 0) source[node] = node;
    const left = nodes[nodeWords * node + 2];
    if (left > 0) source[left] = source[left + 1] = source[node];
    else {
      nodes[nodeWords * node + 1] = values.length / outputs;
      const from = source[node];
      for (let k = 0; k < outputs; k++) values.push(rows[from] > 0 ? sums[from * outputs + k] / rows[from] : 0);
    }
  }
  return { roots: Int32Array.of(0), nodes, sets: Int32Array.from(draft.sets), values: Float64Array.from(values) };
}
