import { writeFile } from "node:fs/promises";
import { type Dataset, numberColumn } from "../data/dataset.ts";
import type { Column } from "../data/schema.ts";
import { atomically, writeTable } from "../data/write.ts";
import type { SellerInsight } from "../evaluate/sellerInsight.ts";
import type { SellersPrediction } from "../model/contract.ts";
import type { Json } from "../base/state.ts";
import { json } from "./table.ts";
import type { Io } from "./verb.ts";

/** Every number of a pair, by the names of the output. */
export function pairColumns(prediction: SellersPrediction, net: Float64Array): Column[] {
  const { mu0, mu1, p, m1, m0, tau, denoised, attributedNoise, planned } = prediction;
  const named: readonly (readonly [string, Float64Array | Uint8Array | undefined])[] = [
    ["planned", planned],
    ["mu0", mu0],
    ["mu1", mu1],
    ["p_redeem", p],
    ["m1", m1],
    ["m0", m0],
    ["shop_uplift", tau],
    ["shop_uplift_denoised", denoised],
    ["attributed_noise", attributedNoise],
    ["effect", net],
  ];
  return named.flatMap(([name, values]) => (values === undefined ? [] : [numberColumn(name, Float64Array.from(values))]));
}

interface Asked {
  readonly out: string;
  readonly report?: string;
  readonly id: readonly Column[];
  readonly name: string;
}

/** Writes what a model of candidate sellers says of each pair, and shows the insight. */
export async function predictSellers(prediction: SellersPrediction, data: Dataset, { out, report, id, name }: Asked, io: Io): Promise<void> {
  const { sellerInsight } = await import("../evaluate/sellerInsight.ts");
  const { net, ...insight } = await sellerInsight(prediction, data);
  const columns = pairColumns(prediction, net);
  const names = new Set(columns.map((column) => column.name));
  await writeTable(out, [...id.filter((column) => !names.has(column.name)), ...columns]);
  const notes = prediction.notes ?? [];
  if (report !== undefined) await writeSellerReport(report, insight, name, notes);
  if (io.json) {
    io.out(
      json({ model: name, out, rows: prediction.rows, columns: columns.map((column) => column.name), insight: insight as unknown as Json, notes: [...notes] }),
    );
    return;
  }
  io.out(`${prediction.rows} pairs of ${prediction.users} users: ${columns.map((column) => column.name).join(", ")}: ${out}\n`);
  io.out(insightText(insight));
  for (const warning of [...insight.warnings, ...notes]) io.err(`note: ${warning}\n`);
}

export async function writeSellerReport(file: string, insight: SellerInsight, name: string, notes: readonly string[]): Promise<void> {
  const { renderSellerReport } = await import("../report/sellers.ts");
  const line = `${name}, ${insight.users} users, ${insight.pairs} pairs`;
  const page = await renderSellerReport(insight, { title: "Incentives of competing sellers", line, notes });
  await atomically(file, (temporary) => writeFile(temporary, page));
}

export function insightText({ audit, planned }: SellerInsight): string {
  const { shops, lift, observed } = audit;
  const seen = observed === null ? "" : `, observed ${shown(observed.lift)} (standard error ${shown(observed.se)})`;
  return `  ${planned} planned incentives: shops claim ${shown(shops)}, the platform is expected to gain ${shown(lift)}${seen}: over-estimate ${shown(audit.overModel)}\n`;
}

export function shown(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "-";
}
