import { oneOf } from "../base/errors.ts";
import type { DataSummary } from "./comparison.ts";

/**
 * A warning about features that differ between an arm and control by more than five standard errors: in a randomised experiment chance
 * does not do that, but a column measured after the treatment does, and a model that sees it sees the answer.
 */
export function balanceWarning({ arms, balance, control, name }: Pick<DataSummary, "arms" | "balance" | "control" | "name">): string | undefined {
  const rows = new Map(arms.map(({ arm, rows: n }) => [arm, n]));
  const n0 = rows.get(control) ?? 0;
  const far = new Map<string, number>();
  for (const { feature, arm, smd } of balance) {
    const n1 = rows.get(arm) ?? 0;
    const z = Math.abs(smd) * Math.sqrt((n1 * n0) / (n1 + n0));
    if (z > 5 && z > (far.get(feature) ?? 0)) far.set(feature, z);
  }
  if (far.size === 0) return undefined;
  const worst = [...far]
    .toSorted((a, b) => b[1] - a[1])
    .map(([feature, z]) => `${feature} (${Number.isFinite(z) ? z.toFixed(0) : "infinitely many"} standard errors)`);
  return `${name}: the arms differ by more than chance allows in ${oneOf(worst, 5).replace(/ or ([^,]*)$/, " and $1")}: a feature measured after the treatment gives the answer away (leave it out with ignore), and if it was measured before, treatment was not given at random`;
}
