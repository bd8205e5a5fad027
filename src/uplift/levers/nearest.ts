import { levelsOfCell } from "../../data/levers.ts";

/** Places (in `logged`) of the logged cells with the fewest steps between them and a cell; the cell's own place alone where it was logged. */
export function nearestLogged(sizes: readonly number[], logged: readonly number[], levels: readonly number[]): Int32Array {
  let least = Number.POSITIVE_INFINITY;
  let near: number[] = [];
  logged.forEach((cell, place) => {
    const other = levelsOfCell(sizes, cell);
    const steps = other.reduce((sum, k, l) => sum + Math.abs(k - levels[l]), 0);
    if (steps < least) [least, near] = [steps, []];
    if (steps === least) near.push(place);
  });
  return Int32Array.from(near);
}
