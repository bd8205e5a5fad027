import * as c from "../../compute/index.ts";

// What makes up the surface of M-DLRI: main effects, synergy (AND) ranks and substitution (OR) ranks, from the numbers of each unit.

/** How ranks read their scores: gates as they are (relative) or through a sigmoid; substitution as a norm, or as noisy or. */
export interface Form {
  readonly relative: boolean;
  readonly norm: number | undefined;
}

/** Tables of a batch, on the net's scale. */
export interface Tables {
  readonly base: c.Tensor;
  /** Of ziln: scaled logarithm of the amount in the baseline cell, [rows]. */
  readonly amount: c.Tensor | undefined;
  /** Main effect of each level, [rows, levels of the lever], one a lever. */
  readonly main: readonly c.Tensor[];
  /** Strength of each rank, [rows, ranks]. */
  readonly and: c.Tensor | undefined;
  readonly or: c.Tensor | undefined;
  /** Scores, [rows, levels, ranks] (rows 1 where they are common), one a lever. */
  readonly andScore: readonly c.Tensor[];
  readonly orScore: readonly c.Tensor[];
}

/** What levers and ranks add to the base: [rows] each. `codes` is the one-hot level of each lever. */
export function interior(t: Tables, codes: readonly c.Tensor[], { relative, norm }: Form): c.Tensor[] {
  const at = (score: c.Tensor, code: c.Tensor): c.Tensor => c.sum(c.mul(score, c.expand(code, -1)), 1);
  const parts = t.main.map((f, l) => c.sum(c.mul(f, codes[l]), 1));
  if (t.and !== undefined) {
    // log G = sum over levers of log gate: the gate is additive in logarithms.
    const here = t.andScore.map((z, l) => at(z, codes[l]));
    const none = t.andScore.map((z) => c.take(z, 1, 0));
    const gate = (scores: readonly c.Tensor[]): c.Tensor =>
      relative ? scores.reduce((product, u) => c.mul(product, u)) : c.exp(sumAll(scores.map((z) => c.logSigmoid(z))));
    parts.push(c.sum(c.mul(t.and, c.sub(gate(here), gate(none))), 1));
  }
  if (t.or !== undefined) {
    const poured = t.orScore.map((s, l) => at(s, codes[l]));
    parts.push(c.sum(c.mul(t.or, norm === undefined ? c.sub(1, c.exp(c.neg(sumAll(poured)))) : normOf(poured, norm)), 1));
  }
  return parts;
}

/** Mean squared lowering of the response by one level more of each lever, from the row's own levels. */
export function lowering(t: Tables, levels: c.Tensor, sizes: readonly number[], form: Form): c.Tensor {
  const codes = sizes.map((size, l) => c.oneHot(c.take(levels, 1, l), size));
  const here = sumAll(interior(t, codes, form));
  const parts = sizes.map((size, l) => {
    // A level more: the code moved by one place; at the top there is none, and nothing is lowered.
    const top = c.slice(codes[l], 1, size - 1, size);
    const raised = c.concat([c.slice(codes[l], 1, 0, 1), c.slice(codes[l], 1, 0, size - 1)], 1);
    const moved = c.add(c.mul(raised, notFirst(size)), c.mul(top, lastOnly(size)));
    return c.mean(
      c.square(
        c.relu(
          c.sub(
            here,
            sumAll(
              interior(
                t,
                codes.map((code, m) => (m === l ? moved : code)),
                form,
              ),
            ),
          ),
        ),
      ),
    );
  });
  return c.mul(sumAll(parts), 1 / sizes.length);
}

const notFirst = (size: number): c.Tensor => c.constant(Float32Array.from({ length: size }, (_, k) => (k === 0 ? 0 : 1)));
const lastOnly = (size: number): c.Tensor => c.constant(Float32Array.from({ length: size }, (_, k) => (k === size - 1 ? 1 : 0)));

/** Sums of the increments up to each level: [rows, steps] -> [rows, steps + 1], 0 first. Added up in order, so that none can fall by rounding. */
export function cumulated(increments: c.Tensor): c.Tensor {
  return c.pad(c.cumsum(increments, 1), 1, 1, 0);
}
/**
 * Pots that main effects fill: rank r holds at most `size_r` times what all levers could pour into it at their top levels, and takes in 1 - exp(-poured /
 * pot). Levers that pour into one pot stand in for each other, in proportion to their own effects on this unit.
 */
export function potsOf(
  weights: c.Tensors,
  main: readonly c.Tensor[],
  sizes: readonly number[],
  ranks: number,
  positive: (x: c.Tensor) => c.Tensor,
): { readonly score: c.Tensor[]; readonly strength: c.Tensor } {
  const share = c.softplus(weights.potShare as c.Tensor);
  const shareOf = (l: number): c.Tensor => c.slice(share, 0, l, l + 1);
  const tops = sumAll(main.map((f, l) => c.mul(c.slice(f, 1, sizes[l] - 1, sizes[l]), shareOf(l))));
  const pot = c.add(c.mul(c.abs(tops), c.softplus(weights.potSize as c.Tensor)), 1e-3);
  const score = main.map((f, l) => c.div(c.mul(c.expand(f, 2), c.reshape(shareOf(l), [1, 1, ranks])), c.expand(pot, 1)));
  return { score, strength: c.mul(pot, positive(weights.potStrength as c.Tensor)) };
}

/** What each lever adds to each rank under constant elasticity of substitution: its main effect times a share that all units have in common. */
export function sharesOf(
  weights: c.Tensors,
  main: readonly c.Tensor[],
  ranks: number,
  positive: (x: c.Tensor) => c.Tensor,
): { readonly score: c.Tensor[]; readonly strength: c.Tensor } {
  const share = c.softplus(weights.potShare as c.Tensor);
  const score = main.map((f, l) => c.mul(c.expand(f, 2), c.reshape(c.slice(share, 0, l, l + 1), [1, 1, ranks])));
  return { score, strength: positive(weights.potStrength as c.Tensor) };
}

/** (sum of x^norm)^(1/norm) over the list, by squaring and square roots. Brought to the scale of the sum, so that powers stay in range. */
function normOf(list: readonly c.Tensor[], norm: number): c.Tensor {
  const scale = c.stopGradient(c.add(sumAll(list), 1e-6));
  const times = Math.log2(norm);
  const again = (x: c.Tensor, by: (x: c.Tensor) => c.Tensor): c.Tensor => Array.from({ length: times }).reduce<c.Tensor>((value) => by(value), x);
  const total = sumAll(list.map((x) => again(c.div(x, scale), c.square)));
  return c.mul(scale, again(c.add(total, 1e-12), c.sqrt));
}

export function sumAll(parts: readonly c.Tensor[]): c.Tensor {
  return parts.reduce((sum, x) => c.add(sum, x));
}
