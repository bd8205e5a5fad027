import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { Dataset } from "../../src/data/dataset.ts";
import { readTable } from "../../src/data/read.ts";
import { analyseExperiment } from "../../src/experiment/analyse.ts";
import { averageEffects } from "../../src/experiment/ate.ts";
import { adjustedEffects } from "../../src/experiment/adjusted.ts";
import { expectClose } from "../tolerance.ts";

const folder = process.env.LIFTWISE_DATA_DIR || resolve(import.meta.dirname, "../../../shared/datasets");
const file = join(folder, "hillstrom/Kevin_Hillstrom_MineThatData_E-MailAnalytics_DataMiningChallenge_2008.03.20.csv.gz");
const manifest = join(folder, "manifest.json");
const here = existsSync(file) && existsSync(manifest);

describe.skipIf(!here)(`Hillstrom's experiment${here ? "" : " (skipped: no public data; set LIFTWISE_DATA_DIR)"}`, () => {
  let data: Dataset;
  beforeAll(async () => {
    data = new Dataset(
      await readTable(file),
      {
        features: ["recency", "history_segment", "history", "mens", "womens", "zip_code", "newbie", "channel"],
        treatment: { column: "segment", control: "No E-Mail" },
        outcomes: ["visit", "conversion", "spend"],
      },
      "hillstrom",
    );
  });

  test("average effects and standard errors equal the published reference values to their last digit", () => {
    const { datasets } = JSON.parse(readFileSync(manifest, "utf8")) as { datasets: { name: string; referenceResults: Record<string, [number, number]>[] }[] };
    const want = datasets.find(({ name }) => name === "hillstrom")?.referenceResults[0] as Record<string, [number, number]>;
    for (const outcome of data.roles.outcomes)
      for (const effect of averageEffects(data, { outcome })) {
        const [value, se] = want[`${effect.arm.slice(0, -" E-Mail".length).toLowerCase()}_${outcome}`];
        expectClose(effect.value, value, 5e-7, `${effect.arm} ${outcome}`);
        expectClose(effect.se, se, 5e-7, `${effect.arm} ${outcome} se`);
      }
  });

  test("the analysis finds a sound experiment, in which adjustment changes little and narrows the intervals", () => {
    const analysis = analyseExperiment(data, { shares: { "No E-Mail": 1, "Mens E-Mail": 1, "Womens E-Mail": 1 } });
    expect(analysis.sampleRatio?.pValue).toBeGreaterThan(0.5);
    for (const test of analysis.balance ?? []) expect(test.pValue).toBeGreaterThan(0.01);
    for (const { effects } of analysis.outcomes)
      for (const { plain, adjusted } of effects) {
        expect(Math.abs((adjusted?.value ?? Number.NaN) - plain.value)).toBeLessThan(plain.se);
        // Of spend, 99 % zeros, covariates explain nothing: slopes only add noise.
        expect(adjusted?.varianceReduction).toBeGreaterThan(-0.01);
      }
    expect(adjustedEffects(data)[0].varianceReduction).toBeGreaterThan(0.02);
    expect(analysis.findings[0]).toMatch(/^Mens E-Mail raises visit by 0\.076\d? against No E-Mail \(95 % interval 0\.0695 to 0\.0826,/);
  });
});
