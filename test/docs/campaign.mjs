// With "plain": without the columns that a user would have to leave out.
// Writes the files that the guides call campaign.csv (an experiment) and customers.csv (the same customers before the next one).
import process from "node:process";
import { categoryColumn, numberColumn, simulate, writeTable } from "liftwise/data";

const data = simulate("email", { n: 3000 }, 1);
const { arm } = data.treatment();
const numbers = ["recency", "history", "mens", "womens", "newbie"];
const columns = [
  numberColumn(
    "customer",
    Float64Array.from({ length: data.rows }, (_, i) => 1000 + i),
  ),
  numberColumn(
    "day",
    Float64Array.from({ length: data.rows }, (_, i) => 1 + Math.floor((14 * i) / data.rows)),
  ),
  ...numbers.map((name) => numberColumn(name, data.number(name))),
  data.column("channel"),
];
const after = [
  categoryColumn(
    "arm",
    Array.from(arm, (a) => ["none", "mens", "womens"][a]),
  ),
  numberColumn("bought", data.number("visit")),
  numberColumn("spend", data.number("spend")),
];
const plain = process.argv.includes("plain");
const kept = (list) => (plain ? list.filter(({ name }) => !["customer", "day", "spend"].includes(name)) : list);
await writeTable("campaign.csv", kept([...columns, ...after]));
await writeTable("customers.csv", kept(columns));
