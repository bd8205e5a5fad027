import { armValues, categoryOrder } from "./effectSplit.ts";
import { addLeaf, type ForestDraft } from "./forest.ts";
import { argument, bounds, type Job, largeAt, nodeWords, number } from "./layout.ts";
import { limitsOf, operation } from "./operations.ts";
import { addCells, categorySet, found, foundSize, leafValue, type NodeSums, type SplitLimits, scanCategory } from "./split.ts";
import type { Team } from "./team.ts";

/** Limits of a tree, in real units. */
export interface GrowLimits extends SplitLimits {
  readonly maxLeaves: number;
  readonly maxDepth: number;
}

interface Leaf {
  /** Gradients, curvatures and rows of each arm. */
  readonly sums: Float64Array;
  /** Bounds its value must keep because of monotone columns above it. */
  readonly low: number;
  readonly high: number;
  /** Index in the draft, and in the tree that is being grown. */
  readonly node: number;
  readonly local: number;
  readonly begin: number;
  readonly end: number;
  readonly depth: number;
  /** Histogram of its own while it can be split, else -1. */
  readonly histogram: number;
  readonly column: number;
  readonly split: Float64Array | undefined;
}

interface Growth {
  readonly job: Job;
  readonly draft: ForestDraft;
  readonly limits: GrowLimits;
  readonly inUnits: SplitLimits;
  readonly columns: number;
  /** Histograms nobody uses. */
  readonly free: number[];
  /** Where the next set of categories goes. */
  sets: number;
  readonly team: Team;
  readonly solo: Team;
}

/** A phase with less work than this (rows times columns, about a nanosecond each) is over before another thread wakes. */
export const worthSharing = 120_000;

/**
 * Grows one tree leaf by leaf, splitting where most is gained (Ke2017, section 2), on the first `rows` entries of the job's list and the
 * first `columns` of the chosen, and appends it to the draft. Units and records must have been written.
 *
 * @returns the number of leaves; the job's spans say where the rows of each are
 */
export async function growTree(job: Job, draft: ForestDraft, rows: number, columns: number, limits: GrowLimits, team: Team, solo: Team): Promise<number> {
  writeLimits(job, limits);
  job.arguments[argument.columns] = columns;
  const free = Array.from({ length: job.layout.leaves }, (_, k) => job.layout.leaves - 1 - k);
  const growth: Growth = { job, draft, limits, inUnits: limitsOf(job.numbers), columns, free, sets: job.layout.sets, team, solo };
  draft.roots.push(draft.feature.length);
  const leaves = [await growRoot(growth, rows)];
  while (leaves.length < limits.maxLeaves) {
    const pick = richest(leaves);
    if (pick < 0) break;
    const children = await divide(growth, leaves[pick], 2 * leaves.length - 1);
    const [left, right] = leaves.length + 1 < limits.maxLeaves ? await searchBoth(growth, children, leaves[pick].histogram) : children;
    leaves[pick] = left;
    leaves.push(right);
  }
  for (let k = 0; k < leaves.length; k++) job.spans.set([leaves[k].local, leaves[k].begin, leaves[k].end], 3 * k);
  return leaves.length;
}

/** The leaf whose split gains most, the first of equals; -1 where none can be split. */
function richest(leaves: readonly Leaf[]): number {
  let pick = -1;
  let most = 0;
  for (let k = 0; k < leaves.length; k++) {
    const gain = leaves[k].split?.[found.gain] ?? 0;
    if (gain > most) [pick, most] = [k, gain];
  }
  return pick;
}

async function run({ team, solo }: Growth, which: number, tasks: number, work: number): Promise<void> {
  const others = (work < worthSharing ? solo : team).phase(which, tasks);
  if (others !== undefined) await others;
}

const chunks = ({ job }: Growth, begin: number, end: number): number => Math.ceil((end - begin) / job.layout.chunk);

function makeLeaf(growth: Growth, sums: Float64Array, [low, high]: readonly [number, number], local: number, begin: number, end: number, depth: number): Leaf {
  const { job, draft, inUnits } = growth;
  const { arms } = job.layout;
  const [gUnit, hUnit] = [job.numbers[number.gUnit], job.numbers[number.hUnit]];
  const values = new Float64Array(arms);
  if (arms === 1) values[0] = leafValue(sums[0], sums[1], inUnits.l1, inUnits.l2, low, high);
  else armValues(sums, 0, arms, inUnits.l2, inUnits.effectL2, values);
  let weight = 0;
  for (let k = 0; k < arms; k++) {
    values[k] *= gUnit / hUnit;
    weight += sums[3 * k + 1] * hUnit;
  }
  job.nodes[nodeWords * local] = -1;
  job.nodeValues.set(values, local * arms);
  return { sums, low, high, node: addLeaf(draft, values, weight), local, begin, end, depth, histogram: -1, column: -1, split: undefined };
}

function splittable({ limits }: Growth, { begin, end, depth }: Leaf): boolean {
  return end - begin >= 2 * limits.minRows && end - begin >= 2 && depth < limits.maxDepth;
}

async function growRoot(growth: Growth, rows: number): Promise<Leaf> {
  const { job, columns } = growth;
  const { layout } = job;
  await addHistograms(growth, 0, rows);
  const j = job.chosen[0];
  const sums = new Float64Array(3 * layout.arms);
  for (let slot = 0; slot < layout.threads; slot++) {
    if (job.written[slot] !== job.arguments[argument.tag]) continue;
    const base = (layout.buffers + slot * layout.bufferBytes + layout.cells[j]) >> 2;
    addCells(job.words, base, layout.table.columns[j].bins, job.numbers[number.countShift], sums);
  }
  const root = makeLeaf(growth, sums, [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY], 0, 0, rows, 0);
  if (!splittable(growth, root)) return root;
  const slot = growth.free.pop() as number;
  writeSearch(job, slot, -1, root, undefined);
  await run(growth, operation.search, columns, columns * 1000);
  return settle(growth, root, slot, 0);
}

async function addHistograms(growth: Growth, begin: number, end: number): Promise<void> {
  const args = growth.job.arguments;
  args[argument.begin] = begin;
  args[argument.end] = end;
  args[argument.tag]++;
  await run(growth, operation.histogram, chunks(growth, begin, end), (end - begin) * growth.columns);
}

/** Best splits of two new leaves: only the smaller one's rows are gone over, the rest is subtraction from their parent's histogram. */
async function searchBoth(growth: Growth, [left, right]: [Leaf, Leaf], parent: number): Promise<[Leaf, Leaf]> {
  const { job, free, columns } = growth;
  const [small, large] = left.end - left.begin <= right.end - right.begin ? [left, right] : [right, left];
  const wanted = { small: splittable(growth, small), large: splittable(growth, large) };
  if (!wanted.small && !wanted.large) {
    free.push(parent);
    return [left, right];
  }
  await addHistograms(growth, small.begin, small.end);
  const slot = free.pop() as number;
  writeSearch(job, slot, parent, wanted.small ? small : undefined, wanted.large ? large : undefined);
  await run(growth, operation.search, columns, columns * 1000);
  const smallDone = settle(growth, small, slot, wanted.small ? 0 : -1);
  const largeDone = settle(growth, large, parent, wanted.large ? columns : -1);
  return small === left ? [smallDone, largeDone] : [largeDone, smallDone];
}

/** The leaf with the best of the splits found from `place` on; without one it gives its histogram back. */
function settle({ job, columns, free }: Growth, leaf: Leaf, histogram: number, place: number): Leaf {
  let best = -1;
  let most = 0;
  const searched = place < 0 ? 0 : columns;
  for (let k = 0; k < searched; k++) {
    const gain = job.splits[(place + k) * foundSize(job.layout.arms)];
    if (gain > most) [best, most] = [k, gain];
  }
  if (best < 0) {
    free.push(histogram);
    return leaf;
  }
  const size = foundSize(job.layout.arms);
  const at = (place + best) * size;
  return { ...leaf, histogram, column: job.chosen[best], split: job.splits.slice(at, at + size) };
}

/** Splits a leaf into the local nodes `into` and `into + 1`: writes the split down and parts the rows. */
async function divide(growth: Growth, leaf: Leaf, into: number): Promise<[Leaf, Leaf]> {
  const { job, draft } = growth;
  const split = leaf.split as Float64Array;
  writeSplit(growth, leaf, split, into);
  const middle = await partRows(growth, leaf);
  const { kind, bins } = job.layout.table.columns[leaf.column];
  const direction = kind === "number" && split[found.cut] < bins - 1 ? job.layout.monotone[leaf.column] : 0;
  const left = split.slice(found.leftG);
  const right = leaf.sums.map((value, k) => value - left[k]);
  const [below, above] = childBounds(leaf, left, right, direction, growth.inUnits);
  draft.left[leaf.node] = draft.feature.length;
  return [makeLeaf(growth, left, below, into, leaf.begin, middle, leaf.depth + 1), makeLeaf(growth, right, above, into + 1, middle, leaf.end, leaf.depth + 1)];
}

function writeSplit(growth: Growth, leaf: Leaf, split: Float64Array, into: number): void {
  const { job, draft } = growth;
  const { layout, nodes, numbers } = job;
  const { kind, bins, cuts } = layout.table.columns[leaf.column];
  const at = nodeWords * leaf.local;
  const cut = split[found.cut];
  let missingLeft = split[found.missingLeft] === 1;
  if (kind === "number") {
    nodes[at + 1] = missingLeft ? 0 : 1;
    nodes[at + 2] = missingLeft ? cut + 1 : cut;
    draft.split[leaf.node] = cut > cuts.length ? Number.POSITIVE_INFINITY : cuts[cut - 1];
  } else {
    const base = (layout.histograms + leaf.histogram * layout.cellBytes + layout.cells[leaf.column]) >> 2;
    const shift = numbers[number.countShift];
    const order =
      layout.arms > 1
        ? categoryOrder(job.words, base, bins, shift, layout.arms, growth.inUnits, split[found.order])
        : scanCategory(job.words, base, bins, shift, sumsOf(leaf), growth.inUnits, split.slice(), 0);
    let leftRows = 0;
    for (let at = found.leftN; at < split.length; at += 3) leftRows += split[at];
    const words = categorySet(order, split[found.cut], leftRows, bins, leaf.end - leaf.begin);
    job.words.set(words, growth.sets >> 2);
    nodes[at + 1] = growth.sets;
    nodes[at + 2] = -1;
    growth.sets += 4 * words.length;
    draft.split[leaf.node] = draft.sets.length;
    for (const word of words) draft.sets.push(word);
    missingLeft = (words[0] & 1) === 1;
  }
  nodes[at] = leaf.column;
  nodes[at + 3] = into;
  draft.feature[leaf.node] = leaf.column;
  draft.missingLeft[leaf.node] = missingLeft ? 1 : 0;
  draft.gain[leaf.node] = (split[found.gain] * numbers[number.gUnit] ** 2) / numbers[number.hUnit];
}

/** @returns where the right child's rows begin */
async function partRows(growth: Growth, leaf: Leaf): Promise<number> {
  const { nodes, leftParts, arguments: args, layout } = growth.job;
  const { codes, wide } = layout.table.columns[leaf.column];
  const at = nodeWords * leaf.local;
  args[argument.begin] = leaf.begin;
  args[argument.end] = leaf.end;
  args[argument.code] = codes;
  args[argument.wide] = wide ? 1 : 0;
  args[argument.from] = nodes[at + 1];
  args[argument.span] = nodes[at + 2];
  const tasks = chunks(growth, leaf.begin, leaf.end);
  await run(growth, operation.part, tasks, 4 * (leaf.end - leaf.begin));
  let place = leaf.begin;
  for (let task = 0; task < tasks; task++) {
    const count = leftParts[task];
    leftParts[task] = place;
    place += count;
  }
  leftParts[tasks] = place;
  args[argument.leftEnd] = place;
  await run(growth, operation.join, tasks, 2 * (leaf.end - leaf.begin));
  return place;
}

/** Bounds of both children: below a monotone split neither side may pass the middle of the two values. */
function childBounds(
  leaf: Leaf,
  left: Float64Array,
  right: Float64Array,
  direction: number,
  limits: SplitLimits,
): [readonly [number, number], readonly [number, number]] {
  const { low, high } = leaf;
  if (direction === 0)
    return [
      [low, high],
      [low, high],
    ];
  const value = (sums: Float64Array): number => leafValue(sums[0], sums[1], limits.l1, limits.l2, low, high);
  const middle = (value(left) + value(right)) / 2;
  return direction > 0
    ? [
        [low, middle],
        [middle, high],
      ]
    : [
        [middle, high],
        [low, middle],
      ];
}

const sumsOf = ({ sums, low, high }: Leaf): NodeSums => ({ g: sums[0], h: sums[1], n: sums[2], low, high });

function writeSearch(job: Job, small: number, large: number, smallLeaf: Leaf | undefined, largeLeaf: Leaf | undefined): void {
  const { arguments: args } = job;
  args[argument.small] = small;
  args[argument.large] = large;
  args[argument.searchSmall] = smallLeaf === undefined ? 0 : 1;
  args[argument.searchLarge] = largeLeaf === undefined ? 0 : 1;
  if (smallLeaf !== undefined) writeLeaf(job, smallLeaf, number.small);
  if (largeLeaf !== undefined) writeLeaf(job, largeLeaf, largeAt(job.layout.arms));
}

function writeLeaf({ numbers }: Job, { sums, low, high }: Leaf, at: number): void {
  numbers[at + bounds.low] = low;
  numbers[at + bounds.high] = high;
  numbers.set(sums, at + bounds.sums);
}

/** The limits in the units of the cells: a value is a multiple of gUnit / hUnit, a gain of gUnit^2 / hUnit. */
function writeLimits({ numbers }: Job, limits: GrowLimits): void {
  const [g, h] = [numbers[number.gUnit], numbers[number.hUnit]];
  const { minRows, minWeight, minGain, l1, l2, categorySmoothing, effectL2, minArmRows } = limits;
  numbers.set([minRows, minWeight / h, (minGain * h) / (g * g), l1 / g, l2 / h, categorySmoothing / h, effectL2 / h, minArmRows], number.limits);
}
