export { drLearner } from "./drLearner.ts";
export { rLearner } from "./rLearner.ts";
export { sLearner } from "./sLearner.ts";
export { tLearner } from "./tLearner.ts";
export { xLearner } from "./xLearner.ts";
