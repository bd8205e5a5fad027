import { describe, test } from "vitest";
import { bench, laws } from "../../contract/laws.ts";
import { treeModels } from "../../../src/uplift/tree/index.ts";
for (const model of treeModels) describe(model.id, () => { const b = bench(model); for (const law of laws) if (law.applies?.(model) ?? true) test(law.name, () => law.check(model, b)); });
