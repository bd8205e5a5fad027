/** Models of the effect of one treatment (or one of several arms) by name, fitted by `fit`: what `modelById` finds by id. */
export { uplift } from "../uplift/index.ts";
export { drLearner } from "../uplift/meta/drLearner.ts";
export { rLearner } from "../uplift/meta/rLearner.ts";
export { sLearner } from "../uplift/meta/sLearner.ts";
export { tLearner } from "../uplift/meta/tLearner.ts";
export { xLearner } from "../uplift/meta/xLearner.ts";
export { dragonnet } from "../uplift/net/dragonnet.ts";
export { tarnet } from "../uplift/net/tarnet.ts";
export * from "../uplift/tree/index.ts";
