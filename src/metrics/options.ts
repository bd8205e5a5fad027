import { z } from "zod";

/** A schema whose output is `T`, and whose fields may all be left out. */
export type Options<T> = z.ZodType<T, Partial<T>>;

/** Metrics that compare arms take this option; with one treated arm it need not be given. */
export const armOption: { readonly arm: z.ZodOptional<z.ZodString> } = {
  arm: z.string().optional().describe("Treated arm that is compared with control; needed when the data has several."),
};
