import { type Layer, nn, squeeze, stack, type Step, type Tensor } from "../../compute/index.ts";

export interface HeadsOptions {
  /** Widths of the layers between representation and outcome. */
  readonly widths: readonly number[];
  readonly activation?: nn.Activation;
  readonly dropout?: number;
  /** Group of the heads' weights. Defaults to "heads". */
  readonly group?: string;
}

/** One head an arm over a common representation [rows, inputs]: outcome under each arm, [rows, arms], on the net's scale. */
export function armHeads(inputs: number, arms: number, options: HeadsOptions): Layer<[h: Tensor, step?: Step], Tensor> {
  const { widths, activation = "elu", dropout = 0, group = "heads" } = options;
  const heads = nn.several(Array.from({ length: arms }, () => nn.mlp(inputs, [...widths, 1], { activation, last: "linear", dropout, group })));
  return {
    init: heads.init,
    apply: (weights, h, step) =>
      stack(
        heads.apply(weights, h, step).map((mu) => squeeze(mu, -1)),
        1,
      ),
  };
}

/** Weights that give every arm the same say, whatever its share of the rows, with mean 1 over the rows (Shalit2017, eq. 3). */
export function balancedWeights(arm: Int32Array, arms: number, weight?: Float64Array): Float64Array {
  const mass = new Float64Array(arms);
  let total = 0;
  for (let i = 0; i < arm.length; i++) {
    const w = weight?.[i] ?? 1;
    mass[arm[i]] += w;
    total += w;
  }
  const present = mass.filter((m) => m > 0).length;
  return Float64Array.from(arm, (a, i) => ((weight?.[i] ?? 1) * total) / (present * mass[a]));
}
