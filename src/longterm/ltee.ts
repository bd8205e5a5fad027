import type { z } from "zod";
import * as c from "../compute/index.ts";
import type { Model } from "../model/contract.ts";
import { type CourseConfig, courseModel, type CourseNet, type CourseShape } from "./armNets.ts";

/** Tanh attention over the steps of a sequence: [rows, t, d] to [rows, d]. */
function attentionPool(width: number, size: number): c.Layer<[states: c.Tensor], c.Tensor> {
  const lift = c.nn.dense(width, size);
  const score = c.nn.dense(size, 1, { bias: false });
  return {
    init: { lift: lift.init, score: score.init },
    apply: (weights, states) => {
      const w = weights as Record<"lift" | "score", c.Tensors>;
      const scores = c.squeeze(score.apply(w.score, c.tanh(lift.apply(w.lift, states))), -1);
      const length = states.shape[1] as number;
      return c.sum(c.mul(c.reshape(c.softmax(scores), [-1, length, 1]), states), 1);
    },
  };
}

// Cheng2021: phi = relu(dense(x)) at every step, a shared bidirectional GRU, and for each arm a head of every step, attention, two dense layers and a head of [phi, h].
function lteeNet({ features, steps, metrics, arms }: CourseShape, { hidden: h }: CourseConfig): CourseNet {
  const phi = c.nn.dense(features, h);
  const forward = c.nn.gru(h, h);
  const backward = c.nn.gru(h, h, { reverse: true });
  const each = Array.from({ length: arms }, () => ({
    step: c.nn.dense(2 * h, metrics),
    pool: attentionPool(2 * h, Math.max(2, Math.round(h / 2))),
    deep: c.nn.mlp(2 * h, [h, h], { activation: "relu" }),
    last: c.nn.dense(2 * h, 1),
  }));
  return {
    init: {
      phi: phi.init,
      forward: forward.init,
      backward: backward.init,
      arms: Object.fromEntries(each.map((head, a) => [`arm${a}`, { step: head.step.init, pool: head.pool.init, deep: head.deep.init, last: head.last.init }])),
    },
    apply: (weights, x, step) => {
      const w = weights as Record<string, c.Tensors>;
      const lifted = c.relu(phi.apply(w.phi, x));
      const course = c.stack(
        Array.from({ length: steps }, () => lifted),
        1,
      );
      const states = c.concat([forward.apply(w.forward, course).states, backward.apply(w.backward, course).states], 2);
      const heads = w.arms as unknown as Record<string, Record<string, c.Tensors>>;
      return {
        course: each.map((head, a) => head.step.apply(heads[`arm${a}`].step, states)),
        outcome: each.map((head, a) => {
          const own = heads[`arm${a}`];
          const deep = head.deep.apply(own.deep, head.pool.apply(own.pool, states), step);
          return c.squeeze(head.last.apply(own.last, c.concat([lifted, deep], 1)), -1);
        }),
        seen: c.mean(states, 1),
      };
    },
  };
}

export const ltee: Model<"ltee", "longterm", z.ZodType<CourseConfig>> = courseModel({
  id: "ltee",
  summary: "LTEE: a bidirectional GRU over the steps, attention and a head for each arm; reads features alone, learns from labelled history.",
  source: [
    {
      key: "Cheng2021",
      departure:
        "a third of the width and two fifths of the steps by default; linear heads of the steps; control weight 1 / 2(1 - p) as meant; without logged arms it takes classified ones",
    },
  ],
  standard: { hidden: 32, steps: 400, learningRate: 0.003, batch: 128, balance: 1e-4 },
  build: lteeNet,
});

// TransLTEE2024: context tokens of x, two encoders and causal decoders, one an arm; the outcome follows from the decoded course.
function transNet({ features, steps, metrics, arms }: CourseShape, { hidden: d }: CourseConfig): CourseNet {
  const tokens = 4;
  const heads = d % 4 === 0 ? 4 : 1;
  const context = c.nn.dense(features, tokens * d);
  const block = (): {
    attend: ReturnType<typeof c.nn.attention>;
    norm: ReturnType<typeof c.nn.layerNorm>;
    feed: ReturnType<typeof c.nn.mlp>;
    after: ReturnType<typeof c.nn.layerNorm>;
  } => ({
    attend: c.nn.attention({ width: d, heads }),
    norm: c.nn.layerNorm(d),
    feed: c.nn.mlp(d, [2 * d, d], { activation: "relu", last: "linear" }),
    after: c.nn.layerNorm(d),
  });
  const each = Array.from({ length: arms }, () => ({
    encode: block(),
    self: block(),
    cross: block(),
    step: c.nn.dense(d, metrics),
    last: c.nn.mlp(2 * d, [d, 1], { last: "linear" }),
  }));
  const initOf = (b: ReturnType<typeof block>): c.Init => ({ attend: b.attend.init, norm: b.norm.init, feed: b.feed.init, after: b.after.init });
  const run = (b: ReturnType<typeof block>, weights: c.Tensors, query: c.Tensor, keys: c.Tensor, mask?: c.Tensor): c.Tensor => {
    const w = weights as Record<string, c.Tensors>;
    const first = b.norm.apply(w.norm, c.add(query, b.attend.apply(w.attend, { query, keys, mask })));
    return b.after.apply(w.after, c.add(first, b.feed.apply(w.feed, first)));
  };
  const start = c.starts.uniform(1 / Math.sqrt(d));
  return {
    init: {
      context: context.init,
      place: c.weight([steps, d], { start }),
      arms: Object.fromEntries(
        each.map((part, a) => [
          `arm${a}`,
          { encode: initOf(part.encode), self: initOf(part.self), cross: initOf(part.cross), step: part.step.init, last: part.last.init },
        ]),
      ),
    },
    apply: (weights, x, step) => {
      const w = weights as Record<string, c.Tensors>;
      const memory = c.reshape(context.apply(w.context, x), [-1, tokens, d]);
      // Every step starts from the pooled context and its own place; causal attention lets it see the steps before.
      const seed = c.add(c.expand(c.mean(memory, 1), 1), w.place as unknown as c.Tensor);
      const mask = causal(steps);
      const arms_ = w.arms as unknown as Record<string, Record<string, c.Tensors>>;
      const decoded = each.map((part, a) => {
        const own = arms_[`arm${a}`];
        const encoded = run(part.encode, own.encode, memory, memory);
        return run(part.cross, own.cross, run(part.self, own.self, seed, seed, mask), encoded);
      });
      return {
        course: each.map((part, a) => part.step.apply(arms_[`arm${a}`].step, decoded[a])),
        outcome: each.map((part, a) =>
          c.squeeze(part.last.apply(arms_[`arm${a}`].last, c.concat([c.take(decoded[a], 1, steps - 1), c.mean(memory, 1)], 1), step), -1),
        ),
        seen: c.mean(memory, 1),
      };
    },
  };
}

function causal(steps: number): c.Tensor {
  return c.constant(
    Float32Array.from({ length: steps * steps }, (_, k) => (k % steps <= Math.floor(k / steps) ? 1 : 0)),
    [1, steps, steps],
  );
}

export const transLtee: Model<"trans-ltee", "longterm", z.ZodType<CourseConfig>> = courseModel({
  id: "trans-ltee",
  summary: "TransLTEE: an encoder and a causal decoder of attention for each arm over the steps; reads features alone, learns from labelled history.",
  source: [
    {
      key: "TransLTEE2024",
      departure:
        "one layer in place of two, all steps decoded at once under a causal mask, no dropout, layers half as wide; without logged arms it takes classified ones",
    },
  ],
  standard: { hidden: 24, steps: 300, learningRate: 0.003, batch: 128, balance: 1e-4 },
  build: transNet,
});
