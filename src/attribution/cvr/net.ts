import { add, type Init, type Layer, matmul, nn, relu, slice, type Tensor } from "../../compute/index.ts";
import { expert, fanIn, featureGate } from "./expert.ts";
import type { ClickFields } from "./fields.ts";
import { classesOf, type Head, type Mechanism, type Structure } from "./structure.ts";
import { trunk, type TrunkOptions } from "./trunk.ts";

export interface ConversionNetOptions extends TrunkOptions {
  readonly structure: Structure;
  readonly main: Mechanism;
  /** May hold the main mechanism itself: a second head for the same label. */
  readonly auxiliaries: readonly Head[];
  /** Gradients of the losses will be changed one by one: heads then share no product, so that what a loss does not reach can be told. Defaults to false. */
  readonly apart?: boolean;
}

/** Logits by head: `main`, and `auxiliary.<head>` for each auxiliary one; [rows, classes]. */
export type Logits = Readonly<Record<string, Tensor>>;

const expertWidth = 256;
const towerWidths = [128, 64, 32];

/** Name of an auxiliary head among weights and losses; the main head is called `main`. */
export const auxiliaryName = (head: Head): string => `auxiliary-${head}`;

/** Query, key and value are one tensor in the official code, which gradient surgery tensor by tensor must see together. */
export function attentionBlock(name: string): string {
  return name.replace(/(\breaders\.\d+)\.(?:query|key|value)\./, "$1.in.");
}

/**
 * The family of conversion models of the multi-attribution benchmark (MAC2026; NATAL: MAL2025): trunk, experts, one tower a head.
 * Equal to the official implementation at the same weights; test/attribution/cvr holds it to that.
 */
export function conversionNet(fields: ClickFields, options: ConversionNetOptions): Layer<[batch: Readonly<Record<string, Tensor>>], Logits> {
  const { structure, main, auxiliaries, apart } = options;
  const bottom = trunk(fields, options);
  const names = ["main", ...(structure.auxiliaries ? auxiliaries.map(auxiliaryName) : [])];
  const classes = [main as Head, ...auxiliaries].map(classesOf);
  const middle = expertsOf(structure, bottom.outputs, names, apart);
  const towers = names.map((_, i) => tower(classes[i]));
  const fuse = structure.fusion ? towerWidths.map((width) => besideEachOther(width, names.length)) : [];
  const init: Init = {
    trunk: bottom.init,
    experts: middle.init,
    towers: Object.fromEntries(names.map((name, i) => [name, towers[i].init])),
    ...(structure.fusion ? { fusion: Object.fromEntries(fuse.map((layer, l) => [l, layer.init])) } : {}),
  };
  return {
    init,
    apply: (weights, batch) => {
      const w = weights as unknown as NetWeights;
      const hidden = middle.apply(w.experts as never, bottom.apply(w.trunk as never, batch));
      const logits: Record<string, Tensor> = {};
      // Activations of the auxiliary towers, by layer: knowledge flows from them to the main tower.
      const beside: Tensor[][] = towerWidths.map(() => []);
      for (let i = names.length - 1; i >= 1; i--) {
        logits[names[i]] = towers[i].apply(w.towers[names[i]], hidden[i], (layer, raw) => {
          const active = relu(raw);
          beside[layer].unshift(active);
          return active;
        });
      }
      logits.main = towers[0].apply(w.towers.main, hidden[0], (layer, raw) =>
        structure.fusion ? relu(add(fuse[layer].apply(w.fusion[layer], [raw, ...beside[layer]]), raw)) : relu(raw),
      );
      return logits;
    },
  };
}

type Part = Readonly<Record<string, Tensor>>;
interface NetWeights {
  readonly trunk: unknown;
  readonly experts: unknown;
  readonly towers: Readonly<Record<string, Readonly<Record<string, Part>>>>;
  readonly fusion: Readonly<Record<string, Part>>;
}

/** 256 -> 128 -> 64 -> 32 -> logits; `activate` turns each layer's raw output into what the next one reads. */
function tower(classes: number): Layer<[x: Tensor, activate: (layer: number, raw: Tensor) => Tensor], Tensor> {
  const widths = [expertWidth, ...towerWidths];
  const layers = towerWidths.map((width, l) => nn.dense(widths[l], width, { start: fanIn }));
  const last = nn.dense(towerWidths[towerWidths.length - 1], classes, { start: fanIn });
  return {
    init: { ...Object.fromEntries(layers.map((layer, l) => [l, layer.init])), out: last.init },
    apply: (weights, x, activate) => {
      const w = weights as Readonly<Record<string, Part>>;
      return last.apply(
        w.out,
        layers.reduce((h, layer, l) => activate(l, layer.apply(w[l], h)), x),
      );
    },
  };
}

/** A dense layer on `parts` inputs side by side, [rows, width] each. The weights are cut up instead of the inputs put together, which is less to copy. */
function besideEachOther(width: number, parts: number): Layer<[inputs: readonly Tensor[]], Tensor> {
  return {
    init: nn.dense(width * parts, width, { start: fanIn }).init,
    apply: (weights, inputs) => {
      const { w, b } = weights as Part;
      const products = inputs.map((x, k) => matmul(x, slice(w, 0, k * width, (k + 1) * width)));
      return add(products.reduce(add), b);
    },
  };
}

/** What each head's tower reads, in the order of `names`. */
function expertsOf(structure: Structure, inputs: number, names: readonly string[], apart?: boolean): Layer<[x: Tensor], Tensor[]> {
  const make = (): nn.Expert => expert(inputs, expertWidth);
  const tasks = names.length;
  if (structure.experts === "shared") return nn.mmoe({ inputs, tasks, expert: make, experts: 2, apart });
  if (structure.experts === "private") return nn.ple({ inputs, tasks, expert: make, shared: 1, perTask: 1, apart });
  if (structure.experts === "gated") return gatedExperts(inputs, tasks, make, apart);
  const one = make();
  return { init: { expert: one.init }, apply: (weights, x) => new Array<Tensor>(tasks).fill(one.apply(weights.expert as never, x)) };
}

/**
 * HoME (Wang2024home) as the benchmark has it. Its self-gates are a softmax over a single expert, which is 1: the private expert is
 * added whole, and the gates' weights would never learn, so there are none here.
 */
function gatedExperts(inputs: number, tasks: number, make: () => nn.Expert, apart?: boolean): Layer<[x: Tensor], Tensor[]> {
  const gated = Array.from({ length: tasks + 1 }, () => ({ filter: featureGate(inputs), expert: make() }));
  const gates = Array.from({ length: tasks }, () => nn.gate(inputs, 2));
  return {
    init: {
      experts: Object.fromEntries(gated.map(({ filter, expert }, i) => [i, { filter: filter.init, expert: expert.init }])),
      gates: Object.fromEntries(gates.map((gate, i) => [i, gate.init])),
    },
    apply: (weights, x) => {
      const w = weights as {
        readonly experts: Readonly<Record<string, { readonly filter: Part; readonly expert: Part }>>;
        readonly gates: Readonly<Record<string, Part>>;
      };
      const [common, ...own] = gated.map(({ filter, expert }, i) => expert.apply(w.experts[i].expert, filter.apply(w.experts[i].filter, x)));
      const chosen = gates.map((_, i) => w.gates[i]);
      const shares = nn.gatesOn(x, chosen, apart);
      return own.map((expert, i) => add(nn.mixture([common, expert], shares[i]), expert));
    },
  };
}
