import { suggest, usageError } from "../../base/errors.ts";

/** What is known of the effects before looking: their signs, and their order along the doses. */
export interface EffectRule {
  /** Least and most effect of each treated arm. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Treated arms (0, 1, ...) in order of dose, and whether effects may only rise (1) or fall (-1) along them; empty without doses. */
  readonly doses: Int32Array;
  readonly direction: number;
}

/** @param treated names of the treated arms @returns undefined where nothing is asked for @throws LiftwiseError (usage) for unknown or repeated arms and contradictions */
export function effectRule(
  treated: readonly string[],
  signs: Readonly<Record<string, -1 | 1>>,
  doses: readonly string[],
  direction: -1 | 1,
): EffectRule | undefined {
  const indexOf = (arm: string, option: string): number => {
    const k = treated.indexOf(arm);
    if (k < 0) throw usageError(`uplift trees: ${option} names arm "${arm}", which is not a treated arm; ${suggest(arm, treated)}`);
    return k;
  };
  if (Object.keys(signs).length === 0 && doses.length === 0) return undefined;
  const low = new Float64Array(treated.length).fill(Number.NEGATIVE_INFINITY);
  const high = new Float64Array(treated.length).fill(Number.POSITIVE_INFINITY);
  for (const [arm, sign] of Object.entries(signs)) (sign > 0 ? low : high)[indexOf(arm, "signs")] = 0;
  const order = Int32Array.from(doses, (arm) => indexOf(arm, "doses"));
  if (new Set(order).size < order.length) throw usageError("uplift trees: doses names an arm twice; list each treated arm once, in order of dose");
  // Along the doses a bound holds for everything above (or below) it.
  const rising = direction > 0 ? order : order.toReversed();
  for (let k = 1; k < rising.length; k++) low[rising[k]] = Math.max(low[rising[k]], low[rising[k - 1]]);
  for (let k = rising.length - 2; k >= 0; k--) high[rising[k]] = Math.min(high[rising[k]], high[rising[k + 1]]);
  return { low, high, doses: rising, direction };
}

/**
 * Moves the treated arms' means so that their effects keep the rule: along the doses to the nearest order by weighted squares (pooling
 * adjacent violators), then into the bounds. The control's mean stays.
 *
 * @param mean means of the arms, control first; changed in place
 * @param weight weights of the arms, control first
 */
export function keepRule(rule: EffectRule, mean: Float64Array, weight: Float64Array): void {
  const { doses, low, high } = rule;
  const blocks: { value: number; weight: number; count: number }[] = [];
  for (const k of doses) {
    let block = { value: mean[k + 1], weight: weight[k + 1], count: 1 };
    while (blocks.length > 0 && blocks[blocks.length - 1].value > block.value) {
      const last = blocks.pop() as typeof block;
      const total = last.weight + block.weight;
      const value = total > 0 ? (last.value * last.weight + block.value * block.weight) / total : (last.value + block.value) / 2;
      block = { value, weight: total, count: last.count + block.count };
    }
    blocks.push(block);
  }
  let at = 0;
  for (const { value, count } of blocks) for (let k = 0; k < count; k++) mean[doses[at++] + 1] = value;
  for (let k = 0; k < low.length; k++) mean[k + 1] = mean[0] + Math.min(high[k], Math.max(low[k], mean[k + 1] - mean[0]));
}
