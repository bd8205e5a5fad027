import { scanArms } from "./effectSplit.ts";
import { argument, blockRows, bounds, gatheredAt, type Job, largeAt, nodeWords, number } from "./layout.ts";
import { foundSize, type NodeSums, type SplitLimits, scanCategory, scanNumber } from "./split.ts";

/**
 * What threads do in step when a boosted tree is grown. Each takes a task (a chunk of rows, a column, a leaf) and the slot of the thread
 * that does it; what else it needs to know stands in the job's arguments.
 */
export const operation = { peaks: 0, records: 1, histogram: 2, search: 3, part: 4, join: 5, addLeaves: 6, walk: 7 } as const;

export function operate(job: Job, which: number, task: number, slot: number): void {
  if (which === operation.peaks) findPeaks(job, task, slot);
  else if (which === operation.records) writeRecords(job, task, slot);
  else if (which === operation.histogram) addToHistogram(job, task, slot);
  else if (which === operation.search) searchColumn(job, task);
  else if (which === operation.part) part(job, task);
  else if (which === operation.join) join(job, task);
  else if (which === operation.addLeaves) addLeaf(job, task);
  else walk(job, task);
}

type Slopes = (g: Float64Array, h: Float64Array, begin: number, end: number) => void;

/** Weighted gradients and curvatures of a chunk of rows, block by block; of those that `squaredPairs` leaves. */
function forSlopes(job: Job, task: number, slot: number, use: Slopes): void {
  const { layout, loss, y, score, weight } = job;
  const scratch = layout.buffers + slot * layout.bufferBytes + gatheredAt(layout) + 16 * blockRows;
  const g = new Float64Array(job.words.buffer, scratch, blockRows);
  const h = new Float64Array(job.words.buffer, scratch + 8 * blockRows, blockRows);
  const last = Math.min(layout.table.rows, (task + 1) * layout.chunk);
  const first = plainSquared(job) ? Math.max(task * layout.chunk, (last >> 1) << 1) : task * layout.chunk;
  for (let begin = first; begin < last; begin += blockRows) {
    const end = Math.min(last, begin + blockRows);
    loss.slopes(y, score, g, h, begin, end);
    if (weight !== undefined) {
      for (let i = begin; i < end; i++) {
        g[i - begin] *= weight[i];
        h[i - begin] *= weight[i];
      }
    }
    use(g, h, begin, end);
  }
}

/** Largest gradient and curvature of a chunk: they decide the units. */
function findPeaks(job: Job, task: number, slot: number): void {
  let mostG = squaredPairs(job, task, 0, 0);
  let mostH = plainSquared(job) ? 1 : 0;
  forSlopes(job, task, slot, (g, h, begin, end) => {
    for (let k = 0; k < end - begin; k++) {
      const size = Math.abs(g[k]);
      if (size > mostG) mostG = size;
      if (h[k] > mostH) mostH = h[k];
    }
  });
  job.peaks[2 * task] = mostG;
  job.peaks[2 * task + 1] = mostH;
}

/** Adding and taking away this rounds to the nearest whole number, half to even, up to 2^51. */
const rounding = 6_755_399_441_055_744;

function writeRecords(job: Job, task: number, slot: number): void {
  const { records, numbers } = job;
  const perG = 1 / numbers[number.gUnit];
  const perH = 1 / numbers[number.hUnit];
  squaredPairs(job, task, perG, perH);
  forSlopes(job, task, slot, (g, h, begin, end) => {
    for (let i = begin, k = 0; i < end; i++, k++) {
      records[2 * i] = g[k] * perG + rounding - rounding;
      const curvature = h[k] * perH;
      // A curvature above 0 stays above 0: a leaf with rows has some.
      records[2 * i + 1] = curvature > 0 && curvature < 1 ? 1 : curvature + rounding - rounding;
    }
  });
}

const plainSquared = ({ layout, weight }: Job): boolean => layout.loss === "squared" && weight === undefined;

/** The records of unweighted squared loss come from a kernel, but for the last of an odd number of rows. */
function squaredPairs(job: Job, task: number, perG: number, perH: number): number {
  const { layout, kernels } = job;
  if (!plainSquared(job)) return 0;
  const begin = task * layout.chunk;
  const end = (Math.min(layout.table.rows, begin + layout.chunk) >> 1) << 1;
  if (end <= begin) return 0;
  return kernels.squaredRecords(layout.y + 8 * begin, layout.y + 8 * end, layout.score + 8 * begin, layout.records + 8 * begin, perH, perG);
}

/** Adds a chunk of the node's rows to the thread's own histogram. */
function addToHistogram(job: Job, task: number, slot: number): void {
  const { layout, kernels, written, words, arguments: args } = job;
  const cells = layout.buffers + slot * layout.bufferBytes;
  const gathered = cells + gatheredAt(layout);
  if (written[slot] !== args[argument.tag]) {
    words.fill(0, cells >> 2, (cells + layout.cellBytes) >> 2);
    written[slot] = args[argument.tag];
  }
  const first = args[argument.begin] + task * layout.chunk;
  const last = Math.min(args[argument.end], first + layout.chunk);
  for (let begin = first; begin < last; begin += blockRows) {
    const from = layout.rows + 4 * begin;
    const to = layout.rows + 4 * Math.min(last, begin + blockRows);
    if (layout.arms > 1) kernels.gatherArms(from, to, layout.records, layout.arm, gathered);
    else kernels.gather(from, to, layout.records, gathered);
    addColumns(job, from, to, gathered, cells);
  }
}

/** Columns of one byte a code go four at a time. */
function addColumns(job: Job, from: number, to: number, gathered: number, cells: number): void {
  const { layout, kernels, chosen } = job;
  const shift = job.numbers[number.countShift];
  const codes = (j: number): number => layout.table.columns[j].codes;
  const at = (j: number): number => cells + layout.cells[j];
  const stride = 16 * layout.arms;
  const [wide, single, quadruple] =
    layout.arms > 1
      ? [kernels.histogramArmsWide, kernels.histogramArms1, kernels.histogramArms4]
      : [kernels.histogramWide, kernels.histogram1, kernels.histogram4];
  const four: number[] = [];
  for (let k = 0; k < job.arguments[argument.columns]; k++) {
    const j = chosen[k];
    if (layout.table.columns[j].wide) wide(from, to, gathered, shift, stride, codes(j), at(j));
    else if (four.push(j) === 4) {
      const [a, b, c, d] = four;
      quadruple(from, to, gathered, shift, stride, codes(a), codes(b), codes(c), codes(d), at(a), at(b), at(c), at(d));
      four.length = 0;
    }
  }
  for (const j of four) single(from, to, gathered, shift, stride, codes(j), at(j));
}

/** On one column: sums the threads' histograms of the smaller child, takes them off the parent's, which leaves the larger child's, and searches both. */
function searchColumn(job: Job, task: number): void {
  const { layout, kernels, words, written, arguments: args } = job;
  const j = job.chosen[task];
  const bytes = 16 * layout.arms * layout.table.columns[j].bins;
  const small = layout.histograms + args[argument.small] * layout.cellBytes + layout.cells[j];
  const large = layout.histograms + args[argument.large] * layout.cellBytes + layout.cells[j];
  let first = true;
  for (let slot = 0; slot < layout.threads; slot++) {
    if (written[slot] !== args[argument.tag]) continue;
    const from = layout.buffers + slot * layout.bufferBytes + layout.cells[j];
    if (first) words.copyWithin(small >> 2, from >> 2, (from + bytes) >> 2);
    else kernels.addCells(small, from, bytes);
    first = false;
  }
  if (args[argument.large] >= 0) kernels.subtractCells(large, small, bytes);
  if (args[argument.searchSmall] === 1) searchIn(job, j, small >> 2, number.small, task);
  if (args[argument.searchLarge] === 1) searchIn(job, j, large >> 2, largeAt(layout.arms), args[argument.columns] + task);
}

function searchIn(job: Job, j: number, base: number, from: number, place: number): void {
  const { words, splits, numbers, layout } = job;
  const { kind, bins } = layout.table.columns[j];
  const at = place * foundSize(layout.arms);
  const shift = numbers[number.countShift];
  if (layout.arms > 1)
    scanArms(
      words,
      base,
      bins,
      kind === "category",
      shift,
      numbers.subarray(from + bounds.sums, from + bounds.sums + 3 * layout.arms),
      limitsOf(numbers),
      splits,
      at,
    );
  else if (kind === "number") scanNumber(words, base, bins, shift, sumsAt(numbers, from), layout.monotone[j], limitsOf(numbers), splits, at);
  else scanCategory(words, base, bins, shift, sumsAt(numbers, from), limitsOf(numbers), splits, at);
}

export function limitsOf(numbers: Float64Array): SplitLimits {
  const at = number.limits;
  return {
    minRows: numbers[at],
    minWeight: numbers[at + 1],
    minGain: numbers[at + 2],
    l1: numbers[at + 3],
    l2: numbers[at + 4],
    categorySmoothing: numbers[at + 5],
    effectL2: numbers[at + 6],
    minArmRows: numbers[at + 7],
  };
}

function sumsAt(numbers: Float64Array, at: number): NodeSums {
  return { low: numbers[at + bounds.low], high: numbers[at + bounds.high], g: numbers[at + 2], h: numbers[at + 3], n: numbers[at + 4] };
}

/** Parts a chunk of the node's rows: those that go left in front, the others behind them in reverse. */
function part(job: Job, task: number): void {
  const { layout, kernels, arguments: args } = job;
  const first = args[argument.begin] + task * layout.chunk;
  const last = Math.min(args[argument.end], first + layout.chunk);
  const [rows, end] = [layout.rows + 4 * first, layout.rows + 4 * last];
  const [left, right] = [layout.parted + 4 * first, layout.parted + 4 * last];
  const { code, from, span } = { code: args[argument.code], from: args[argument.from], span: args[argument.span] };
  const wide = args[argument.wide] === 1;
  const leftEnd =
    span >= 0
      ? (wide ? kernels.partitionWide : kernels.partition)(rows, end, code, from, span, left, right)
      : (wide ? kernels.partitionSetWide : kernels.partitionSet)(rows, end, code, from, left, right);
  job.leftParts[task] = (leftEnd - left) >> 2;
}

/** Brings a parted chunk to its place. `leftParts` has become where each chunk's left part begins, with the end of the last one behind it. */
function join(job: Job, task: number): void {
  const { layout, kernels, words, leftParts, arguments: args } = job;
  const first = args[argument.begin] + task * layout.chunk;
  const last = Math.min(args[argument.end], first + layout.chunk);
  const to = leftParts[task];
  const count = leftParts[task + 1] - to;
  const parted = layout.parted >> 2;
  words.copyWithin((layout.rows >> 2) + to, parted + first, parted + first + count);
  const rightTo = args[argument.leftEnd] + (first - to);
  if (first + count < last) kernels.copyReversed(layout.parted + 4 * (first + count), layout.parted + 4 * last, layout.rows + 4 * rightTo);
}

/** Adds a leaf's value to the scores of its rows. */
function addLeaf(job: Job, task: number): void {
  const { layout, kernels, spans } = job;
  const [node, begin, end] = [spans[3 * task], spans[3 * task + 1], spans[3 * task + 2]];
  const scale = job.numbers[number.scale];
  if (layout.arms > 1) {
    for (let k = begin; k < end; k++) {
      const i = job.rows[k];
      job.score[i] += scale * job.nodeValues[node * layout.arms + job.arm[i]];
    }
    return;
  }
  const amount = scale * job.nodeValues[node];
  if (begin < end) kernels.addTo(layout.rows + 4 * begin, layout.rows + 4 * end, layout.score, amount);
}

/** Adds the tree's value to the scores of rows it was not grown on. */
function walk(job: Job, task: number): void {
  const { layout, nodes, words, bytes, halves, others, score, nodeValues } = job;
  const { columns } = layout.table;
  const { arms } = layout;
  const scale = job.numbers[number.scale];
  const last = Math.min(job.arguments[argument.others], (task + 1) * layout.chunk);
  for (let k = task * layout.chunk; k < last; k++) {
    const i = others[k];
    let node = 0;
    for (let at = 0; nodes[at] >= 0; at = nodeWords * node) {
      const { wide, codes } = columns[nodes[at]];
      const code = wide ? halves[(codes >> 1) + i] : bytes[codes + i];
      const from = nodes[at + 1];
      const span = nodes[at + 2];
      const goesLeft = span >= 0 ? (code - from) >>> 0 < span : ((words[(from >> 2) + (code >> 5)] >> (code & 31)) & 1) === 1;
      node = nodes[at + 3] + (goesLeft ? 0 : 1);
    }
    score[i] += scale * nodeValues[arms > 1 ? node * arms + job.arm[i] : node];
  }
}
