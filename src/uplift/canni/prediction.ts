import type { Value } from "../../compute/index.ts";
import type { PlatformOutcome, SellerFlip, SellersPrediction } from "../../model/contract.ts";
import { batchOfUsers, type SellersTable } from "./inputs.ts";

/** How heads are computed: a batch of users in, spending by pair (padded) and user out. */
export interface Runs {
  readonly competition: boolean;
  /** Pairs computed in one go. */
  readonly pairs: number;
  run(table: SellersTable, batch: Readonly<Record<string, Value>>): Promise<Readonly<Record<string, Float64Array>>>;
}

/** Predictions with rivals as planned, and what follows from them under other assignments. */
export async function predictionOf(table: SellersTable, runs: Runs): Promise<SellersPrediction> {
  const { users, rows, offsets } = table;
  const n = rows.length;
  const user = new Int32Array(n);
  const planned = new Uint8Array(n);
  for (let u = 0; u < users; u++)
    for (let k = offsets[u]; k < offsets[u + 1]; k++) {
      user[rows[k]] = u;
      planned[rows[k]] = table.columns.t.data[k];
    }
  const base = await evaluate(table, runs, planned);
  const { mu0, mu1, p, m1, m0, free0 } = base.pairs;
  // The identity is kept in the numbers given out, not only in the net.
  const treated = p !== undefined && m1 !== undefined && m0 !== undefined ? Float64Array.from(p, (q, i) => q * m1[i] + (1 - q) * m0[i]) : mu1;
  const tau = treated.map((value, i) => value - mu0[i]);
  const platform = async (assignment: ArrayLike<number>): Promise<PlatformOutcome> => outcomeOf(table, await evaluate(table, runs, assignment), assignment);
  const flips = (visit: (flip: SellerFlip) => void, assignment: ArrayLike<number> = planned): Promise<void> =>
    runs.competition ? flipAll(table, runs, assignment, visit) : flipAlone(table, tau, visit);
  return {
    rows: n,
    users,
    user,
    planned,
    mu0,
    mu1: treated,
    tau,
    ...(p === undefined ? {} : { p }),
    ...(p === undefined || m1 === undefined || m0 === undefined ? {} : { m1, m0, denoised: tau.map((value, i) => Math.min(Math.max(value, 0), p[i] * m1[i])) }),
    ...(free0 === undefined || p === undefined || m0 === undefined ? {} : { attributedNoise: p.map((q, i) => (1 - q) * (free0[i] - m0[i])) }),
    competition: runs.competition,
    flips,
    platformNet: async (assignment) => {
      const net = new Float64Array(n);
      await flips(({ row, change, outside }) => {
        let sum = outside;
        for (const value of change) sum += value;
        net[row] = sum;
      }, assignment);
      return net;
    },
    platform,
    lift: async (assignment = planned) => {
      const [some, none] = [await platform(assignment), await platform(new Uint8Array(n))];
      return some.total.map((value, u) => value - none.total[u]);
    },
  };
}

interface Evaluated {
  /** By row of the data. */
  readonly pairs: Readonly<Record<string, Float64Array>>;
  /** By user. */
  readonly outside: Float64Array;
}

/** Every head under an assignment of all rows. */
async function evaluate(table: SellersTable, runs: Runs, assignment: ArrayLike<number>): Promise<Evaluated> {
  const { users, rows, offsets, most } = table;
  const t = Float32Array.from(rows, (row) => assignment[row]);
  const under: SellersTable = { ...table, columns: { ...table.columns, t: { data: t, width: 1 } } };
  const pairs: Record<string, Float64Array> = {};
  const outside = new Float64Array(users);
  const step = Math.max(1, Math.floor(runs.pairs / most));
  for (let from = 0; from < users; from += step) {
    const part = Array.from({ length: Math.min(step, users - from) }, (_, i) => from + i);
    const found = await runs.run(table, batchOfUsers(under, part, most));
    for (const [name, values] of Object.entries(found)) {
      if (name === "outside") {
        outside.set(values, from);
        continue;
      }
      const out = (pairs[name] ??= new Float64Array(rows.length));
      for (const [i, u] of part.entries()) for (let k = offsets[u], at = i * most; k < offsets[u + 1]; k++, at++) out[rows[k]] = values[at];
    }
  }
  return { pairs, outside };
}

function outcomeOf(table: SellersTable, { pairs, outside }: Evaluated, assignment: ArrayLike<number>): PlatformOutcome {
  const { users, rows, offsets } = table;
  const { mu0, mu1, p, m1, m0 } = pairs;
  const shops = new Float64Array(rows.length);
  for (let i = 0; i < shops.length; i++) shops[i] = assignment[i] === 1 ? (m1 === undefined ? mu1[i] : p[i] * m1[i] + (1 - p[i]) * m0[i]) : mu0[i];
  const total = new Float64Array(users);
  for (let u = 0; u < users; u++) {
    let sum = 0;
    for (const row of rows.slice(offsets[u], offsets[u + 1]).sort()) sum += shops[row];
    total[u] = sum + outside[u];
  }
  return { shops, outside, total };
}

async function flipAlone({ users, rows, offsets }: SellersTable, tau: Float64Array, visit: (flip: SellerFlip) => void): Promise<void> {
  for (let u = 0; u < users; u++) {
    const own = rows.slice(offsets[u], offsets[u + 1]).sort();
    own.forEach((row, at) => {
      const change = new Float64Array(own.length);
      change[at] = tau[row];
      visit({ row, rows: own, change, outside: 0 });
    });
  }
}

/** Each incentive given and withheld with all rivals as planned: a user of m candidates is computed m + 1 times. */
async function flipAll(table: SellersTable, runs: Runs, planned: ArrayLike<number>, visit: (flip: SellerFlip) => void): Promise<void> {
  const { users, rows, offsets, most } = table;
  const under: SellersTable = { ...table, columns: { ...table.columns, t: { data: Float32Array.from(rows, (row) => planned[row]), width: 1 } } };
  let from = 0;
  while (from < users) {
    let to = from;
    let copies = 0;
    while (to < users && (to === from || (copies + offsets[to + 1] - offsets[to] + 1) * most <= runs.pairs)) {
      copies += offsets[to + 1] - offsets[to] + 1;
      to++;
    }
    const who: number[] = [];
    for (let u = from; u < to; u++) for (let k = offsets[u]; k <= offsets[u + 1]; k++) who.push(u);
    const batch = batchOfUsers(under, who, most);
    const t = batch.t.data as Float32Array;
    for (let u = from, at = 0; u < to; u++) {
      at += most;
      for (let k = 0; k < offsets[u + 1] - offsets[u]; k++, at += most) t[at + k] = 1 - t[at + k];
    }
    const found = await runs.run(table, batch);
    const shop = (at: number, k: number, given: number): number => {
      const i = at * most + k;
      if (given !== 1) return found.mu0[i];
      return found.m1 === undefined ? found.mu1[i] : found.p[i] * found.m1[i] + (1 - found.p[i]) * found.m0[i];
    };
    let at = 0;
    for (let u = from; u < to; u++) {
      const m = offsets[u + 1] - offsets[u];
      const own = rows.slice(offsets[u], offsets[u + 1]);
      const base = at++;
      // Rows of a flip stand in the order of the data, as sums do.
      const sorted = Int32Array.from(own).sort();
      const place = Int32Array.from(own, (row) => sorted.indexOf(row));
      for (let k = 0; k < m; k++, at++) {
        const sign = planned[own[k]] === 1 ? -1 : 1;
        const change = new Float64Array(m);
        for (let j = 0; j < m; j++) {
          const before = planned[own[j]];
          change[place[j]] = sign * (shop(at, j, j === k ? 1 - before : before) - shop(base, j, before));
        }
        visit({ row: own[k], rows: sorted, change, outside: found.outside === undefined ? 0 : sign * (found.outside[at] - found.outside[base]) });
      }
    }
    from = to;
  }
}
