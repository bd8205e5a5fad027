import type { ArrayState, Json, State } from "../../base/state.ts";
import { type Encoder, restoreEncoder } from "../../learn/encode.ts";
import type { Features } from "../../data/schema.ts";
import { curves, hasSquares } from "./outcome.ts";
import { bordered, type PseudoPolicy } from "./pseudoPolicy.ts";
import { kindShares } from "./prototypes.ts";

/**
 * The effects given x that follow from the parts: sum_j P(j | x) [(x theta_ja) b_s + x b_ja] + curves(x) b_a, where x theta_ja is what arm a does to the course of prototype j, b_s
 * what the course means for the outcome, and the rest what the arm does beyond it. The noise of single units' courses is not in it.
 */
export interface EffectForm {
  readonly prototypes: number;
  /** Which curves there are. */
  readonly rich: boolean;
  /** prototypes x width. */
  readonly kind: Float64Array;
  /** By treated arm: prototypes x width, through the course, and in all. */
  readonly through: readonly Float64Array[];
  readonly whole: readonly Float64Array[];
  /** By treated arm: of the features' curves; empty where there are none. */
  readonly bent: readonly Float64Array[];
}

/** @param coefficients of `wideColumns`, in their order */
export function effectForm({ behaviour, parameters, prototypes, shape }: PseudoPolicy, coefficients: Float64Array, direct: boolean): EffectForm {
  const { width, depth, arms } = behaviour;
  const squares = hasSquares(width) ? width - 1 : 0;
  const course = coefficients.subarray(width - 1 + squares, width - 1 + squares + depth);
  const treated = Array.from({ length: arms - 1 }, (_, k) => k + 1);
  const through = treated.map((a) =>
    Float64Array.from({ length: prototypes * width }, (_, at) => {
      const [j, u] = [Math.floor(at / width), at % width];
      const theta = parameters.course[j].subarray((a * width + u) * depth, (a * width + u + 1) * depth);
      return theta.reduce((sum, v, k) => sum + v * course[k], 0);
    }),
  );
  const first = width - 1 + squares + depth + (prototypes - 1) * width;
  const size = direct ? (coefficients.length - first) / (arms - 1) : prototypes * width;
  const own = treated.map((_, k) => (direct ? coefficients.subarray(first + k * size, first + (k + 1) * size) : new Float64Array(size)));
  return {
    prototypes,
    rich: shape.rich,
    kind: parameters.kind,
    through,
    whole: through.map((values, k) => values.map((v, at) => v + own[k][at])),
    bent: own.map((values) => values.slice(prototypes * width)),
  };
}

/** Effects at rows of x, which has a leading column of ones; arrays of n by treated arm. */
export function effectsOfForm(
  { prototypes, rich, kind, through, whole, bent }: EffectForm,
  x: Float64Array,
  rows: number,
): { readonly effect: Float64Array[]; readonly indirect: Float64Array[] } {
  const width = kind.length / prototypes;
  const share = new Float64Array(prototypes);
  const every = Int32Array.from({ length: rows }, (_, i) => i);
  const columns = curves(x, width, every, rich);
  const [effect, indirect] = [whole, through].map((list) => list.map(() => new Float64Array(rows)));
  for (let i = 0; i < rows; i++) {
    kindShares(x, i, width, kind, prototypes, share);
    for (let k = 0; k < whole.length; k++) {
      let [all, part] = [0, 0];
      for (let j = 0; j < prototypes; j++)
        for (let u = 0; u < width; u++) {
          const v = share[j] * x[i * width + u];
          all += v * whole[k][j * width + u];
          part += v * through[k][j * width + u];
        }
      for (let u = 0; u < bent[k].length; u++) all += bent[k][u] * columns[u][i];
      effect[k][i] = all;
      indirect[k][i] = part;
    }
  }
  return { effect, indirect };
}

/** The form with a share of its effects, by treated arm. */
export function shareOfForm(form: EffectForm, shares: { readonly effect: readonly number[]; readonly indirect: readonly number[] }): EffectForm {
  const times = (list: readonly Float64Array[], by: readonly number[]): Float64Array[] => list.map((values, k) => values.map((v) => v * by[k]));
  return { ...form, through: times(form.through, shares.indirect), whole: times(form.whole, shares.effect), bent: times(form.bent, shares.effect) };
}

/** The form as a function of features. */
export function formOn(form: EffectForm, encoder: Encoder): (x: Features) => ReturnType<typeof effectsOfForm> {
  return (x) => effectsOfForm(form, bordered(encoder, x).x, x.rows);
}

export function formState(form: EffectForm, encoder: Encoder): State {
  const list = (name: string, arrays: readonly Float64Array[]): [string, Float64Array][] => arrays.map((values, k) => [`${name}${k}`, values]);
  const all = [["kind", form.kind] as [string, Float64Array], ...list("through", form.through), ...list("whole", form.whole), ...list("bent", form.bent)];
  return {
    json: { prototypes: form.prototypes, rich: form.rich, treated: form.whole.length, encoder: encoder.state() },
    arrays: Object.fromEntries(all.map(([name, data]): [string, ArrayState] => [name, { shape: [data.length], data }])),
  };
}

export function restoreForm({ json, arrays }: State): ReturnType<typeof formOn> {
  const { prototypes, rich, treated, encoder } = json as { prototypes: number; rich: boolean; treated: number; encoder: Json };
  const one = (name: string): Float64Array => Float64Array.from(arrays[name].data);
  const list = (name: string): Float64Array[] => Array.from({ length: treated }, (_, k) => one(`${name}${k}`));
  return formOn({ prototypes, rich, kind: one("kind"), through: list("through"), whole: list("whole"), bent: list("bent") }, restoreEncoder(encoder));
}
