import { dataError } from "../../base/errors.ts";
import type { State } from "../../base/state.ts";
import { nodeWords } from "./codeForest.ts";
import { type LearnedForest, restoreUpliftForest } from "./upliftForest.ts";

/** A node of an uplift tree as a reader wants it. */
export interface TreeNode {
  /** How rows come here from the node above; "all rows" at the root. */
  readonly path: string;
  /** Rows that estimated the node, by arm, control first. */
  readonly rows: readonly number[];
  /** Mean outcome of each arm, and effect of each treated arm, in units of the outcome. */
  readonly outcome: readonly number[];
  readonly effect: readonly number[];
  readonly children: readonly TreeNode[];
}

/** A tree as plain data, for text and pictures. */
export interface ReadableTree {
  readonly arms: readonly string[];
  readonly root: TreeNode;
}

/**
 * One tree of a fitted uplift forest, from the forest's state (`await fitted.state()`).
 * @param tree which one, from 0
 * @throws LiftwiseError (data) where the state is not an uplift forest's, or has no such tree
 */
export function readableTree(state: State, tree = 0): ReadableTree {
  const learned = restoreUpliftForest(state);
  const { roots } = learned.forest;
  if (!(Number.isInteger(tree) && tree >= 0 && tree < roots.length))
    throw dataError(`uplift forest: there is no tree ${tree}; the trees are 0 to ${roots.length - 1}`);
  return { arms: learned.arms, root: nodeAt(learned, roots[tree], "all rows") };
}

function nodeAt(learned: LearnedForest, node: number, path: string): TreeNode {
  const { forest, arms, rows } = learned;
  const count = arms.length;
  // Values of inner nodes stand in the order of the nodes.
  const outcome = Array.from(forest.values.subarray(node * count, (node + 1) * count));
  const column = forest.nodes[nodeWords * node];
  const left = forest.nodes[nodeWords * node + 2];
  const ways = column < 0 ? undefined : conditions(learned, column, forest.nodes[nodeWords * node + 1]);
  return {
    path,
    rows: Array.from(rows.subarray(node * count, (node + 1) * count)),
    outcome,
    effect: outcome.slice(1).map((mean) => mean - outcome[0]),
    children: ways === undefined ? [] : [nodeAt(learned, left, ways[0]), nodeAt(learned, left + 1, ways[1])],
  };
}

function conditions({ columns, forest }: LearnedForest, column: number, test: number): [string, string] {
  const { name, kind, bins, cuts, levels } = columns[column];
  if (kind === "category") {
    const side = (bit: number): string => {
      const codes = Array.from({ length: bins }, (_, code) => code).filter((code) => ((forest.sets[test + (code >> 5)] >>> (code & 31)) & 1) === bit);
      return `${name} is ${listed(codes.map((code) => (code === 0 ? "missing" : levels[code - 1])))}`;
    };
    return [side(1), side(0)];
  }
  const missingLeft = test < 0;
  const cut = missingLeft ? ~test : test;
  const or = (side: boolean): string => (side === missingLeft ? " or missing" : "");
  if (cut > cuts.length) return [`${name} is there`, `${name} is missing`];
  return [`${name} <= ${short(cuts[cut - 1])}${or(true)}`, `${name} > ${short(cuts[cut - 1])}${or(false)}`];
}

function listed(names: readonly string[], most = 6): string {
  return names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;
}

const short = (value: number): string => String(Number(value.toPrecision(4)));
const signed = (value: number): string => `${value >= 0 ? "+" : ""}${short(value)}`;

function effectLines({ arms }: ReadableTree, { effect }: TreeNode): string[] {
  return effect.map((value, a) => (effect.length === 1 ? signed(value) : `${arms[a + 1]} ${signed(value)}`));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The tree in lines of text, one a node: how to get there, rows, effects. */
export function treeText(tree: ReadableTree): string {
  const lines: string[] = [];
  const write = (node: TreeNode, lead: string, below: string): void => {
    lines.push(`${lead}${node.path}: ${sum(node.rows)} rows, effect ${effectLines(tree, node).join(", ")}`);
    node.children.forEach((child, k) => {
      const last = k === node.children.length - 1;
      write(child, `${below}${last ? "└─ " : "├─ "}`, `${below}${last ? "   " : "│  "}`);
    });
  };
  write(tree.root, "", "");
  return lines.join("\n");
}

const box = { width: 200, line: 14, gap: 14, drop: 40 } as const;

/** The tree as an SVG picture: boxes shaded by the largest effect, green above 0 and red below. */
export function treeSvg(tree: ReadableTree): string {
  const parts: string[] = [];
  const height = 8 + box.line * (2 + tree.root.effect.length);
  let next = 0;
  let deepest = 0;
  const strongest = Math.max(...allEffects(tree.root).map(Math.abs), Number.MIN_VALUE);
  /** Draws a node and all below it; returns where its middle is. */
  const draw = (node: TreeNode, depth: number): number => {
    deepest = Math.max(deepest, depth);
    const below = node.children.map((child) => draw(child, depth + 1));
    const middle = below.length === 0 ? next++ * (box.width + box.gap) + box.width / 2 : (below[0] + below[below.length - 1]) / 2;
    const top = depth * (height + box.drop);
    for (const x of below) parts.unshift(`<path d="M${middle} ${top + height}L${x} ${top + height + box.drop}" stroke="#888" fill="none"/>`);
    const best = node.effect.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
    const shade = `fill="${best >= 0 ? "#2a9d5c" : "#c8452d"}" fill-opacity="${((0.65 * Math.abs(best)) / strongest).toFixed(3)}"`;
    parts.push(`<rect x="${middle - box.width / 2}" y="${top}" width="${box.width}" height="${height}" rx="5" ${shade} stroke="#666"/>`);
    [node.path, `${sum(node.rows)} rows`, ...effectLines(tree, node)].forEach((text, line) => {
      const weight = line === 0 ? ' font-weight="bold"' : "";
      parts.push(
        `<text x="${middle}" y="${top + 15 + box.line * line}" text-anchor="middle"${weight}><title>${escaped(text)}</title>${escaped(cropped(text))}</text>`,
      );
    });
    return middle;
  };
  draw(tree.root, 0);
  const width = next * (box.width + box.gap) - box.gap;
  const whole = deepest * (height + box.drop) + height;
  const frame = `viewBox="-1 -1 ${width + 2} ${whole + 2}" width="${width + 2}" height="${whole + 2}" font-family="DejaVu Sans, sans-serif" font-size="11"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${frame} role="img" aria-label="uplift tree">${parts.join("")}</svg>`;
}

function allEffects(node: TreeNode): number[] {
  return [...node.effect, ...node.children.flatMap(allEffects)];
}

const cropped = (text: string): string => (text.length > 30 ? `${text.slice(0, 29)}…` : text);
const escaped = (text: string): string => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
