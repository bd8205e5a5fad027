// The average effects of the Hillstrom e-mail test on visits are known: a comparison that gives others is wrong.
import { readFileSync } from "node:fs";

const known = { "Mens E-Mail": [0.07659, 0.003386], "Womens E-Mail": [0.045233, 0.003234] };
const comparison = JSON.parse(readFileSync(process.argv[2], "utf8"));
for (const [arm, [value, se]] of Object.entries(known)) {
  const got = comparison.effects.find((effect) => effect.arm === arm && effect.outcome === "visit");
  const equal = got !== undefined && Math.abs(got.value - value) < 5e-6 && Math.abs(got.se - se) < 5e-7;
  if (!equal) throw new Error(`${arm}: effect on visit should be ${value} (se ${se}), got ${JSON.stringify(got)}`);
}
if (comparison.results.length === 0) throw new Error("no model was compared");
