/** Long-term effects from short tests: models of the task "longterm", fitted by `fit`, and the whole forecast with its diagnostics and advice. */
export { combineSamples, type SurrogateGrid, surrogateGrid, type TwoSamples, twoSamples } from "../data/longterm.ts";
export { type ArmForecast, type Banded, experimentRows, forecast, type ForecastOptions, type ForecastResult } from "../longterm/forecast.ts";
export { longterm } from "../longterm/index.ts";
export { imputation, lope, shortTerm } from "../longterm/labelled.ts";
export { steal } from "../longterm/steal/steal.ts";
export { doublyRobustSurrogate, surrogateIndexBoosted, surrogateIndexLinear, surrogateIndexNeural, surrogateScore } from "../longterm/surrogate.ts";
export type { LongtermAverage, LongtermPrediction } from "../model/contract.ts";
export { renderForecast } from "../report/forecast.ts";
