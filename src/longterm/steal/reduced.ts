import { spectrum } from "../../base/linear/solve.ts";
import { type Behaviour, meanOf, type Prototypes, summed, whitened, whitener } from "./prototypes.ts";

/**
 * Courses in the directions in which the expected ones differ, whitened. In all other directions a course is noise around means that do not depend on features, prototype or
 * arm: it says nothing of them, but every coefficient estimated there makes the evidence look surer than it is. A direction is kept where its mean square is above what
 * pure noise would reach, (sqrt(p / n) + sqrt(d / n))^2 for p coefficients a direction (MarchenkoPastur1967), and one always is.
 */
export function reduced(data: Behaviour, model: Prototypes, joint: Float64Array): Behaviour {
  const { rows, s, depth, arms, width } = data;
  const { count, course, covariance } = model;
  const cells = count * arms;
  const { whiten } = whitener(covariance, depth);
  const turned = course.map((theta) => whitened(summed(theta, width * depth), whiten, depth));
  const [square, centre, mean] = [new Float64Array(depth * depth), new Float64Array(depth), new Float64Array(depth)];
  for (let i = 0; i < rows; i++)
    for (let cell = 0; cell < cells; cell++) {
      const w = joint[i * cells + cell];
      if (w < 1e-4) continue;
      meanOf(data, turned[Math.floor(cell / arms)], i, cell % arms, mean);
      for (let k = 0; k < depth; k++) {
        centre[k] += (w * mean[k]) / rows;
        for (let l = k; l < depth; l++) square[k * depth + l] += (w * mean[k] * mean[l]) / rows;
      }
    }
  for (let k = 0; k < depth; k++)
    for (let l = k; l < depth; l++) {
      square[k * depth + l] -= centre[k] * centre[l];
      square[l * depth + k] = square[k * depth + l];
    }
  const { values, vectors } = spectrum(square);
  const edge = (Math.sqrt((cells * width) / rows) + Math.sqrt(depth / rows)) ** 2;
  const kept = Math.max(1, values.filter((value) => value > edge).length);
  const z = whitened(s, whiten, depth);
  const out = new Float64Array(rows * kept);
  for (let i = 0; i < rows; i++)
    for (let d = 0; d < kept; d++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += z[i * depth + k] * vectors[d * depth + k];
      out[i * kept + d] = sum;
    }
  return { ...data, s: out, depth: kept };
}
