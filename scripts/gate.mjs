// The project's own regression gate: is any model worse than when its baseline was kept? `npm run gate`, and `npm run gate -- --update` to keep this run.
// `--full` takes every uplift model and all replications; its baselines are kept apart, and it is run by hand.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const words = process.argv.slice(2);
const full = words.includes("--full");
const rest = words.filter((word) => word !== "--full");
const folder = join(root, "bench", "quality", "baseline");
mkdirSync(folder, { recursive: true });
const data = process.env.LIFTWISE_DATA_DIR ?? join(root, "..", "shared", "datasets");
// Nets take minutes each: they are judged by the full gate and by their own suites.
const quick = ["s-learner", "t-learner", "x-learner", "r-learner", "dr-learner", "uplift-forest", "uplift-boosting", "causal-forest"];
const suites = full
  ? [
      { suite: "small", seeds: 50 },
      { suite: "ihdp", seeds: 25, needs: "ihdp" },
      { suite: "hillstrom", seeds: 5, needs: "hillstrom" },
    ]
  : [
      { suite: "small", seeds: 12, models: quick },
      { suite: "ihdp", seeds: 10, models: ["s-learner", "t-learner", "dr-learner", "uplift-forest", "causal-forest"], needs: "ihdp" },
    ];

let worst = 0;
for (const { suite, seeds, models, needs } of suites) {
  if (needs !== undefined && !existsSync(join(data, needs))) {
    console.log(`${suite}: skipped, its data is not here (set LIFTWISE_DATA_DIR)`);
    continue;
  }
  const baseline = join("bench", "quality", "baseline", `${suite}${full ? "-full" : ""}.json`);
  const chosen = rest.includes("--update") ? ["--seeds", String(seeds), ...(models === undefined ? [] : ["--models", models.join(",")])] : [];
  const { status } = spawnSync(process.execPath, [join("dist", "cli", "main.js"), "benchmark", suite, "--baseline", baseline, ...chosen, ...rest], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, LIFTWISE_DATA_DIR: data },
  });
  worst = Math.max(worst, status ?? 1);
}
process.exit(worst);
