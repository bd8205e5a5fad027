import * as c from "../../compute/index.ts";
import type { SellersInputs } from "./inputs.ts";
import type { SellersConfig } from "./settings.ts";

/** A batch as the nets see it; B users, m candidates. */
export interface Seen {
  /** [B, m, width] of pairs without the incentive, and of the incentive. */
  readonly x: c.Tensor;
  readonly offer: c.Tensor;
  /** Assignment of all candidates, [B, m]: a head may read that of rivals, never of its own pair. */
  readonly t: c.Tensor;
  /** 1 where there is a candidate, [B, m]. */
  readonly mask: c.Tensor;
  /** 1 where two candidates are of one category, [B, m, m]; undefined without categories. */
  readonly same?: c.Tensor;
  readonly events?: c.Tensor;
  readonly present?: c.Tensor;
  /** 1 where an event is of the candidate's category, [B, m, N]. */
  readonly sameEvent?: c.Tensor;
}

type Batch = Readonly<Record<string, c.Tensor>>;

/** Reads features into tensors: the one input layer of every net. */
export function encoder(inputs: SellersInputs): {
  readonly init: c.Init;
  readonly width: number;
  readonly offer: number;
  apply(weights: c.Tensors, batch: Batch): Seen;
} {
  const { pair, offer } = inputs;
  const part = (own: SellersInputs["pair"], prefix: string, weights: c.Tensors, batch: Batch): c.Tensor => {
    const flat = Object.fromEntries(
      Object.keys(own.spec).map((name) => {
        const column = batch[`${prefix} ${name}`];
        return [name, c.reshape(column, [-1, column.shape[2]])];
      }),
    );
    const { mask } = batch;
    return c.reshape(own.layer.apply(weights, flat), [mask.shape[0], mask.shape[1], own.width]);
  };
  return {
    init: { pair: pair.layer.init, offer: offer.layer.init },
    width: pair.width,
    offer: offer.width,
    apply: (weights, batch) => {
      const { mask, t, category, events, present, eventCategory } = batch;
      const known = (codes: c.Tensor): c.Tensor => c.lessEqual(0, c.cast(codes, "float"));
      const equal = (a: c.Tensor, b: c.Tensor): c.Tensor => c.cast(c.and(c.equal(c.expand(a, 2), c.expand(b, 1)), known(c.expand(a, 2))), "float");
      return {
        x: part(pair, "pair", weights.pair as c.Tensors, batch),
        offer: part(offer, "offer", weights.offer as c.Tensors, batch),
        t: c.mul(t, mask),
        mask,
        ...(category === undefined ? {} : { same: equal(category, category) }),
        ...(events === undefined ? {} : { events, present }),
        ...(events === undefined || category === undefined || (inputs.events?.category ?? -1) < 0 ? {} : { sameEvent: equal(category, eventCategory) }),
      };
    },
  };
}

/**
 * Treat-Attention (CanniUplift2026): the offer asks the user's history. Beside what attention finds stands how much of the history answered at all, which
 * softmax does not tell. Gives [B, m, width + heads]; zeros where there is no history.
 */
export function treatAttention(
  query: number,
  events: number,
  { attention: width, heads }: Pick<SellersConfig, "attention" | "heads">,
): { readonly init: c.Init; readonly width: number; apply(weights: c.Tensors, query: c.Tensor, seen: Seen): c.Tensor } {
  const size = Math.max(1, Math.round(width / heads));
  const inner = size * heads;
  const layers = {
    query: c.nn.dense(query, inner),
    key: c.nn.dense(events, inner, { bias: false }),
    value: c.nn.dense(events, inner),
  };
  return {
    init: {
      query: layers.query.init,
      key: layers.key.init,
      value: layers.value.init,
      // How much an event of the candidate's own category is looked at, by head, and how readily events answer.
      same: c.weight([heads], { start: c.starts.constant(2) }),
      offset: c.weight([heads], { start: c.starts.constant(-2) }),
    },
    width: inner + heads,
    apply: (weights, asked, { events: given, present, sameEvent }) => {
      const w = weights as Record<"query" | "key" | "value", c.Tensors> & Record<"same" | "offset", c.Tensor>;
      if (given === undefined || present === undefined) throw new Error("attention to a history that is not there");
      const byHead = (x: c.Tensor): c.Tensor => c.transpose(c.reshape(x, [x.shape[0], x.shape[1], heads, size]), [0, 2, 1, 3]);
      const q = byHead(layers.query.apply(w.query, asked));
      const k = byHead(layers.key.apply(w.key, given));
      const v = byHead(layers.value.apply(w.value, given));
      const plain = c.div(c.matmul(q, k, { transposeB: true }), Math.sqrt(size));
      const scores = sameEvent === undefined ? plain : c.add(plain, c.mul(c.expand(sameEvent, 1), c.reshape(w.same, [1, heads, 1, 1])));
      const there = c.expand(c.expand(present, 1), 1);
      const shares = c.mul(c.softmax(c.select(c.greater(there, 0.5), scores, -1e9)), there);
      const found = c.reshape(c.transpose(c.matmul(shares, v), [0, 2, 1, 3]), [asked.shape[0], asked.shape[1], inner]);
      const answered = c.mul(c.sigmoid(c.add(scores, c.reshape(w.offset, [1, heads, 1, 1]))), there);
      const share = c.div(c.sum(answered, 3), c.maximum(c.sum(there, 3), 1));
      return c.concat([found, c.transpose(share, [0, 2, 1])], 2);
    },
  };
}

/** Pairs of user and seller as the net sees them, without the incentive and with it. Shared by every model. */
export interface Reader {
  readonly init: c.Init;
  /** Width of what is read of a pair, and of the same with the incentive. */
  readonly pair: number;
  readonly offered: number;
  /** [B, m, pair]: features and what the history says of the seller. */
  plain(weights: c.Tensors, seen: Seen): c.Tensor;
  /** [B, m, offered]: the same, the incentive, and what the history says of seller and incentive. */
  withOffer(weights: c.Tensors, seen: Seen, plain: c.Tensor): c.Tensor;
}

export function reader(about: About, config: SellersConfig): Reader {
  const { width, offer, events } = about;
  const ask = events === 0 ? undefined : treatAttention(width, events, config);
  const askWith = events === 0 ? undefined : treatAttention(width + offer, events, config);
  return {
    init: { ...(ask === undefined ? {} : { seller: ask.init }), ...(askWith === undefined ? {} : { offer: askWith.init }) },
    pair: width + (ask?.width ?? 0),
    offered: width + (ask?.width ?? 0) + offer + (askWith?.width ?? 0),
    plain: (weights, seen) => (ask === undefined ? seen.x : c.concat([seen.x, ask.apply(weights.seller as c.Tensors, seen.x, seen)], 2)),
    withOffer: (weights, seen, plain) => {
      const parts = [plain, seen.offer];
      if (askWith !== undefined) parts.push(askWith.apply(weights.offer as c.Tensors, c.concat([seen.x, seen.offer], 2), seen));
      return c.concat(parts, 2);
    },
  };
}

/** Widths a net is built for. */
export interface About {
  readonly width: number;
  readonly offer: number;
  readonly events: number;
  readonly categories: number;
}

/** Competition of a pair's rivals, [B, m] each. */
export interface Pressure {
  /** Rivals with a stronger incentive; 0 where no rival gives one. */
  readonly stronger: c.Tensor;
  /** What is left of an incentive's gain beside them; 1 where no rival gives one. */
  readonly works: c.Tensor;
  /** What the rivals' incentives bring them, over the organic demand of all who compete; 0 where no rival gives one. */
  readonly taken: c.Tensor;
}

/** Factor by which something fades with the number of stronger rivals. */
export const fades = (stronger: c.Tensor, by: c.Tensor): c.Tensor => c.exp(c.neg(c.clip(c.mul(stronger, by), -1, 8)));

/**
 * Cross-seller context: who competes with whom is learned, by attention whose weights are not brought to one (rivals add up), starting from the category. The
 * summaries are those of demand: an incentive wears off with the stronger ones beside it, and what is taken from a shop follows its rivals' gains, worn as they
 * are, as a share of the demand they compete for. They read the model's own estimates of organic demand and isolated uplift, through which no gradient flows.
 * Nothing of a pair depends on its own incentive: its rivals' gains are taken as they are without it.
 */
export function rivalry({ width, categories }: { readonly width: number; readonly categories: number }): {
  readonly init: c.Init;
  apply(weights: c.Tensors, z: c.Tensor, seen: Seen, demand: c.Tensor, uplift: c.Tensor, wearing: c.Tensor): Pressure;
} {
  const inner = 8;
  // Queries start at nothing: at first only the category says who competes.
  const query = c.nn.dense(width, inner, { start: c.starts.constant(0), group: "rivals" });
  const key = c.nn.dense(width, inner, { bias: false, group: "rivals" });
  return {
    init: {
      query: query.init,
      key: key.init,
      same: c.weight([1], { start: c.starts.constant(9), group: "rivals" }),
      // Near nothing between categories: the many who hardly compete would add up to more than the few who do.
      offset: c.weight([1], { start: c.starts.constant(categories > 0 ? -7 : -2), group: "rivals" }),
    },
    apply: (weights, z, { t, mask, same }, demand, uplift, wearing) => {
      const w = weights as Record<"query" | "key", c.Tensors> & Record<"same" | "offset", c.Tensor>;
      const m = z.shape[1] as number;
      const learned = c.div(c.matmul(query.apply(w.query, z), key.apply(w.key, z), { transposeB: true }), Math.sqrt(inner));
      const byCategory = same === undefined ? w.offset : c.add(c.mul(same, w.same), w.offset);
      const others = c.constant(
        Array.from({ length: m * m }, (_, i) => (i % (m + 1) === 0 ? 0 : 1)),
        [m, m],
      );
      // [B, m, m]: how much candidate k competes with candidate j, and beats it.
      const compete = c.mul(c.sigmoid(c.add(learned, byCategory)), c.mul(c.expand(mask, 1), others));
      // The stronger of two beats the other, however close: so an incentive more never lowers what a group of rivals gains (what the newcomer brings, worn by the
      // stronger, is more than what it takes from the weaker). A soft comparison would let it, by wearing those that are far stronger a little.
      const beats = c.mul(compete, c.cast(c.greater(c.expand(uplift, 1), c.expand(uplift, 2)), "float"));
      const stronger = c.sum(c.mul(beats, c.expand(t, 1)), 2);
      // What wears rival k off, but for j itself.
      const without = c.sub(c.expand(stronger, 1), c.mul(c.transpose(beats, [0, 2, 1]), c.expand(t, 2)));
      const gains = c.mul(c.mul(compete, fades(without, wearing)), c.expand(c.mul(uplift, t), 1));
      const pot = c.add(c.squeeze(c.matmul(compete, c.expand(c.mul(demand, mask), 2)), 2), demand);
      return { stronger, works: fades(stronger, wearing), taken: c.div(c.sum(gains, 2), c.add(pot, 1e-4)) };
    },
  };
}
