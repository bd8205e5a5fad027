import * as c from "../../compute/index.ts";

/**
 * How far representations of units with one level of a lever lie from those of the rest: averaged over the levels of each lever, then over levers.
 * @param h [rows, width] @param levels [rows, levers] (int)
 */
export function balanceLoss(h: c.Tensor, levels: c.Tensor, sizes: readonly number[], distance: "mmd" | "wasserstein"): c.Tensor {
  const far = (inFirst: c.Tensor): c.Tensor => (distance === "mmd" ? c.nn.linearMmd(h, inFirst) : c.nn.wasserstein(h, inFirst));
  const levers = sizes.map((size, l) => {
    const own = c.take(levels, 1, l);
    const parts = Array.from({ length: size }, (_, k) => far(c.cast(c.equal(c.cast(own, "float"), k), "float")));
    return c.mul(
      parts.reduce((a, b) => c.add(a, b)),
      1 / size,
    );
  });
  return c.mul(
    levers.reduce((a, b) => c.add(a, b)),
    1 / sizes.length,
  );
}
