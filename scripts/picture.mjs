// Does a PNG show anything? Reads just enough of the format: 8 bits a channel, not interlaced, as pictures here are.
import { inflateSync } from "node:zlib";

const channels = { 0: 1, 2: 3, 4: 2, 6: 4 };

/** What is wrong with the picture: undefined for one with marks on it. */
export function pictureFault(png) {
  if (png.subarray(0, 8).toString("hex") !== "89504e470d0a1a0a") return "the picture is no PNG";
  let at = 8;
  let head;
  const data = [];
  while (at < png.length) {
    const length = png.readUInt32BE(at);
    const type = png.toString("latin1", at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") head = { width: body.readUInt32BE(0), height: body.readUInt32BE(4), depth: body[8], colour: body[9], interlaced: body[12] };
    if (type === "IDAT") data.push(body);
    at += 12 + length;
  }
  if (head === undefined || data.length === 0) return "the picture is cut off";
  if (head.depth !== 8 || channels[head.colour] === undefined || head.interlaced !== 0) return "the picture is of a kind that cannot be checked";
  if (head.width < 50 || head.height < 50) return `the picture is ${head.width} x ${head.height} pixels`;
  const lines = unfiltered(inflateSync(Buffer.concat(data)), head.width * channels[head.colour], channels[head.colour]);
  return inked(lines, channels[head.colour], head.width, head.height);
}

// PNG stores differences to the pixel before and above.
function unfiltered(raw, width, step) {
  const height = raw.length / (width + 1);
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (width + 1)];
    for (let x = 0; x < width; x++) {
      const left = x >= step ? out[y * width + x - step] : 0;
      const up = y > 0 ? out[(y - 1) * width + x] : 0;
      const corner = x >= step && y > 0 ? out[(y - 1) * width + x - step] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      out[y * width + x] = raw[y * (width + 1) + 1 + x] + guess;
    }
  }
  return out;
}

function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(guess - value));
  return a <= b && a <= c ? left : b <= c ? up : corner;
}

// A picture of one colour, or with marks on less than a thousandth of it, shows nothing.
function inked(pixels, step, width, height) {
  const first = pixels.subarray(0, step).join();
  let marked = 0;
  for (let i = 0; i < pixels.length; i += step) if (pixels.subarray(i, i + step).join() !== first) marked++;
  const share = marked / (width * height);
  return share < 0.001 ? `the picture is empty: ${marked} of ${width * height} pixels differ from its corner` : undefined;
}
