import type { DuckDBConnection } from "@duckdb/node-api";
import { dataError, usageError } from "../base/errors.ts";
import { columnsOf, type Field, literal, rowsOf, withDuck } from "./duck.ts";
import { kindOf } from "./file.ts";
import { openRelation } from "./read.ts";
import type { CategoryColumn, NumberColumn } from "./schema.ts";

/** Settings of `readJourneys`: what the columns of a log mean. */
export interface JourneyOptions {
  readonly user: string;
  readonly time: string;
  readonly channel: string;
  /** Column that tells clicks from impressions; every touch is a click where it is left out. */
  readonly type?: string;
  /** Value of `type` that is a click. Defaults to "click". */
  readonly click?: string;
  readonly cost?: string;
  /** Column of 0 and 1: a row with 1 is a conversion; where it names a channel as well, it is a touch with a conversion right after it. */
  readonly conversion?: string;
  /** Money that the conversion brought, in the same file as the conversions. */
  readonly value?: string;
  /** A second file of conversions, with columns of the same names for user and time (and value), instead of `conversion`. */
  readonly conversions?: string;
  /** Days before its conversion in which a touch counts, and pause after which a user without conversion begins a new journey. Defaults to 30. */
  readonly lookback?: number;
  /** Unit of times that are plain numbers; dates need none. */
  readonly timeUnit?: "ms" | "s" | "days";
  /** Rows that are equal in every column used: counted once (the default), or kept. */
  readonly duplicates?: "drop" | "keep";
}

/** Journeys laid end to end, as `src/attribution/mechanism` takes them: journey j holds the touches `offsets[j] .. offsets[j + 1] - 1`, oldest first. */
export interface LoggedJourneys {
  readonly channels: readonly string[];
  readonly offsets: Int32Array;
  readonly channel: Int32Array;
  readonly conversions: Float64Array;
  readonly value: Float64Array;
  readonly nulls: Float64Array;
  readonly time: Float64Array;
  readonly conversionTime: Float64Array;
  readonly click?: Uint8Array;
  readonly cost?: Float64Array;
}

/** What was found in the log, and what was not used of it. */
export interface JourneyCounts {
  readonly rows: number;
  readonly touches: number;
  readonly conversions: number;
  readonly users: number;
  /** Rows equal to another in every column used. */
  readonly duplicates: number;
  /** Rows without user, or with a time that is missing or cannot be read. */
  readonly missing: number;
  /** Rows that are neither a touch (no channel) nor a conversion. */
  readonly idle: number;
  /** Conversions that no touch came before within the look-back window: before the first touch, or long after the last. */
  readonly untouched: number;
  /** Touches longer before the conversion than the look-back window: they count as a journey without conversion. */
  readonly outside: number;
  /** Conversions whose value is missing: they count 0 money. */
  readonly valueless: number;
  /** Touches whose cost is missing: they count 0. */
  readonly costless: number;
}

const day = 86_400_000;

/**
 * Journeys from a log of touches (CSV, Parquet, JSON lines), put together in SQL so that a log larger than memory is sorted on disk.
 *
 * A user's touches up to a conversion, and within the look-back window before it, are the journey of that conversion; the next journey begins
 * after it. Touches that no conversion follows are journeys without conversion, cut where the user paused for longer than the window. Of a touch
 * and a conversion at the same moment the touch came first. Nothing is mended silently: what could not be used is counted.
 * @throws LiftwiseError (usage) for options that do not go together; (data) for a log without touches, or text where a number is wanted
 */
export async function readJourneys(log: string, options: JourneyOptions): Promise<{ readonly journeys: LoggedJourneys; readonly counts: JourneyCounts }> {
  const { lookback = 30, conversion, conversions, value } = options;
  if (!(lookback > 0)) throw usageError(`lookback: must be longer than 0 days, got ${lookback}`);
  if (conversion !== undefined && conversions !== undefined)
    throw usageError("conversions: give a column (conversion) or a second file (conversions), not both");
  if (conversion === undefined && conversions === undefined)
    throw usageError("conversions: say where they are: a column of the log (conversion), or a second file (conversions)");
  return withDuck(async (con) => {
    const { user, time, channel, type, cost } = options;
    const inLog = [user, time, channel, type, cost, conversion, conversion === undefined ? undefined : value].filter((name) => name !== undefined);
    const touches = await open(con, "touch_log", log, inLog, [user, channel]);
    const second =
      conversions === undefined
        ? undefined
        : await open(
            con,
            "conversion_log",
            conversions,
            [user, time, value].filter((name) => name !== undefined),
            [user],
          );
    await con.run(
      `create temp table seen as ${seenSql(touches, options, log)}${second === undefined ? "" : ` union all ${conversionSql(second, options, conversions as string)}`}`,
    );
    const counts = await prepare(con, options);
    await con.run(eventsSql(lookback));
    const [rest] = await rowsOf(
      con,
      `select count(*) filter (kind = 0)::DOUBLE as touches, count(*) filter (kind = 1)::DOUBLE as conversions, count(distinct u)::DOUBLE as users,
        count(*) filter (kind = 0 and conv is not null and not inside)::DOUBLE as outside, count(*) filter (kind = 1 and value is null)::DOUBLE as valueless,
        count(*) filter (kind = 0 and cost is null)::DOUBLE as costless from events`,
    );
    if (Number(rest.touches) === 0) throw dataError(`${log}: no row has a user, a time and a channel, so there are no touches; check the names of the columns`);
    const { journeys, untouched } = await laidOut(con, options, log);
    const numbers = Object.fromEntries(Object.entries(rest).map(([name, count]) => [name, Number(count)])) as unknown as JourneyCounts;
    return {
      journeys,
      counts: { ...counts, ...numbers, untouched, valueless: value === undefined ? 0 : numbers.valueless, costless: cost === undefined ? 0 : numbers.costless },
    };
  });
}

interface Opened {
  readonly relation: string;
  readonly field: (name: string) => Field;
}

async function open(con: DuckDBConnection, table: string, path: string, names: readonly string[], text: readonly string[]): Promise<Opened> {
  const { relation, fields } = await openRelation(con, table, path, await kindOf(path), { columns: [...new Set(names)], text: [...new Set(text)] });
  return { relation, field: (name) => fields.find((field) => field.name === name) as Field };
}

/** SQL of a time in milliseconds since 1970; null where it cannot be read. */
function timeSql(field: Field, { timeUnit }: JourneyOptions, where: string): string {
  if (field.type === "DATE" || field.type.startsWith("TIMESTAMP")) return `epoch_us(${field.sql}::TIMESTAMP) / 1000.0`;
  if (field.type === "VARCHAR") return `epoch_us(try_cast(${field.sql} as TIMESTAMP)) / 1000.0`;
  if (timeUnit === undefined) throw usageError(`${where}: column "${field.name}" holds plain numbers; say what they count with timeUnit: ms, s or days`);
  return `${field.sql}::DOUBLE * ${timeUnit === "ms" ? 1 : timeUnit === "s" ? 1000 : day}`;
}

function numberSql(field: Field, what: string, where: string): string {
  if (/^(VARCHAR|.*\])$/.test(field.type))
    throw dataError(`${where}: column "${field.name}" must hold numbers, as it is the ${what}; choose another column or recode it`);
  return field.type === "BOOLEAN" ? `${field.sql}::INTEGER::DOUBLE` : `${field.sql}::DOUBLE`;
}

function seenSql({ relation, field }: Opened, options: JourneyOptions, where: string): string {
  const { user, time, channel, type, click = "click", cost, conversion, value } = options;
  const clicked = type === undefined ? "true" : `coalesce(${field(type).sql}::VARCHAR = ${literal(click)}, false)`;
  const bought = conversion === undefined ? "false" : `coalesce(${numberSql(field(conversion), "conversion", where)} > 0, false)`;
  const money = conversion === undefined || value === undefined ? "null" : numberSql(field(value), "value", where);
  return `select nullif(${field(user).sql}::VARCHAR, '') as u, ${timeSql(field(time), options, where)} as t, nullif(${field(channel).sql}::VARCHAR, '') as channel,
    ${clicked} as click, ${cost === undefined ? "null" : numberSql(field(cost), "cost", where)}::DOUBLE as cost, ${bought} as bought, ${money}::DOUBLE as value from ${relation}`;
}

function conversionSql({ relation, field }: Opened, options: JourneyOptions, where: string): string {
  const money = options.value === undefined ? "null" : numberSql(field(options.value), "value", where);
  return `select nullif(${field(options.user).sql}::VARCHAR, '') as u, ${timeSql(field(options.time), options, where)} as t, null as channel, false as click,
    null::DOUBLE as cost, true as bought, ${money}::DOUBLE as value from ${relation}`;
}

/** Leaves out of `seen` what cannot be placed, and counts it. */
async function prepare(
  con: DuckDBConnection,
  { duplicates = "drop" }: JourneyOptions,
): Promise<Pick<JourneyCounts, "rows" | "missing" | "idle" | "duplicates">> {
  const [all] = await rowsOf(
    con,
    `select count(*)::DOUBLE as n, count(*) filter (u is null or t is null)::DOUBLE as missing,
      count(*) filter (u is not null and t is not null and channel is null and not bought)::DOUBLE as idle from seen`,
  );
  const usable = "u is not null and t is not null and (channel is not null or bought)";
  await con.run(`create temp table used as select ${duplicates === "drop" ? "distinct" : ""} * from seen where ${usable}`);
  const [kept] = await rowsOf(con, "select count(*)::DOUBLE as n from used");
  const [rows, missing, idle] = [Number(all.n), Number(all.missing), Number(all.idle)];
  await con.run("drop table seen");
  return { rows, missing, idle, duplicates: rows - missing - idle - Number(kept.n) };
}

// kind 0 is a touch and 1 a conversion: sorted by it, of two events at one moment the touch comes first.
function eventsSql(lookback: number): string {
  return `create temp table events as with split as (
      select u, t, 0 as kind, channel, click, cost, null::DOUBLE as value from used where channel is not null
      union all select u, t, 1, null, null, null, value from used where bought),
    numbered as (select *, coalesce(sum(kind) over (partition by u order by t, kind, channel, click, cost, value rows between unbounded preceding and 1 preceding), 0) as segment from split),
    ended as (select *, max(case when kind = 1 then t end) over (partition by u, segment) as conv from numbered)
    select *, conv is not null and conv - t <= ${lookback * day} as inside from ended`;
}

/**
 * Sum of a column of a log by channel, out of core; touches where it is missing count 0.
 * @throws LiftwiseError (data) for a column of texts
 */
export async function sumByChannel(log: string, channel: string, column: string): Promise<Map<string, number>> {
  return withDuck(async (con) => {
    const { relation, field } = await open(con, "touch_log", log, [channel, column], [channel]);
    const sums = await rowsOf(
      con,
      `select ${field(channel).sql}::VARCHAR as channel, sum(coalesce(${numberSql(field(column), "contribution", log)}, 0)) as total from ${relation} group by 1`,
    );
    return new Map(sums.map(({ channel: name, total }) => [String(name), Number(total)]));
  });
}

async function laidOut(
  con: DuckDBConnection,
  { lookback = 30, type, cost }: JourneyOptions,
  where: string,
): Promise<{ readonly journeys: LoggedJourneys; readonly untouched: number }> {
  await con.run(`create temp table paused as select *, sum(pause) over (partition by u, segment, inside order by t, channel, click, cost rows unbounded preceding) as part
    from (select *, case when not inside and t - lag(t) over (partition by u, segment, inside order by t, channel, click, cost) > ${lookback * day} then 1 else 0 end as pause from events where kind = 0)`);
  await con.run(`create temp table touches as select *, (dense_rank() over (order by u, segment, inside, part) - 1)::INTEGER as journey from paused`);
  await con.run(
    "create temp table ordered as select journey, channel, t, click::INTEGER as click, coalesce(cost, 0) as cost from touches order by journey, t, channel, click, cost",
  );
  const fields = (await describe(con, "ordered")).map(([name, kind]): Field => ({ name, sql: `"${name}"`, type: kind }));
  const columns = await columnsOf(con, "ordered", fields, where, new Set(["channel"]));
  const number = (name: string): Float64Array => (columns.find((column) => column.name === name) as NumberColumn).values;
  const channel = columns.find((column) => column.name === "channel") as CategoryColumn;
  const journey = number("journey");
  const count = journey.length === 0 ? 0 : journey[journey.length - 1] + 1;
  const offsets = new Int32Array(count + 1);
  for (let i = 0; i < journey.length; i++) offsets[journey[i] + 1] = i + 1;
  await con.run(`create temp table bought as select j.journey, e.t, coalesce(e.value, 0) as value from (select u, segment, t, value from events where kind = 1) e
    join (select distinct u, segment, journey from touches where inside) j using (u, segment) order by j.journey`);
  const ends = await columnsOf(
    con,
    "bought",
    [
      { name: "journey", sql: "journey", type: "INTEGER" },
      { name: "t", sql: "t", type: "DOUBLE" },
      { name: "value", sql: "value", type: "DOUBLE" },
    ],
    where,
  );
  const [at, t, money] = ends.map((column) => (column as NumberColumn).values);
  const [conversions, value, conversionTime] = [new Float64Array(count), new Float64Array(count), new Float64Array(count).fill(Number.NaN)];
  for (let i = 0; i < at.length; i++) {
    conversions[at[i]]++;
    value[at[i]] += money[i];
    conversionTime[at[i]] = t[i];
  }
  const [total] = await rowsOf(con, "select count(*)::DOUBLE as n from events where kind = 1");
  return {
    journeys: {
      channels: channel.levels,
      offsets,
      channel: channel.codes,
      conversions,
      value,
      nulls: conversions.map((converted) => (converted > 0 ? 0 : 1)),
      time: number("t"),
      conversionTime,
      ...(type === undefined ? {} : { click: Uint8Array.from(number("click")) }),
      ...(cost === undefined ? {} : { cost: number("cost") }),
    },
    untouched: Number(total.n) - at.length,
  };
}

async function describe(con: DuckDBConnection, relation: string): Promise<[string, string][]> {
  return (await rowsOf(con, `describe select * from ${relation}`)).map((row) => [String(row.column_name), String(row.column_type)]);
}

/** What was left out or put in place, in sentences; nothing where the log was whole. */
export function journeyNotes(counts: JourneyCounts, lookback = 30): string[] {
  const { missing, duplicates, idle, untouched, outside, valueless, costless } = counts;
  const list: readonly (readonly [number, string])[] = [
    [missing, "rows have no user, or a time that is missing or cannot be read: left out"],
    [duplicates, "rows repeat another in every column used: counted once"],
    [idle, "rows name no channel and are no conversion: left out"],
    [
      untouched,
      `conversions have no touch within ${lookback} days before them (they came before the first touch, or long after the last): credited to no channel`,
    ],
    [outside, `touches lie more than ${lookback} days before their user's next conversion: counted as journeys without conversion`],
    [valueless, "conversions have no value: counted as 0 money"],
    [costless, "touches have no cost: counted as 0"],
  ];
  return list.filter(([count]) => count > 0).map(([count, text]) => `${count} ${text}`);
}
