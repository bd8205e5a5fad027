import type { ArmEffect, Comparison } from "../evaluate/comparison.ts";
import type { Score } from "../metrics/contract.ts";
import { estimateParts } from "../plot/index.ts";
import { type Content, type Html, html } from "./html.ts";
import { countOf, effectUnit, excludesZero, meanTexts, pPhrase, percentOf } from "./number.ts";
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

/** A page of findings is read, a list of fifty is not: beyond so many, the rest is counted. */
const mostEffects = 12;

/** The effects in their order; where there are many, those on the primary outcome and those that can be told from zero go first. */
export function effectFindings(comparison: Comparison): Finding[] {
  const { effects, data } = comparison;
  const first = (effect: ArmEffect): boolean => effect.outcome === data.outcomes[0]?.name || excludesZero(effect.interval);
  const told = effects.length <= mostEffects ? effects : [...effects.filter(first), ...effects.filter((effect) => !first(effect))].slice(0, mostEffects);
  const rest = effects.filter((effect) => !told.includes(effect));
  const findings = told.map((effect) => effectFinding(effect, comparison));
  if (rest.length === 0) return findings;
  const clear = rest.filter((effect) => excludesZero(effect.interval)).length;
  return [
    ...findings,
    {
      mark: "none",
      text: `${countOf(rest.length, "more effect")} ${rest.length === 1 ? "is" : "are"} in the table of average effects; ${clear === 0 ? "none" : clear} of them can be told from zero.`,
    },
  ];
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
  if (!beatsChance(top.score, facts(slice.leading))) {
    if (slice.results.length === 1)
      return { mark: "none", text: html`${where}: ${model} is not shown to rank units better than chance; its ${name} is ${told}.` };
    return {
      mark: "none",
      text: html`${where}: no model is shown to rank units better than chance. The ${better === "higher" ? "highest" : "lowest"} ${name} is that of ${model}, ${told}.`,
    };
  }
  const chance = zeroIsRandom ? ", which is better than chance" : "";
  const verb = slice.results.length === 1 ? "has" : "leads with";
  return { mark: "lead", text: html`${where}: ${model} ${verb} ${name} ${told}${chance}. ${leadText(slice, top)}` };
}

/** False when random targeting scores zero and the interval does not lie above it; true where the metric says nothing of chance. */
export function beatsChance(score: Score, { zeroIsRandom }: MetricFacts): boolean {
  return !zeroIsRandom || (score.interval !== undefined && score.interval[0] > 0);
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

/** Warnings of the run, then those of the results and of the models' own reports. */
export function warnings(comparison: Comparison): string[] {
  const { results } = comparison;
  return [...new Set([...comparison.warnings, ...scoreWarning(results), ...results.flatMap(ownWarnings)])];
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
