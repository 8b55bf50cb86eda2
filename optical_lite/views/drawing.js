// Drawing: pictures that are made once for a sentence pair and then repainted, so that a slider moves colours and not nodes.
//
// Every picture is { node, paint }: SVG, with a canvas below it where there are thousands of cells. Text reaches the page
// as text nodes only, whatever it holds.

import { sum } from "./solver.js";

export const BARS = 58; // pixels beside a plan for its masses
export const MEANING = {
  hit: "sure, found", possible: "possible, found", miss: "sure, missed", false: "found, not in gold",
};

function make(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
export const change = (node, attributes) => make(node, attributes, []);
export const html = (name, attributes = {}, ...children) => make(document.createElement(name), attributes, children);
export const svg = (name, attributes = {}, ...children) =>
  make(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);

function picture(width, height, label, ...children) {
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  const frame = { viewBox: `0 0 ${w} ${h}`, width: w, height: h, role: "img", "aria-label": label, class: "pic" };
  return svg("svg", frame, ...children);
}

let pen;
// How wide a text is, in pixels.
function wide(text, size = 14) {
  pen ||= document.createElement("canvas").getContext("2d");
  pen.font = `${size}px "Noto Sans", "DejaVu Sans", "Noto Sans Devanagari", sans-serif`;
  return pen.measureText(text).width;
}

// A vowel sign without its letter stands on a dotted circle, as fonts expect it.
const piece = (token) => token.replace(/^(##)?(?=\p{M})/u, "$1\u25cc");

function rightToLeft(words) {
  const text = words.join(""), count = (pattern) => (text.match(pattern) || []).length;
  return count(/[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/g) > count(/[^\W\d_]/g);
}

// Middles of the words of a sentence that is spread over a length.
function line(words, length, size) {
  const widths = words.map((word) => wide(word, size)), full = widths.reduce((x, y) => x + y, 0), middles = [];
  const gap = Math.max(16, Math.min(110, (length - full) / Math.max(1, words.length - 1)));
  let x = Math.max(0, (length - full - gap * (words.length - 1)) / 2);
  for (const k of rightToLeft(words) ? [...words.keys()].reverse() : words.keys())
    [middles[k], x] = [x + widths[k] / 2, x + widths[k] + gap];
  return middles;
}

// Where two sentences stand: as lines that fill the room, or as columns where these would be too long.
function layout(sides, room) {
  const full = (side, size, gap) => side.reduce((x, word) => x + wide(word, size) + gap, -gap);
  const long = (size, gap) => Math.max(...sides.map((side) => full(side, size, gap)));
  const size = long(17, 24) < room - 24 ? 17 : 14, least = long(size, 16);
  if (least <= Math.max(room - 24, 420)) {
    const length = Math.min(Math.max(room - 24, least), long(size, 110));
    const places = sides.map((side, low) => line(side, length, size).map((x) => [x + 12, low ? 176 : 22]));
    const curve = ([x, y], [u, v]) => `M${x} ${y + 8}C${x} ${y + 68} ${u} ${v - 78} ${u} ${v - 17}`;
    return { size, places, curve, anchors: ["middle", "middle"], width: length + 24, height: 188 };
  }
  const edges = sides.map((side) => Math.max(...side.map((word) => wide(word, size))) + 14);
  const rows = Math.max(...sides.map((side) => side.length)), step = rows > 24 ? 18 : 25;
  const places = sides.map((side, right) => side.map((_, k) => [edges[0] + 186 * right, 18 + step * k]));
  const curve = ([x, y], [u, v]) => `M${x + 7} ${y - 5}C${x + 84} ${y - 5} ${u - 84} ${v - 5} ${u - 7} ${v - 5}`;
  return { size, places, curve, anchors: ["end", "start"], width: edges[0] + 186 + edges[1], height: step * rows + 16 };
}

// Two sentences: ribbons as wide as the mass between two words, and over them the links that a rule has read off.
// `strange` are the words of either side that the tokenizer does not know, as two sets.
export function sentences(source, target, strange, room, label) {
  const sides = [source, target], { size, places, curve, anchors, width, height } = layout(sides, room);
  const ribbons = svg("g", {}), lines = svg("g", { class: "links" }), made = new Map(), M = target.length;
  const texts = sides.map((side, s) => side.map((word, k) => {
    const [x, y] = places[s][k];
    const at = { x, y, "font-size": size, "text-anchor": anchors[s], "data-side": s, "data-k": k, "data-word": true };
    return svg("text", at, word, svg("title"));
  }));
  const node = picture(width, height, label, ribbons, lines, ...texts.flat());
  const path = (i, j, more) => ({ d: curve(places[0][i], places[1][j]), "data-i": i, "data-j": j, ...more });
  let shown = null;

  // told: Map from "i-j" to the kind of the link; W: masses between words; most: what a word can hold
  function paint(told, W, most) {
    W.forEach((mass, at) => {
      const seen = Math.min(1, mass / most), share = seen < 0.03 ? 0 : seen, [ribbon, before] = made.get(at) || [];
      if ((!ribbon && !share) || Math.abs(share - before) < 0.003) return;
      const drawn = ribbon || svg("path", path(Math.floor(at / M), at % M, { class: "ribbon" }));
      if (!ribbon) ribbons.append(drawn);
      drawn.setAttribute("stroke-width", (15 * share).toFixed(2));
      made.set(at, [drawn, share]);
    });
    const key = [...told].join();
    if (key === shown) return;
    shown = key;
    lines.replaceChildren(...[...told].map(([cell, kind]) => {
      const [i, j] = cell.split("-").map(Number), said = `${source[i]} – ${target[j]}`;
      const told = svg("title", {}, MEANING[kind] ? `${said}: ${MEANING[kind]}` : said);
      return svg("path", path(i, j, { class: `link ${kind}` }), told);
    }));
    texts.forEach((all, s) => all.forEach((text, k) => {
      const odd = strange[s].has(k), own = ([cell, kind]) => kind !== "miss" && Number(cell.split("-")[s]) === k;
      const linked = [...told].some(own);
      text.setAttribute("class", `word${linked ? "" : " alone"}${odd ? " strange" : ""}`);
      text.lastChild.textContent = odd ? "the tokenizer knows nothing of this word" : linked ? "" : "no link";
    }));
  }
  // leave only what touches one word; null: everything
  function focus(side, k) {
    for (const drawn of [...ribbons.children, ...lines.children])
      drawn.classList.toggle("dim", side !== null && Number(side ? drawn.dataset.j : drawn.dataset.i) !== k);
  }
  return { node, paint, focus };
}

// A matrix as cells, and beside it bars: outlines are the masses that a side has, filled is what the plan moves. A cell is
// one pixel of a canvas that is enlarged without smoothing: a browser needs more than a frame to paint 4,096 rectangles.
export function heatmap(rows, columns, title, room, bars = false) {
  const names = [rows.map(piece), columns.map(piece)], [n, m] = [rows.length, columns.length], long = bars ? BARS : 0;
  const widest = (side, size) => Math.max(...names[side].map((text) => wide(text, size)));
  const cell = Math.max(11, Math.min(32, Math.floor((room - widest(0, 13) - 60) / m), Math.floor(760 / n)));
  const size = Math.min(14, cell - 1), left = widest(0, size) + 12, tall = widest(1, size), top = 38 + 0.8 * tall;
  const [right, bottom] = [left + m * cell, top + n * cell];
  const label = (side, k) => {
    const [x, y] = side ? [left + (k + 0.6) * cell + 3, top - 6] : [left - 6, top + (k + 0.5) * cell + size * 0.36];
    const turn = side ? { transform: `rotate(-52 ${x} ${y})` } : { "text-anchor": "end" };
    const at = { x, y, "font-size": size, "data-side": side, "data-k": k, class: "label", ...turn };
    return svg("text", at, names[side][k]);
  };
  const labels = [0, 1].map((side) => names[side].map((_, k) => label(side, k)));
  const box = (side, k, kind) => svg("rect", { class: kind, "data-bar": true, "data-side": side, "data-k": k, ...(side
    ? { x: left + (k + 0.2) * cell, y: bottom + 6, width: 0.6 * cell, height: 0 }
    : { x: right + 6, y: top + (k + 0.2) * cell, width: 0, height: 0.6 * cell }) });
  const pairs = bars ? names.map((side, s) => side.map((_, k) => [box(s, k, "moved"), box(s, k, "mass")])) : [];
  const marks = svg("g");
  const cursor = svg("rect", { width: cell + 1, height: cell + 1, class: "cursor", visibility: "hidden" });
  const area = { x: left, y: top, width: m * cell, height: n * cell }, ground = svg("rect", { ...area, class: "ground" });
  const across = rows.map((_, i) => `M${left} ${top + (i + 1) * cell - 0.5}h${m * cell}`);
  const down = columns.map((_, j) => `M${left + (j + 1) * cell - 0.5} ${top}v${n * cell}`);
  const gaps = svg("path", { d: [...across, ...down].join(""), class: "gaps" }), less = svg("path", { class: "less" });
  const [width, height] = [Math.max(right + Math.max(long, 0.62 * tall + 6), 1.12 * wide(title) + 16), bottom + long + 8];
  const heading = svg("text", { x: 8, y: 16, class: "title" }, title), cells = [ground, gaps, less];
  const drawing = picture(width, height, title, heading, ...cells, ...labels.flat(), marks, ...pairs.flat(2), cursor);
  const frame = drawing.viewBox.baseVal;
  const part = (length, whole) => `${(100 * length) / whole}%`;
  const canvas = html("canvas", { width: m, height: n, class: "cells" });
  Object.assign(canvas.style, { left: part(left, frame.width), width: part(area.width, frame.width),
    top: part(top, frame.height), height: part(area.height, frame.height) });
  const node = html("div", { class: "map" }, canvas, drawing), pen = canvas.getContext("2d");
  const pixels = pen.createImageData(m, n), colours = new Uint32Array(pixels.data.buffer);
  const place = (at) => [left + (at % m) * cell, top + Math.floor(at / m) * cell];
  const strength = (x) => Math.min(1, Math.abs(x)) ** 0.7;
  const inset = cell > 16 ? 1.5 : 0.5;
  let scale = 1, shown = {}, drawn = "";

  // share: how strong each cell is and of which sign, in [-1, 1]; inks: colours as #rrggbb, of more, of less and of none
  function colour(share, inks) {
    if (share === shown.share && inks === shown.inks) return;
    shown = { share, inks };
    // a pixel is alpha, blue, green and red from the highest byte to the lowest
    const [more, fewer] = inks.map((ink) => Number(ink.replace(/#(..)(..)(..)/, "0x$3$2$1")));
    share.forEach((x, at) => { colours[at] = (x < 0 ? fewer : more) + 0x1000000 * Math.round(255 * strength(x)); });
    pen.putImageData(pixels, 0, 0);
    const inside = (at) => `M${place(at).map((z) => z + 1.5).join(" ")}h${cell - 4}v${cell - 4}h${4 - cell}z`;
    less.setAttribute("d", Array.from(share, (x, at) => (x < -0.002 ? inside(at) : "")).join(""));
  }
  function paint(share, inks, framed = [], masses = null) {
    colour(share, inks);
    if (String(framed) !== drawn) marks.replaceChildren(...framed.map(([i, j, kind]) => {
      const [x, y] = place(i * m + j).map((z) => z + inset), side = cell - 1 - 2 * inset;
      return svg("rect", { x, y, width: side, height: side, class: `mark ${kind}` });
    }));
    drawn = String(framed);
    if (!masses) return;
    scale = 48 / Math.max(...masses.flat().map((side) => Math.max(...side)), 1e-9);
    pairs.forEach((all, side) => all.forEach((both, k) => both.forEach((bar, which) => {
      const along = side ? "height" : "width", length = (masses[side][which][k] * scale).toFixed(2);
      if (bar.getAttribute(along) !== length) bar.setAttribute(along, length);
    })));
  }
  function point(at) {
    const none = at === null, [x, y] = place(at), on = none ? [] : [labels[0][Math.floor(at / m)], labels[1][at % m]];
    change(cursor, { visibility: none ? "hidden" : "visible", x: x - 1, y: y - 1 });
    for (const text of labels.flat()) text.classList.toggle("on", on.includes(text));
  }
  // which side was rescaled last
  const flash = (side) => pairs.forEach((both, k) =>
    both.flat().forEach((bar) => bar.classList.toggle("flash", ["rows", "columns"][k] === side)));
  // where on the drawing a pointer is
  function reach(event) {
    const seen = drawing.getBoundingClientRect(), zoom = frame.width / seen.width;
    return [(event.clientX - seen.left) * zoom, (event.clientY - seen.top) * zoom];
  }
  // mass that a pointer asks for by a bar
  function massAt(event, side) {
    const [x, y] = reach(event);
    return Math.max(0, (side ? y - bottom : x - right) - 6) / scale;
  }
  // the cell below a pointer; null: none
  function cellAt(event) {
    const [x, y] = reach(event), [i, j] = [Math.floor((y - top) / cell), Math.floor((x - left) / cell)];
    return i >= 0 && j >= 0 && i < n && j < m ? i * m + j : null;
  }
  // the cells as rectangles, for a file
  function rectangles() {
    const [more, fewer, none] = shown.inks, sides = { width: cell - 1, height: cell - 1 };
    const look = (share) => ({ fill: share < 0 ? fewer : more, "fill-opacity": strength(share).toFixed(3) });
    const rect = (share, [x, y]) => svg("rect", { x, y, ...sides, ...look(share) });
    return [svg("rect", { ...area, fill: none }), ...Array.from(shown.share, (share, at) => rect(share, place(at)))];
  }
  return { node, drawing, rectangles, paint, point, flash, massAt, cellAt, rows: n, columns: m };
}

// Marginal error by half iteration, on a logarithmic scale, with a dot at the one that is shown.
export function errorCurve(errors, label) {
  const [w, h] = [300, 84], power = (x) => Math.log10(Math.max(1e-6, x));
  const low = Math.floor(power(Math.min(...errors))), high = Math.max(low + 1, Math.ceil(power(Math.max(...errors))));
  const x = (k) => 44 + (k / Math.max(1, errors.length - 1)) * (w - 56);
  const y = (e) => 10 + ((high - power(e)) / (high - low)) * (h - 34);
  const dot = svg("circle", { r: 4.5, class: "dot" });
  const tick = (p) => svg("text", { x: 38, y: y(10 ** p) + 4, "text-anchor": "end", class: "small" }, `1e${p}`);
  const path = errors.map((e, k) => `${k ? "L" : "M"}${x(k).toFixed(1)} ${y(e).toFixed(1)}`).join("");
  const axis = svg("text", { x: 44, y: h - 6, class: "small" }, label);
  const node = picture(w, h, label, svg("path", { d: path, class: "curve" }), tick(low), tick(high), axis, dot);
  return { node, paint: (k) => change(dot, { cx: x(k), cy: y(errors[k]) }) };
}

// Why MaxSim gives a passage its score: for each question token, its best passage token and how similar it is.
function reasons(tokens, best, where, passage, title) {
  const left = Math.max(40, ...tokens.map((t) => wide(piece(t)))) + 14, width = left + 330;
  const rows = tokens.map((token, k) => {
    const y = 30 + 21 * k, long = 190 * Math.max(0, best[k]), found = passage[where[k]] ?? "(nothing)";
    return svg("g", { "data-where": where[k], class: "reason" },
      svg("text", { x: left - 8, y: y + 12, "text-anchor": "end" }, piece(token)),
      svg("rect", { x: left, y, width: long, height: 15, class: "bar" }),
      svg("text", { x: left + long + 6, y: y + 12, class: "small" }, `${piece(found)}  ${best[k].toFixed(2)}`));
  });
  return picture(width, 36 + 21 * tokens.length, title, svg("text", { x: 8, y: 16, class: "title" }, title), ...rows);
}

// A table.
export function grid(head, lines) {
  const row = (cells) => html("tr", {}, ...cells.map((x, k) => html(k ? "td" : "th", k ? {} : { scope: "row" }, x)));
  const top = html("tr", {}, ...head.map((x) => html("th", { scope: "col" }, x)));
  return html("div", { class: "scroll" }, html("table", {}, html("thead", {}, top), html("tbody", {}, ...lines.map(row))));
}

// A passage, its tokens as dark as the parts of the score that they hold.
function highlighted(tokens, best, where) {
  const weight = new Float64Array(tokens.length);
  where.forEach((at, k) => { if (at >= 0) weight[at] += Math.max(0, best[k]); });
  const high = Math.max(...weight, 1e-9), spans = tokens.map((token, k) => {
    const look = { "data-k": k, class: weight[k] ? "met" : "", style: `--share:${(weight[k] / high).toFixed(2)}` };
    return html("span", look, token.replace(/^##/, ""));
  });
  const spaced = (span, k) => (tokens[k].startsWith("##") || !k ? [span] : [" ", span]);
  return html("p", { class: "passage" }, ...spans.flatMap(spaced));
}

// One student's ranking and reasons. `pick` chooses another passage; `known` are those whose reasons are here.
export function ranking(name, question, part, passages, chosen, known, pick) {
  const [best, where] = part.why[chosen], { tokens } = passages[chosen], head = ["rank", "right", "score", "passage"];
  const lines = part.top.map(([id, value], k) =>
    [String(k + 1), question.right.includes(id) ? "✓" : "", value.toFixed(2), passages[id].title]);
  const list = grid(head, lines);
  [...list.querySelectorAll("tbody tr")].forEach((row, k) => {
    const id = part.top[k][0], does = () => known(id) && pick(id);
    row.classList.toggle("chosen", id === chosen);
    row.setAttribute("tabindex", "0");
    row.addEventListener("click", does);
    row.addEventListener("keydown", (event) => event.key === "Enter" && does());
  });
  const why = `why ${chosen} has rank ${part.ranks[chosen]}, score ${sum(best).toFixed(2)}`;
  const picture = reasons(part.tokens, best, where, tokens, why), passage = highlighted(tokens, best, where);
  picture.addEventListener("pointerover", (event) => {
    const at = event.target.closest(".reason")?.dataset.where;
    for (const span of passage.children) span.classList.toggle("on", span.dataset.k === at);
  });
  const facts = part.rank ? `the right passage has rank ${part.rank}` : "which passage is right is not known";
  const node = html("figure", {}, html("figcaption", {}, name), html("p", { class: "facts" }, facts), list,
    html("div", { class: "wide" }, picture), passage);
  const parts = part.tokens.map((token, k) => [token, tokens[where[k]] ?? "", best[k].toFixed(2)]);
  return { node, picture, facts, tables: [[name, head, lines], [why, ["token", "passage token", "similarity"], parts]] };
}

const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "opacity", "font-size",
  "font-weight", "font-family", "text-anchor", "visibility", "text-decoration-line",
];

// Pictures as they are on the screen, rows of them one below the other, as one SVG text that needs nothing else.
export function together(rows, background, face = "") {
  let [y, width] = [12, 0];
  const copies = rows.filter((row) => row.length).flatMap((row) => {
    let [x, tall] = [12, 0];
    const placed = row.map(({ node, drawing = node, rectangles = () => [] }) => {
      const copy = drawing.cloneNode(true), { width: w, height: h } = drawing.viewBox.baseVal;
      const [from, to] = [drawing, copy].map((n) => [...n.querySelectorAll("*")]);
      from.forEach((element, k) => {
        const style = getComputedStyle(element);
        for (const name of STYLES) to[k].setAttribute(name, style.getPropertyValue(name));
        for (const name of ["class", "data-i", "data-j", "data-side", "data-k"]) to[k].removeAttribute(name);
      });
      copy.prepend(...rectangles());
      change(copy, { x, y, width: w, height: h });
      x += w + 16;
      tall = Math.max(tall, h);
      return copy;
    });
    width = Math.max(width, x - 4);
    y += tall + 14;
    return placed;
  });
  const whole = svg("svg", { viewBox: `0 0 ${width} ${y}`, width, height: y });
  if (face) whole.append(svg("style", {}, face));
  whole.append(svg("rect", { width, height: y, fill: background }), ...copies);
  return { text: new XMLSerializer().serializeToString(whole), width, height: y };
}

// An SVG text as PNG, so many pixels wide.
export async function toPng({ text, width, height }, pixels) {
  const image = new Image(), canvas = html("canvas", { width: pixels, height: Math.round((pixels * height) / width) });
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  await image.decode();
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}
