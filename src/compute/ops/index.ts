export * from "./elementwise.ts";
export * from "./indexing.ts";
export * from "./linear.ts";
export { type Axes, logSoftmax, logSumExp, max, mean, min, type ReduceOptions, sizeOf, softmax, standardise, sum, weightedMean } from "./reduce.ts";
export * from "./shape.ts";
