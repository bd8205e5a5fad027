import type { OutcomeKind } from "../data/schema.ts";
import type { ArmEffect, Comparison } from "../evaluate/comparison.ts";
import { estimateParts, fixed, forestPlot, noNumber } from "../plot/index.ts";
import { html } from "./html.ts";
import { countText, effectUnit, excludesZero, listText, meanTexts, percentOf, pText, withUnit } from "./number.ts";
import { type Cell, figure, paragraph, type Section, section, table } from "./part.ts";
import { levelOf } from "./view.ts";

/** Average effect of each arm on each outcome, as a picture and as numbers. */
export async function effectSection(comparison: Comparison): Promise<Section> {
  const { effects, data } = comparison;
  const options = { lede: "What each arm does on average, over all rows. Who gains most is the question of the next chapter.", short: "Average effects" };
  if (effects.length === 0) return section("Average effects", paragraph("No average effect was estimated."), options);
  const kind = (outcome: string): OutcomeKind | undefined => data.outcomes.find((o) => o.name === outcome)?.kind;
  const percent = percentOf(levelOf(comparison));
  const methods = [...new Set(effects.map((effect) => effect.method))];
  const picture = await figure(
    forestPlot(
      effects.map((effect) => ({
        outcome: effect.outcome,
        label: effect.arm,
        value: effect.value,
        interval: effect.interval,
        unit: effectUnit(kind(effect.outcome)),
      })),
      { width: 900 },
    ),
    html`<strong>Average effect against ${data.control}</strong>With ${percent}% intervals. A hollow point stands for an effect that cannot be told from zero. Each outcome has a scale of its own.`,
  );
  const numbers = table({
    label: "Average effects",
    columns: [
      { title: "Outcome" },
      { title: "Arm" },
      ...["Control mean", "Arm mean", `Effect, ${percent}% interval`, "Relative", "p"].map((title) => ({ title, kind: "number" as const })),
    ],
    rows: effects.map((effect) => effectRow(effect, kind(effect.outcome))),
  });
  const method = `Method: ${listText(methods)}. "Relative" is the effect as a share of the control mean.`;
  const chance =
    effects.length < 4
      ? ""
      : ` ${countText(effects.length)} effects are tested here; if none of them were real, about one in ${Math.round(100 / (100 - percent))} would still stand out, by chance alone.`;
  return section("Average effects", [picture, numbers, paragraph(method + chance)], options);
}

function effectRow(effect: ArmEffect, kind: OutcomeKind | undefined): (Cell | string)[] {
  const unit = effectUnit(kind);
  const [control, arm] = meanTexts([effect.controlMean, effect.armMean], kind);
  const { value, range } = estimateParts(effect.value, effect.interval, unit);
  const relative = effect.controlMean > 0 ? (100 * effect.value) / effect.controlMean : Number.NaN;
  return [
    effect.outcome,
    effect.arm,
    control,
    arm,
    { text: withUnit(value, unit), under: range, strong: excludesZero(effect.interval), sort: effect.value },
    { text: Number.isFinite(relative) ? `${fixed(relative, 1, true)}%` : noNumber, sort: relative },
    { text: pText(effect.pValue), sort: effect.pValue },
  ];
}
