import { readFileSync } from "node:fs";
import * as c from "../../src/compute/index.ts";
import { reference } from "../../src/compute/engine/reference/engine.ts";

/** The reference engine as `train` and `forward` take it. */
export const onReference: c.ChosenEngine = { engine: reference, report: { id: "reference", version: "", reason: "test", skipped: [] } };

/** What a tensor of constants comes to. */
export async function computed(x: c.Tensor): Promise<c.Value> {
  const program = await reference.compile(c.graphOf({ x }), { threads: 1 });
  try {
    return (await program.run({})).x;
  } finally {
    program.dispose();
  }
}

export async function numbersOf(x: c.Tensor): Promise<number[]> {
  return Array.from((await computed(x)).data);
}

export interface Numbers {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
/** Numbers of a fixture as a constant. */
export function fixed({ shape, data }: Numbers): c.Tensor {
  return c.constant(data, shape);
}

/** Reference values made with PyTorch; see the README beside them. */
export const torch = JSON.parse(readFileSync(new URL("../fixtures/nets/data.json", import.meta.url), "utf8"));

/** Start values of a layer's weights as constants. */
export function started(layer: { readonly init: c.Init }, rng: import("../../src/base/rng.ts").Rng): c.Tensors {
  const tree = (init: c.Init, label: string): c.Tensors =>
    Object.fromEntries(
      Object.entries(init).map(([name, entry]) => {
        if (entry.kind !== "weight") return [name, tree(entry as c.Init, `${label}.${name}`)];
        const weight = entry as c.Weight;
        return [name, c.constant(weight.start(rng.split(`${label}.${name}`), weight.shape), weight.shape)];
      }),
    );
  return tree(layer.init, "");
}
