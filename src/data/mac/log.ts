import { channels, type SimulatedClicks } from "./simulate.ts";

/** What a click of each channel costs on average, in the money of `value`; search is dear and email nearly free, as everywhere. */
const costs: Readonly<Record<(typeof channels)[number], number>> = { search: 0.6, feed: 0.3, display: 0.15, video: 0.4, affiliate: 0.35, email: 0.05 };

/** The columns of a touch log, with their DuckDB types. */
export const touchColumns = [
  ["user", "INTEGER"],
  ["journey", "BIGINT"],
  ["time", "TIMESTAMP_MS"],
  ["channel", "VARCHAR"],
  ["ad", "INTEGER"],
  ["cost", "DOUBLE"],
  ["converted", "INTEGER"],
  ["value", "DOUBLE"],
  ["contribution", "DOUBLE"],
] as const;

/** One touch: `value` is null where nothing was bought right after it. */
export type Touch = readonly [
  user: number,
  journey: number,
  time: number,
  channel: string,
  ad: number,
  cost: number,
  converted: number,
  value: number | null,
  contribution: number,
];

/**
 * The clicks of a simulation as a log of touches: `converted` is 1 where the click's journey ended with a purchase after it, `value` is its money by the
 * price level of the ad, and `contribution` the conversions this click caused in expectation, which no real log has.
 * @param firstJourney number of the chunk's journey 0
 */
export function touchOf(clicks: SimulatedClicks, row: number, firstJourney: number): Touch {
  const channel = channels[clicks.fields.context_feat3[row] - 1];
  const bought = clicks.credit.last[row] > 0;
  return [
    clicks.user[row],
    firstJourney + clicks.journey[row],
    Math.round(clicks.time[row]),
    channel,
    clicks.fields.ad_feat0[row],
    costs[channel],
    Number(bought),
    bought ? Math.round(800 * 1.4 ** clicks.fields.ad_feat3[row]) / 100 : null,
    clicks.contribution[row],
  ];
}
