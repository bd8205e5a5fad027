import type { Rng } from "../base/rng.ts";
import { insertColumns, pathLiteral, withDuck } from "./duck.ts";
import { sellersColumns } from "./synth/sellers.ts";
import { type SellersConfig, sellersWorld } from "./synth/sellersWorld.ts";
import { atomically } from "./write.ts";

/** Users put into the database in one go: little enough for any number to pass through. */
const usersAtOnce = 500;

/**
 * Simulated users and candidate sellers written to one Parquet file, a part of the users in memory at a time. The rows are those that `simulate("sellers")`
 * gives for the same options and stream.
 */
export async function writeSellers(
  path: string,
  config: SellersConfig,
  rng: Rng,
  options: { readonly progress?: (share: number, what: string) => void; readonly signal?: AbortSignal } = {},
): Promise<{ readonly rows: number }> {
  const world = sellersWorld(config, rng);
  let rows = 0;
  await atomically(path, (temporary) =>
    withDuck(async (con) => {
      for (let from = 0; from < config.users; from += usersAtOnce) {
        options.signal?.throwIfAborted();
        options.progress?.(from / config.users, `user ${from} of ${config.users}`);
        const columns = sellersColumns(world, from, Math.min(config.users, from + usersAtOnce));
        await insertColumns(con, "part", columns);
        await con.run(from === 0 ? "create table everyone as select * from part" : "insert into everyone select * from part");
        await con.run("drop table part");
        rows += columns[0].kind === "number" ? columns[0].values.length : 0;
      }
      await con.run(`copy (select * from everyone) to ${pathLiteral(temporary)} (format parquet, compression zstd)`);
    }),
  );
  return { rows };
}
