/**
 * Attribution: journeys from a log of touches, credit by mechanism, how far mechanisms disagree, and conversion models under several of them
 * (fitted by `fit`, or from files of clicks too large for memory by `fitClicks`).
 */
export { attribution } from "../attribution/index.ts";
export { type ClickFitOptions, type ClickPredictions, fitClicks, predictClicks } from "../attribution/cvr/stream.ts";
export * from "../attribution/mechanism/index.ts";
export {
  type ChannelReport,
  type MechanismReport,
  sideBySide,
  type SideBySideOptions,
  totalVariation,
} from "../attribution/mechanism/sideBySide.ts";
export { type JourneyCounts, journeyNotes, type JourneyOptions, type LoggedJourneys, readJourneys } from "../data/journeys.ts";
export { clickRoles, clicksDataset } from "../data/mac/dataset.ts";
export { type Clicks, type Vocabulary } from "../data/mac/layout.ts";
export { type ClickFolder, clickCount, openClicks } from "../data/mac/read.ts";
export { channels, type ClickSimulation, type SimulatedClicks, simulateClicks } from "../data/mac/simulate.ts";
export { writeClicks, type WrittenClicks } from "../data/mac/write.ts";
export type { AttributionPrediction } from "../model/contract.ts";
export { type AttributionSummary, renderAttribution } from "../report/attribution.ts";
