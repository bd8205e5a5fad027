import type { ArmEffect, Comparison } from "../evaluate/comparison.ts";
import { estimateParts, fixed } from "../plot/index.ts";
import { type Content, type Html, html } from "./html.ts";
import { countOf, effectUnit, excludesZero, listText, meanTexts, pPhrase, percentOf, shareText } from "./number.ts";
import { leader, levelOf, type MetricFacts, type Slice } from "./view.ts";

/** One plain sentence, with a mark: an effect up or down, a leading model, or nothing that can be told from zero. */
export interface Finding {
  readonly mark: "up" | "down" | "lead" | "none";
  readonly text: Content;
}

const signs: Readonly<Record<Finding["mark"], string>> = { up: "▲", down: "▼", lead: "●", none: "○" };

export function findingList(findings: readonly Finding[]): Html {
  return html`<ul class="findings">${findings.map(({ mark, text }) => html`<li class="${mark}"><span class="mark" aria-hidden="true">${signs[mark]}</span>${text}</li>`)}</ul>`;
}

/** `visit is 7.66 percentage points higher under Mens E-Mail than under No E-Mail (95% interval 6.99 to 8.32): 18.3% against 10.6%.` */
export function effectFinding(effect: ArmEffect, comparison: Comparison): Finding {
  const { outcome, arm, control, interval, value } = effect;
  const kind = comparison.data.outcomes.find((o) => o.name === outcome)?.kind;
  const unit = effectUnit(kind);
  const name = unit.name === "" ? "" : ` ${unit.name}`;
  const percent = percentOf(levelOf(comparison));
  if (!Number.isFinite(value)) return { mark: "none", text: html`The effect of ${arm} on <strong>${outcome}</strong> could not be estimated.` };
  const means = meanTexts([effect.armMean, effect.controlMean], kind).join(" against ");
  if (!excludesZero(interval)) {
    const told = estimateParts(value, interval, unit);
    return {
      mark: "none",
      text: html`No effect of ${arm} on <strong>${outcome}</strong> can be told from zero: ${told.value}${name}${rangeText(told.range, percent)}; ${means}.`,
    };
  }
  const size = estimateParts(Math.abs(value), value < 0 ? [-interval[1], -interval[0]] : interval, unit, false);
  return {
    mark: value > 0 ? "up" : "down",
    text: html`<strong>${outcome}</strong> is ${size.value}${name} ${value > 0 ? "higher" : "lower"} under ${arm} than under ${control}${rangeText(size.range, percent)}: ${means}.`,
  };
}

/** Which model leads on an outcome and arm, whether it beats chance, and whether its lead over the baseline can be told from zero. */
export function modelFinding(slice: Slice, facts: (metric: string) => MetricFacts, level: number): Finding {
  const top = leader(slice);
  const where = html`<strong>${slice.outcome}</strong>, ${slice.armName === slice.arm ? slice.arm : "best arm for each unit"}`;
  if (top === undefined || slice.leading === undefined) return { mark: "none", text: html`${where}: no model has a score.` };
  const { name, zeroIsRandom, better } = facts(slice.leading);
  const score = estimateParts(top.score.value, top.score.interval, undefined, false);
  const told = `${score.value}${rangeText(score.range, percentOf(level))}`;
  const { model } = top.result;
  if (zeroIsRandom && !(top.score.interval !== undefined && top.score.interval[0] > 0)) {
    if (slice.results.length === 1)
      return { mark: "none", text: html`${where}: ${model} is not shown to rank units better than chance; its ${name} is ${told}.` };
    return {
      mark: "none",
      text: html`${where}: no model is shown to rank units better than chance. The ${better === "higher" ? "highest" : "lowest"} ${name} is that of ${model}, ${told}.`,
    };
  }
  const chance = zeroIsRandom ? ", which is better than chance" : "";
  const verb = slice.results.length === 1 ? "has" : "leads with";
  return { mark: "lead", text: html`${where}: ${model} ${verb} a ${name} of ${told}${chance}. ${leadText(slice, top)}` };
}

function leadText(slice: Slice, top: NonNullable<ReturnType<typeof leader>>): string {
  if (slice.results.length < 2) return "";
  const { difference } = top;
  if (difference === undefined)
    return top.result.model === slice.baseline ? "It is the baseline; no other model does better." : "It was not compared with a baseline.";
  if (!Number.isFinite(difference.value)) return `Its difference to the baseline ${difference.against} could not be computed.`;
  const { value, range } = estimateParts(difference.value, difference.interval);
  const clear = excludesZero(difference.interval) ? "can be told from zero" : "cannot be told from zero";
  return `Its lead over the baseline ${difference.against} ${clear}: ${value}${range === undefined ? "" : ` (${range})`}, ${pPhrase(difference.pValue)}.`;
}

function rangeText(range: string | undefined, percent: number): string {
  return range === undefined ? "" : ` (${percent}% interval ${range})`;
}

/** Warnings of the run, then those the numbers themselves give. */
export function warnings(comparison: Comparison): string[] {
  const { data, results } = comparison;
  return [...new Set([...comparison.warnings, ...ratioWarning(data), ...balanceWarning(data), ...scoreWarning(results), ...results.flatMap(ownWarnings)])];
}

function ratioWarning({ sampleRatio, arms }: Comparison["data"]): string[] {
  if (sampleRatio === undefined || !(sampleRatio.pValue < 0.001)) return [];
  const got = listText(arms.map((arm) => shareText(arm.share)));
  const planned = listText(sampleRatio.expected.map(shareText));
  return [
    `The arms are not as large as planned: ${got} where ${planned} were expected (sample ratio test, ${pPhrase(sampleRatio.pValue)}). Units were probably lost or wrongly assigned; find out why before trusting any effect below.`,
  ];
}

function balanceWarning({ balance }: Comparison["data"]): string[] {
  const off = balance.filter((b) => Math.abs(b.smd) > 0.1).toSorted((a, b) => Math.abs(b.smd) - Math.abs(a.smd));
  if (off.length === 0) return [];
  const worst = listText(off.slice(0, 3).map((b) => `${b.feature} (${b.arm}, ${fixed(b.smd, 2, true)})`));
  return [
    `The arms differ before treatment: ${countOf(off.length, "standardised mean difference")} above 0.1, ${off.length > 3 ? "the largest of " : "of "}${worst}. Effects below may partly be differences between the units.`,
  ];
}

function scoreWarning(results: Comparison["results"]): string[] {
  const without = results.filter((result) => Object.values(result.metrics).some((score) => !Number.isFinite(score.value))).length;
  if (without === 0) return [];
  return [
    `${without} of ${countOf(results.length, "result")} ${without === 1 ? "lacks" : "lack"} a value for some metric; a dash stands in the tables, with the reason below them.`,
  ];
}

function ownWarnings({ report, model, outcome }: Comparison["results"][number]): string[] {
  const own = typeof report === "object" && report !== null && "warnings" in report ? (report as { readonly warnings?: unknown }).warnings : undefined;
  return Array.isArray(own) ? own.map((text) => `${model}, ${outcome}: ${String(text)}`) : [];
}
