import { fixed, noNumber } from "../plot/index.ts";
import { type Content, html } from "./html.ts";
import { countOf, countText, shareText } from "./number.ts";
import { page } from "./page.ts";
import { type Cell, list, notice, paragraph, type Section, section, table, tiles } from "./part.ts";

/** What `liftwise attribute` found, as plain data: credit of every channel under several mechanisms. */
export interface AttributionSummary {
  readonly name: string;
  readonly liftwise: string;
  readonly journeys: number;
  readonly conversions: number;
  readonly value: number;
  readonly channels: readonly string[];
  readonly cost: readonly number[];
  readonly touches: readonly number[];
  readonly mechanisms: readonly {
    readonly id: string;
    readonly conversions: readonly number[];
    readonly value: readonly number[];
    readonly cpa: readonly (number | null)[];
    readonly roas: readonly (number | null)[];
  }[];
  readonly disagreement: readonly (readonly number[])[];
  readonly truth?: { readonly conversions: readonly number[]; readonly distance: readonly number[] };
  readonly notes: readonly string[];
}

/** The page of an attribution: channels by mechanism, where mechanisms disagree, and how far each is from incremental truth where that is known. */
export function renderAttribution(summary: AttributionSummary): string {
  const { name, journeys, conversions, channels, mechanisms, liftwise } = summary;
  const facts = [
    countOf(journeys, "journey"),
    `${countText(conversions)} conversions`,
    countOf(channels.length, "channel"),
    countOf(mechanisms.length, "mechanism"),
  ].join(" · ");
  const sections = [
    findings(summary),
    creditSection(summary),
    ...(summary.cost.some((spent) => spent > 0) ? [moneySection(summary)] : []),
    ...(mechanisms.length > 1 ? [disagreementSection(summary)] : []),
    guide(summary),
  ];
  const footer = html`<p>Made with liftwise ${liftwise}. This file holds everything it shows and sends nothing anywhere.</p>`;
  return page({ kind: "Attribution", title: name, facts, sections, footer });
}

function findings(summary: AttributionSummary): Section {
  const { channels, mechanisms, conversions, value, cost, truth, notes } = summary;
  const spread = channels.map((channel, c) => {
    const credits = mechanisms.map((mechanism) => mechanism.conversions[c]);
    return { channel, least: Math.min(...credits), most: Math.max(...credits) };
  });
  const widest = spread.toSorted((a, b) => b.most - b.least - (a.most - a.least))[0];
  const spent = cost.reduce((sum, v) => sum + v, 0);
  const sentences: Content[] = [];
  if (mechanisms.length > 1 && widest !== undefined)
    sentences.push(`${widest.channel} depends most on the mechanism: from ${amount(widest.least)} to ${amount(widest.most)} conversions.`);
  if (truth !== undefined) {
    const best = truth.distance.indexOf(Math.min(...truth.distance));
    sentences.push(
      `${mechanisms[best].id} comes nearest to the incremental conversions: ${shareText(truth.distance[best])} of them are credited to another channel.`,
    );
  }
  const body = [
    notes.map((note) => notice("note", note)),
    tiles([
      { label: "Conversions", value: amount(conversions) },
      ...(value > 0 ? [{ label: "Value", value: amount(value) }] : []),
      ...(spent > 0 ? [{ label: "Cost", value: amount(spent), under: conversions > 0 ? `${amount(spent / conversions)} a conversion` : undefined }] : []),
    ]),
    sentences.length === 0 ? undefined : list(sentences),
  ];
  return section("Key findings", body, { short: "Findings" });
}

function creditSection({ channels, mechanisms, truth, touches }: AttributionSummary): Section {
  const columns = [
    { title: "Channel" },
    { title: "Touches", kind: "number" as const },
    ...mechanisms.map(({ id }) => ({ title: id, kind: "number" as const })),
    ...(truth ? [{ title: "incremental", kind: "number" as const }] : []),
  ];
  const rows = channels.map((channel, c) => [
    channel,
    number(touches[c]),
    ...mechanisms.map(({ conversions }) => number(conversions[c])),
    ...(truth ? [number(truth.conversions[c])] : []),
  ]);
  return section("Conversions by channel", table({ columns, rows, sortable: true, label: "Conversions by channel and mechanism" }), {
    short: "Credit",
    lede: "Conversions credited to each channel. Under every mechanism the credits of a conversion sum to 1.",
  });
}

function moneySection({ channels, mechanisms, cost }: AttributionSummary): Section {
  const columns = [{ title: "Channel" }, { title: "Cost", kind: "number" as const }, ...mechanisms.map(({ id }) => ({ title: id, kind: "number" as const }))];
  const rows = (of: (mechanism: AttributionSummary["mechanisms"][number], c: number) => number | null): Cell[][] =>
    channels.map((channel, c) => [{ text: channel }, number(cost[c]), ...mechanisms.map((mechanism) => number(of(mechanism, c)))]);
  const hasValue = mechanisms.some(({ value }) => value.some((v) => v > 0));
  const body = [
    table({ columns, rows: rows((mechanism, c) => mechanism.cpa[c]), caption: "Cost of a conversion (CPA)", sortable: true }),
    hasValue ? table({ columns, rows: rows((mechanism, c) => mechanism.roas[c]), caption: "Value for each unit of cost (ROAS)", sortable: true }) : undefined,
  ];
  return section("Cost and return", body, { short: "Money", lede: "The same cost, set against the conversions that each mechanism credits." });
}

function disagreementSection({ mechanisms, disagreement, truth }: AttributionSummary): Section {
  const columns = [
    { title: "Mechanism" },
    ...mechanisms.map(({ id }) => ({ title: id, kind: "number" as const })),
    ...(truth ? [{ title: "incremental", kind: "number" as const }] : []),
  ];
  const rows = mechanisms.map(({ id }, a) => [
    id,
    ...mechanisms.map((_, b) => shareText(disagreement[a][b])),
    ...(truth ? [shareText(truth.distance[a])] : []),
  ]);
  return section("Disagreement", table({ columns, rows, label: "Total variation between mechanisms" }), {
    lede: "Share of all conversions that two mechanisms credit to different channels (total variation): 0% when they agree on every channel.",
  });
}

function guide({ truth }: AttributionSummary): Section {
  const causal =
    truth === undefined
      ? "No mechanism measures what a channel caused: that needs an experiment. Where one was run, give its incremental conversions and the page sets them beside the credit."
      : "Incremental conversions were given from outside, from an experiment or a simulator; the distance to them says how far a mechanism may be trusted here.";
  return section(
    "How to read this",
    [
      paragraph(causal),
      paragraph(
        "First and last are the ends of what rules can say; where they agree, the choice of mechanism matters little. CPA and ROAS follow the credit, so they disagree where it does.",
      ),
    ],
    { short: "Guide" },
  );
}

function number(value: number | null): Cell {
  return value === null ? { text: noNumber } : { text: amount(value), sort: value };
}

function amount(value: number): string {
  if (!Number.isFinite(value)) return noNumber;
  return fixed(value, Math.abs(value) >= 1000 || Number.isInteger(value) ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
