// Explorer: a plan that moves under the hand. Python sends costs, words and gold links; everything else happens here.
//
// `mount(node, data)` shows it anywhere; the default export is what anywidget asks for. With `ask`, a kernel answers
// what the data does not hold: other pairs, other students, own sentences, own questions. Data has the form that
// optical_lite.views.material gives it.

import { METHODS, RULES, links, masses, score, solve, toWords, trace, unpack } from "./solver.js";
import { MEANING, errorCurve, heatmap, html, picture, reasons, sentences, svg, toPng, together } from "./drawing.js";

const DEFAULT = {
  view: "align", pair: 0, student: "", other: "", compare: "one", layer: 0, level: "word", method: "sinkhorn", epsilon: 0.05,
  reach: 0.5, mass: 0.8, marginals: "uniform", rule: "intersection", threshold: 0, null: 0, position: 0, cell: -1, hand: {},
  question: 0, passage: "",
};
const SLIDERS = { // label, lowest, highest, step (0: on a logarithmic scale), and when it does something
  epsilon: ["epsilon", 0.003, 3, 0, (s) => !["exact", "similarity"].includes(s.method)],
  reach: ["reach", 0.01, 10, 0, (s) => s.method === "unbalanced"],
  mass: ["mass moved", 0.05, 1, 0.05, (s) => s.method === "partial"],
  threshold: ["threshold", 0, 1, 0.02, () => true],
  null: ["no link below", 0, 0.95, 0.05, (s) => ["unbalanced", "partial"].includes(s.method)],
  position: ["position cost", 0, 1, 0.05, () => true],
};
const LEVELS = [["word", "words"], ["token", "sub-words"]], NOTHING = new Set();
const COMPARE = [["one", "one student"], ["side", "two, side by side"], ["difference", "two, one minus the other"]];
const number = (x) => (x === 0 ? "0" : Math.abs(x) < 0.001 ? x.toExponential(1) : x.toFixed(x < 0.1 ? 4 : 3));
const title = (item, k) => `${k + 1}. ${item.note ? `[${item.note}] ` : ""}${short(item.source || item.text)}`;
const short = (text, length = 72) => (text.length > length ? text.slice(0, length).trimEnd() + "…" : text);

// What a state from outside (a link, a notebook) may say: known names, of the right type.
function sane(given, data) {
  const found = {};
  for (const [name, value] of Object.entries(DEFAULT)) {
    const x = typeof value === "number" ? Number(given[name]) : given[name];
    if (given[name] === undefined || typeof x !== typeof value || Number.isNaN(x) || x === null) continue;
    found[name] = name in SLIDERS ? Math.min(SLIDERS[name][2], Math.max(SLIDERS[name][1], x)) : x;
  }
  const among = { method: METHODS, rule: RULES, level: ["word", "token"], compare: COMPARE.map(([x]) => x), student: data.names,
    other: data.names, pair: [...data.pairs.keys()], question: [...data.questions.keys()], view: ["align", "search"] };
  for (const [name, known] of Object.entries(among)) if (name in found && !known.includes(found[name])) delete found[name];
  return found;
}

export class Explorer {
  constructor(root, data, { state = {}, save = () => {}, ask = null } = {}) {
    Object.assign(this, { root, data, save, ask, step: -1, key: "", warm: new Map(), saved: 0, timer: 0 });
    this.state = { ...DEFAULT, student: data.names.at(-1), other: data.names[0], ...sane(state, data) };
    this.controls = {};
    this.build();
    this.theme();
    this.watch = new MutationObserver(() => this.theme());
    this.watch.observe(document.body, { attributes: true });
    this.light = matchMedia("(prefers-color-scheme: dark)");
    this.light.addEventListener("change", (this.changed = () => this.theme()));
    this.draw();
  }

  close() {
    this.stop();
    this.watch.disconnect();
    this.light.removeEventListener("change", this.changed);
    cancelAnimationFrame(this.waiting);
    clearTimeout(this.saved);
  }

  // Dark where the page around it is dark.
  theme() {
    let node = this.root, colour = "";
    for (; node && !/[1-9]/.test((colour = getComputedStyle(node).backgroundColor).replace(/^.*, 0\)$/, "")); node = node.parentElement);
    const [r, g, b] = (colour.match(/[\d.]+/g) || []).map(Number);
    this.top.dataset.theme = (node ? r + g + b < 384 : this.light?.matches) ? "dark" : "light";
  }

  // --- controls

  choice(name, label, options) {
    const select = html("select", { onchange: () => this.set({ [name]: typeof DEFAULT[name] === "number" ? Number(select.value) : select.value }) });
    const node = html("label", { class: `control ${name}` }, html("span", {}, label), select);
    const fill = (all) => select.replaceChildren(...all.map(([value, text]) => html("option", { value }, text)));
    fill(options);
    this.controls[name] = { node, fill, show: (state) => { select.value = state[name]; } };
    return node;
  }

  slider(name) {
    const [label, low, high, step, useful] = SLIDERS[name], log = step === 0, output = html("output", {});
    const input = html("input", { type: "range", min: log ? Math.log10(low) : low, max: log ? Math.log10(high) : high, step: log ? 0.01 : step });
    input.addEventListener("input", () => this.set({ [name]: log ? Number((10 ** input.value).toPrecision(3)) : Number(input.value) }));
    const node = html("label", { class: `control ${name}` }, html("span", {}, label, " ", output), input);
    this.controls[name] = { node, show: (state) => {
      input.value = log ? Math.log10(state[name]) : state[name];
      output.textContent = String(state[name]);
      input.setAttribute("aria-valuetext", String(state[name]));
      node.hidden = !useful(state);
    } };
    return node;
  }

  build() {
    const { data } = this, pairs = data.pairs.map((p, k) => [k, title(p, k)]), names = data.names.map((n) => [n, n]);
    const button = (text, does, more = {}) => html("button", { type: "button", onclick: does, ...more }, text);
    this.tabs = data.questions.length ? ["align", "search"].map((view) => button(view === "align" ? "Alignment" : "Search",
      () => this.set({ view }), { class: "tab" })) : [];
    this.run = html("input", { type: "range", min: 0, step: 1 });
    this.runLabel = html("label", { class: "control run" }, html("span", {}, "training step ", (this.runStep = html("output"))), this.run);
    this.run.addEventListener("input", () => this.set({ student: this.steps()[this.run.value][1] }));
    const kinds = [["uniform", "the same for tokens"], ["words", "the same for words"], ...(data.idf ? [["idf", "idf: rare weighs more"]] : [])];
    const layers = data.layers.map((l) => [l, l ? `layer ${l}` : "last layer"]);
    const students = html("div", { class: "row" }, this.choice("student", "student", names), this.choice("compare", "compare", COMPARE),
      this.choice("other", "other student", names), this.runLabel, ...(layers.length > 1 ? [this.choice("layer", "layer", layers)] : []));
    this.reset = button("reset masses", () => this.set({ hand: {} }));
    const solver = html("div", { class: "row" }, this.choice("method", "solver", METHODS.map((m) => [m, m])), this.slider("epsilon"),
      this.slider("reach"), this.slider("mass"), this.choice("marginals", "mass of a token", kinds), this.reset);
    const linking = html("div", { class: "row" }, this.choice("level", "show and link", LEVELS), this.choice("rule", "rule", RULES.map((r) => [r, r])),
      this.slider("threshold"), this.slider("null"), this.slider("position"));
    this.iteration = html("input", { type: "range", min: 0, step: 1, "aria-label": "half iteration" });
    this.iteration.addEventListener("input", () => { this.pause(); this.step = Number(this.iteration.value); this.later(); });
    this.playButton = button("▶ iterate", () => (this.timer ? this.pause() : this.play()), { class: "play" });
    this.curvePlace = html("div", { class: "curve" });
    this.player = html("div", { class: "row player" }, this.playButton, this.iteration, button("solution", () => { this.stop(); this.later(); }), this.curvePlace);
    this.align = [html("div", {}, this.choice("pair", "sentence pair", pairs), ...this.own("pair")), html("div", {}, solver, linking, this.player)];
    this.search = html("div", {}, this.choice("question", "question", data.questions.map((q, k) => [k, title(q, k)])), ...this.own("question"));
    this.figures = html("div", { class: "figures" });
    this.readout = html("p", { class: "readout" });
    this.sum = html("div", { class: "sum" });
    this.table = html("details", { class: "twin", ontoggle: () => this.twin() }, html("summary", {}, "the same as a table"), html("div", {}));
    const exports = html("div", { class: "row exports" }, ...["SVG", "PNG", "PNG for slides", "CSV", "Pharaoh", "link"].map((kind) => button(kind, () => this.export(kind))));
    this.message = html("p", { class: "message", role: "status" });
    this.spoken = html("p", { class: "spoken", role: "status", "aria-live": "polite" });
    const style = data.face ? [html("style", {}, data.face)] : [];
    this.top = html("div", { class: "optical" }, ...style, html("div", { class: "tabs" }, ...this.tabs), this.align[0], this.search, students, this.align[1],
      this.message, this.figures, this.readout, this.sum, this.table, exports, this.spoken);
    this.root.replaceChildren(this.top);
  }

  // Boxes for one's own text, where a kernel can read it.
  own(kind) {
    if (!this.ask) return [];
    const boxes = (kind === "pair" ? ["your own sentence", "its English"] : ["your own question"]).map((placeholder) =>
      html("input", { type: "text", placeholder, "aria-label": placeholder, dir: "auto" }));
    const send = (event) => { event.preventDefault(); this.request(kind, { texts: boxes.map((box) => box.value), note: "own" }); };
    return [html("form", { class: "row own", onsubmit: send }, ...boxes, html("button", {}, kind === "pair" ? "align" : "search"))];
  }

  steps() {
    return this.data.runs.find((run) => run.some(([, name]) => name === this.state.student)) || this.data.runs[0] || [];
  }

  showControls() {
    const { state } = this, two = state.compare !== "one";
    for (const control of Object.values(this.controls)) control.show(state);
    this.controls.other.node.hidden = !two && state.view === "align";
    const steps = this.steps(), at = steps.findIndex(([, name]) => name === state.student);
    this.runLabel.hidden = steps.length < 2;
    this.run.max = steps.length - 1;
    this.run.value = Math.max(0, at);
    this.runStep.textContent = at < 0 ? "–" : String(steps[at][0]);
    this.tabs.forEach((tab, k) => tab.setAttribute("aria-pressed", String((k ? "search" : "align") === state.view)));
    const searching = state.view === "search";
    for (const part of this.align) part.hidden = searching;
    this.search.hidden = !searching;
    this.controls.compare.node.hidden = searching;
    this.player.hidden = ["exact", "similarity"].includes(state.method);
    this.reset.hidden = !Object.values(state.hand).some((side) => Object.keys(side).length);
  }

  // --- state

  set(patch) {
    Object.assign(this.state, patch);
    if (["pair", "level", "compare"].some((name) => name in patch)) this.state.cell = -1;
    if ("pair" in patch) this.state.hand = {};
    if (!("cell" in patch && Object.keys(patch).length === 1)) this.stop();
    this.later();
  }

  later() {
    this.waiting ||= requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
    clearTimeout(this.saved);
    this.saved = setTimeout(() => this.save(this.different()), 300);
  }

  // What differs from the state one starts with: short links, small files.
  different() {
    const start = { ...DEFAULT, student: this.data.names.at(-1), other: this.data.names[0] };
    return Object.fromEntries(Object.entries(this.state).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(start[name])));
  }

  say(text) {
    this.message.textContent = text;
  }

  // Ask the kernel to read a pair or a question of the lists, or one's own, which comes last in its list.
  async request(kind, item) {
    const { state, data } = this, list = kind === "pair" ? data.pairs : data.questions;
    this.say("asking the kernel …");
    const what = item.row === undefined ? { texts: item.texts || [item.text] } : { row: item.row };
    const found = await this.ask({ kind, ...what, students: [state.student, state.other], layer: state.layer });
    this.say(found.problem || "");
    if (found.problem) return;
    Object.assign(data.passages, found.passages);
    const known = item.students || {};
    for (const [name, part] of Object.entries(found.item.students))
      known[name] = { ...part, costs: { ...known[name]?.costs, ...part.costs } };
    Object.assign(item, found.item, { students: known });
    if (!list.includes(item)) {
      if (list.at(-1).note === "own") list.pop();
      list.push(item);
      this.controls[kind].fill(list.map((x, k) => [k, title(x, k)]));
      this.key = "";
      this.set({ [kind]: list.length - 1 });
    } else this.later();
  }

  // --- alignment

  // Everything that is shown of one student: the problem, its solution and what follows from it.
  read(pair, name) {
    const { state } = this, part = pair.students[name], { words: owner } = part, [N, M] = [pair.s.length, pair.t.length];
    const n = part.tokens.length, m = pair.tt.length;
    part.decoded ||= {};
    let C = (part.decoded[state.layer] ||= unpack(part.costs[state.layer], 2));
    if (state.position) C = C.map((c, k) => c + state.position * Math.abs((owner[Math.floor(k / m)] + 0.5) / N - (pair.to[k % m] + 0.5) / M));
    const a = masses(owner, state.marginals, part.idf, state.hand.s), b = masses(pair.to, state.marginals, pair.idf, state.hand.t);
    const empty = !n || !m, options = state, similar = state.method === "similarity";
    let solution, errors = null;
    if (this.step >= 0 && !empty) {
      const traced = this.traced(pair, name, C, a, b), at = Math.min(this.step, traced.steps.length - 1);
      solution = traced.at(at);
      errors = { now: traced.steps[at].error, side: traced.steps[at].side, all: traced.steps.map((s) => s.error), at };
    } else if (empty) solution = { plan: new Float64Array(0), rows: a, columns: b, cost: 0, moved: 0, converged: true };
    else {
      solution = solve(C, a, b, options, this.warm.get(name + n + m));
      this.warm.clear();
      if (solution.f) this.warm.set(name + n + m, solution);
    }
    const T = solution.plan, W = toWords(T, owner, pair.to, N, M, similar), word = state.level === "word";
    const wordMass = (mass, of, size) => { const x = new Float64Array(size); of.forEach((w, k) => (x[w] += mass[k])); return x; };
    const have = [wordMass(a, owner, N), wordMass(b, pair.to, M)], keep = [wordMass(solution.rows, owner, N), wordMass(solution.columns, pair.to, M)];
    const poor = keep.map((side, s) => side.map((x, k) => x < state.null * have[s][k]));
    const able = (i, j) => !(state.null > 0 && (poor[0][i] || poor[1][j]));
    let found;
    if (word) found = links(W.map((w, k) => (able(Math.floor(k / M), k % M) ? w : 0)), N, M, state.rule, state.threshold);
    else {
      const cells = links(T, n, m, state.rule, state.threshold).map(([i, j]) => [owner[i], pair.to[j]]).filter(([i, j]) => able(i, j));
      found = [...new Set(cells.map((c) => c.join("-")))].map((c) => c.split("-").map(Number)).sort((x, y) => x[0] - y[0] || x[1] - y[1]);
    }
    const shown = word ? { V: W, rows: pair.s, columns: pair.t, have, keep } : { V: T, rows: part.tokens, columns: pair.tt, have: [a, b], keep: [solution.rows, solution.columns] };
    const cost = word ? toWords(C.map((c) => 2 + state.position - c), owner, pair.to, N, M, true).map((c) => (c ? 2 + state.position - c : 2)) : C;
    const top = similar ? 1 : Math.min(Math.max(...shown.have[0], 1e-9), Math.max(...shown.have[1], 1e-9));
    const wordTop = similar ? 1 : Math.min(Math.max(...have[0], 1e-9), Math.max(...have[1], 1e-9));
    return { name, part, C, a, b, solution, W, wordTop, found, told: this.tell(found, pair), errors, top, cost, N, M, n, m, ...shown,
      scored: pair.sure ? score(found, pair.sure, pair.possible) : null };
  }

  tell(found, pair) {
    const told = new Map(), S = new Set((pair.sure || []).map(String)), P = new Set((pair.possible || []).map(String));
    for (const cell of found) told.set(cell.join("-"), !pair.sure ? "plain" : S.has(String(cell)) ? "hit" : P.has(String(cell)) ? "possible" : "false");
    for (const cell of pair.sure || []) if (!told.has(cell.join("-"))) told.set(cell.join("-"), "miss");
    return told;
  }

  traced(pair, name, C, a, b) {
    const { state } = this, key = JSON.stringify([state.pair, name, state]);
    this.traces ||= new Map();
    if (!this.traces.has(key)) {
      if (this.traces.size > 1) this.traces.clear();
      this.traces.set(key, trace(C, a, b, state));
    }
    return this.traces.get(key);
  }

  draw() {
    const { state, data } = this;
    this.showControls();
    if (state.view === "search") return this.drawSearch();
    const pair = data.pairs[state.pair], names = state.compare === "one" ? [state.student] : [state.student, state.other];
    if (names.some((name) => pair.students?.[name]?.costs[state.layer] === undefined)) {
      if (this.ask) this.request("pair", pair);
      else this.say("this page does not hold these costs");
      return;
    }
    const reads = names.map((name) => this.read(pair, name));
    this.reads = reads;
    const key = JSON.stringify([state.pair, names, state.compare, state.level, pair.source, this.figures.clientWidth > 900]);
    if (key !== this.key) { this.panels = this.lay(pair, reads); this.key = key; }
    this.paint(pair, reads);
  }

  // New pictures for a new pair or another layout.
  lay(pair, reads) {
    const { state } = this, strange = (read) => [new Set(read.part.unknown), new Set(pair.tu)], room = this.figures.clientWidth || 980;
    const apart = state.compare === "difference", roomy = room > 900 && state.compare === "side" ? room / 2 - 40 : room - 40;
    const grids = reads.every((r) => r.rows.length && r.columns.length);
    const panels = reads.map((read) => {
      const words = sentences(pair.s, pair.t, strange(read), roomy, `links of ${read.name}`);
      const bars = state.method !== "similarity", maps = !grids || apart ? {} : { plan: heatmap(read.rows, read.columns, "plan T: dark holds more mass", { bars: true }) };
      if (grids && state.compare === "one") maps.cost = heatmap(read.rows, read.columns, "cost C: dark is cheap");
      return { words, maps, bars, facts: html("p", { class: "facts" }) };
    });
    if (apart && grids && reads[0].V.length === reads[1].V.length)
      panels[1].maps.difference = heatmap(reads[0].rows, reads[0].columns, "plan, first minus second: blue more, ochre less");
    const nodes = panels.map((panel, k) => html("figure", {}, html("figcaption", {}, reads[k].name), html("div", { class: "wide" }, panel.words.node),
      html("div", { class: "maps" }, ...Object.values(panel.maps).map((map) => map.node)), panel.facts));
    this.figures.className = `figures ${state.compare}`;
    this.figures.replaceChildren(...nodes);
    panels.forEach((panel, k) => this.listen(panel, k));
    return panels;
  }

  listen(panel, which) {
    const words = panel.words, leave = () => { words.focus(null); this.hover(null); };
    words.node.addEventListener("pointerover", (event) => {
      const { side, k, i, j } = event.target.dataset;
      if (side !== undefined) { words.focus(Number(side) || false, Number(k)); this.hoverWord(which, Number(side), Number(k)); }
      else if (i !== undefined) this.hoverLink(which, Number(i), Number(j));
    });
    words.node.addEventListener("pointerleave", leave);
    for (const [kind, map] of Object.entries(panel.maps)) {
      const { node } = map;
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "application");
      node.setAttribute("aria-label", `${kind}: arrow keys move, Enter shows the sum, plus and minus change the mass of the row, with Shift of the column`);
      node.addEventListener("pointerover", (event) => {
        const { at, side, k } = event.target.dataset;
        if (at !== undefined) this.hover(Number(at), which);
        else if (side !== undefined && !this.dragging) this.hoverLabel(which, Number(side), Number(k));
      });
      node.addEventListener("pointerleave", () => this.hover(null));
      node.addEventListener("click", (event) => { if (event.target.dataset.at !== undefined) this.set({ cell: Number(event.target.dataset.at) }); });
      node.addEventListener("keydown", (event) => this.keys(event, map, which));
      if (kind === "plan") this.drags(map, which);
    }
  }

  keys(event, map, which) {
    const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: map.columns, ArrowUp: -map.columns }[event.key], at = this.at ?? -1;
    const step = { "+": 1.25, "=": 1.25, "*": 1.25, "-": 0.8, _: 0.8 }[event.key];
    if (move) this.hover(Math.max(0, Math.min(map.rows * map.columns - 1, at < 0 ? 0 : at + move)), which, true);
    else if (event.key === "Enter" && at >= 0) this.set({ cell: at });
    else if (step && at >= 0) {
      const side = event.shiftKey ? 1 : 0, k = side ? at % map.columns : Math.floor(at / map.columns);
      this.weigh(which, side, k, this.reads[which].have[side][k] * step);
    } else return;
    event.preventDefault();
  }

  // Drag a bar: the word it belongs to weighs more or less, and the others share the rest.
  drags(map, which) {
    const { node } = map;
    node.addEventListener("pointerdown", (event) => {
      const { side, k } = event.target.dataset;
      if (!/moved|mass/.test(event.target.getAttribute("class") || "") || side === undefined) return;
      event.preventDefault();
      node.setPointerCapture(event.pointerId);
      this.dragging = { side: Number(side), k: Number(k) };
    });
    node.addEventListener("pointermove", (event) => {
      if (this.dragging) this.weigh(which, this.dragging.side, this.dragging.k, map.massAt(event, this.dragging.side));
    });
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => (this.dragging = null));
  }

  weigh(which, side, k, wanted) {
    const read = this.reads[which], word = this.state.level === "word" ? k : (side ? this.data.pairs[this.state.pair].to : read.part.words)[k];
    const now = Math.min(0.999, Math.max(1e-4, read.have[side][k])), want = Math.min(0.9, Math.max(0.002, wanted)), letter = side ? "t" : "s";
    const before = this.state.hand[letter] || {}, factor = ((before[word] ?? 1) * want * (1 - now)) / (now * (1 - want));
    this.set({ hand: { ...this.state.hand, [letter]: { ...before, [word]: Number(Math.min(1e3, Math.max(1e-3, factor)).toPrecision(4)) } } });
  }

  paint(pair, reads) {
    const { state } = this, [first, second] = reads;
    const framed = (read) => (state.level === "word" ? [...read.told].map(([cell, kind]) => [...cell.split("-").map(Number), kind]) : []);
    reads.forEach((read, k) => {
      const panel = this.panels[k], { plan, cost, difference } = panel.maps;
      panel.words.paint(read.told, read.W, read.wordTop);
      plan?.paint(read.V.map((v) => v / read.top), framed(read), [0, 1].map((side) => [read.keep[side], read.have[side]]));
      plan?.flash(read.errors?.side);
      const high = Math.max(1, ...read.cost);
      cost?.paint(read.cost.map((c) => 1 - c / high), framed(read));
      difference?.paint(first.V.map((v, at) => (v - second.V[at]) / read.top));
      panel.facts.replaceChildren(...this.facts(read, pair));
    });
    const errors = first.errors, last = errors ? errors.all.length - 1 : 0;
    this.iteration.max = last;
    this.iteration.value = errors ? errors.at : 0;
    this.iteration.disabled = !errors;
    if (errors && this.curveKey !== errors.all) {
      this.curveKey = errors.all;
      this.curve = errorCurve(errors.all, "marginal error by half iteration");
      this.curvePlace.replaceChildren(this.curve.node);
    }
    this.curvePlace.hidden = !errors;
    if (errors) this.curve.paint(errors.at);
    this.addends(pair, reads);
    this.point(this.at ?? (state.cell >= 0 ? state.cell : null));
    if (this.table.open) this.twin();
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => { this.spoken.textContent = this.panels.map((p) => p.facts.textContent).join(". "); }, 600);
  }

  facts(read, pair) {
    const { state } = this, { solution, errors, scored } = read, parts = [];
    if (state.method === "similarity") parts.push("no transport: cells are (1 + cosine) / 2");
    else parts.push(`transport cost ${solution.cost.toFixed(4)}, mass moved ${solution.moved.toFixed(3)}`);
    if (errors) parts.push(`half iteration ${errors.at}${errors.side ? `, ${errors.side} were rescaled` : ""}: marginal error ${errors.now.toExponential(1)}`);
    else if (!solution.converged) parts.push(html("strong", {}, "NOT CONVERGED"));
    parts.push(`${read.found.length} link${read.found.length === 1 ? "" : "s"}`);
    const key = [];
    if (scored) {
      parts.push(`precision ${scored.precision.toFixed(2)}, recall ${scored.recall.toFixed(2)}`, html("b", {}, `AER ${scored.aer.toFixed(3)}`));
      for (const [kind, meaning] of Object.entries(MEANING)) {
        const count = [...read.told.values()].filter((x) => x === kind).length;
        const line = svg("svg", { width: 30, height: 8, class: "pic key" }, svg("path", { d: "M1 4h28", class: `link ${kind}` }));
        key.push(html("span", { class: "kind" }, line, ` ${meaning}: ${count}`));
      }
    }
    const strange = [...read.part.unknown.map((i) => pair.s[i]), ...pair.tu.map((j) => pair.t[j])];
    if (strange.length) parts.push(`unknown to the tokenizer, so never linked: ${strange.join(" ")}`);
    return [...parts.flatMap((part, k) => (k ? ["; ", part] : [part])), ...(key.length ? [html("span", { class: "kinds" }, ...key)] : [])];
  }

  // --- what a pointer or a key points at

  point(at) {
    for (const panel of this.panels) for (const map of Object.values(panel.maps)) map.point(at !== null && at < map.rows * map.columns ? at : null);
  }

  cellText(read, at) {
    const m = read.columns.length, [i, j] = [Math.floor(at / m), at % m], v = read.V[at];
    const share = read.keep[0][i] > 0 ? `, ${Math.round((100 * v) / read.keep[0][i])} % of its row` : "";
    const kind = this.state.level === "word" ? read.told.get(`${i}-${j}`) : null;
    return `${read.rows[i]} → ${read.columns[j]}: ${this.state.method === "similarity" ? "similarity" : "mass"} ${number(v)}${share}, cost ${number(read.cost[at])}${kind ? `, ${MEANING[kind] || "a link"}` : ""}`;
  }

  hover(at, which = 0, speak = false) {
    if (!this.reads || this.state.view === "search") return;
    this.at = at;
    this.point(at ?? (this.state.cell >= 0 ? this.state.cell : null));
    const lines = at === null ? [] : this.reads.filter((read) => at < read.V.length).map((read) => (this.reads.length > 1 ? `${read.name}: ` : "") + this.cellText(read, at));
    this.readout.textContent = lines.join(" | ");
    if (speak) this.spoken.textContent = lines.join(". ");
  }

  hoverLink(which, i, j) {
    if (this.state.level === "word") this.hover(i * this.reads[which].M + j, which);
  }

  // A word: where its mass goes, the largest parts first.
  hoverWord(which, side, k) {
    const read = this.reads[which], { N, M, W } = read, pair = this.data.pairs[this.state.pair];
    const cells = side ? Array.from({ length: N }, (_, i) => [W[i * M + k], pair.s[i]]) : Array.from({ length: M }, (_, j) => [W[k * M + j], pair.t[j]]);
    const total = cells.reduce((x, [v]) => x + v, 0), best = cells.sort((x, y) => y[0] - x[0]).slice(0, 4).filter(([v]) => v > 0.01 * total);
    const parts = best.map(([v, word]) => `${word} ${Math.round((100 * v) / total)} %`).join(", ");
    this.readout.textContent = `${(side ? pair.t : pair.s)[k]}: ${total > 0 ? parts : "no mass"}`;
    if (this.state.level === "word") for (const panel of this.panels) panel.maps.plan?.point(side ? cells.length && k : k * M);
  }

  hoverLabel(which, side, k) {
    const read = this.reads[which];
    this.readout.textContent = `${(side ? read.columns : read.rows)[k]}: has mass ${number(read.have[side][k])}, the plan moves ${number(read.keep[side][k])}; drag the bar to change it`;
  }

  // The sum that a cell enters: its tokens' masses, and what each adds to the transport cost.
  addends(pair, reads) {
    const { state } = this, at = state.cell;
    this.sum.replaceChildren();
    if (at < 0) return;
    for (const read of reads) {
      if (at >= read.V.length) continue;
      const m = read.columns.length, [I, J] = [Math.floor(at / m), at % m], word = state.level === "word", { f, g, plan } = read.solution;
      const rows = [...read.part.words.keys()].filter((i) => (word ? read.part.words[i] === I : i === I));
      const columns = [...pair.to.keys()].filter((j) => (word ? pair.to[j] === J : j === J)), scaled = f && state.method !== "exact";
      const lines = rows.flatMap((i) => columns.map((j) => {
        const k = i * read.m + j, t = plan[k], cells = [`${read.part.tokens[i]} → ${pair.tt[j]}`, number(read.C[k])];
        if (scaled) cells.push(number(read.a[i]), number(read.b[j]), number(Math.exp((f[i] + g[j] - read.C[k]) / state.epsilon)));
        return [t, [...cells, number(t), number(t * read.C[k])]];
      })).sort((x, y) => y[0] - x[0]);
      const total = lines.reduce((x, [t]) => x + t, 0), paid = rows.flatMap((i) => columns.map((j) => plan[i * read.m + j] * read.C[i * read.m + j])).reduce((x, y) => x + y, 0);
      const head = ["tokens", "cost C", ...(scaled ? ["mass a", "mass b", "exp((f + g − C) / ε)"] : []), scaled ? "T = a · b · exp" : "T", "T · C"];
      const said = state.method === "similarity" ? `similarity ${number(read.V[at])}, the largest of these`
        : `${number(total)} of mass, which adds ${number(paid)} to the transport cost of ${number(read.solution.cost)}`;
      this.sum.append(html("h4", {}, `${reads.length > 1 ? `${read.name}: ` : ""}${read.rows[I]} → ${read.columns[J]}: ${said}`), grid(head, lines.slice(0, 12).map(([, cells]) => cells)));
    }
    if (this.sum.childNodes.length) this.sum.append(html("button", { type: "button", onclick: () => this.set({ cell: -1 }) }, "close"));
  }

  twin() {
    const place = this.table.lastChild;
    if (!this.table.open || !this.reads) return place.replaceChildren();
    if (this.state.view === "search") return place.replaceChildren(...this.rankings.map((r) => grid(r.head, r.lines)));
    return place.replaceChildren(...this.reads.map((read) => html("div", {}, html("h4", {}, `${read.name}, plan`), grid(["", ...read.columns],
      read.rows.map((row, i) => [row, ...Array.from(read.V.slice(i * read.columns.length, (i + 1) * read.columns.length), number)])))));
  }

  // --- iterations

  play() {
    if (this.step < 0 || this.step >= Number(this.iteration.max)) this.step = 0;
    else this.step += 1;
    const beat = () => {
      this.later();
      this.timer = setTimeout(() => {
        if (this.step >= Number(this.iteration.max)) return this.pause();
        this.step += this.step > 40 ? 4 : 1;
        this.step = Math.min(this.step, Number(this.iteration.max));
        return beat();
      }, this.step < 6 ? 900 : this.step < 20 ? 350 : 120);
    };
    beat();
    this.playButton.textContent = "❚❚ pause";
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.playButton.textContent = "▶ iterate";
  }

  stop() {
    this.pause();
    this.step = -1;
  }

  // --- search

  drawSearch() {
    const { state, data } = this, q = data.questions[state.question], names = [state.other, state.student];
    if (names.some((name) => !q.students?.[name])) {
      if (this.ask) this.request("question", q);
      else this.say("this page does not hold these rankings");
      return;
    }
    const known = (id) => names.every((name) => q.students[name].why[id]), right = q.right.find(known);
    const chosen = known(state.passage) ? state.passage : right ?? q.students[state.student].top[0][0];
    this.rankings = [];
    this.pictures = [];
    const columns = names.map((name, which) => {
      const part = q.students[name], [best, where] = part.why[chosen], passage = data.passages[chosen].tokens;
      const lines = part.top.map(([id, value], k) => [String(k + 1), q.right.includes(id) ? "✓" : "", value.toFixed(2), data.passages[id].title]);
      const list = grid(["rank", "right", "score", "passage"], lines), total = best.reduce((x, y) => x + y, 0);
      this.rankings.push({ head: ["rank", "right", "score", "passage"], lines });
      [...list.querySelectorAll("tbody tr")].forEach((row, k) => {
        const id = part.top[k][0], pick = () => known(id) && this.set({ passage: id });
        row.classList.toggle("chosen", id === chosen);
        row.setAttribute("tabindex", "0");
        row.addEventListener("click", pick);
        row.addEventListener("keydown", (event) => event.key === "Enter" && pick());
      });
      const why = reasons(part.tokens, best, where, passage, `why: rank ${part.ranks[chosen]}, score ${total.toFixed(2)}`);
      this.pictures.push(why.node);
      const weight = new Float64Array(passage.length);
      where.forEach((at, k) => { if (at >= 0) weight[at] += Math.max(0, best[k]); });
      const high = Math.max(...weight, 1e-9), text = html("p", { class: "passage" }, ...passage.flatMap((token, k) => {
        const span = html("span", { "data-k": k, style: `--share:${(weight[k] / high).toFixed(2)}`, class: weight[k] ? "met" : "" }, token.replace(/^##/, ""));
        return token.startsWith("##") || !k ? [span] : [" ", span];
      }));
      why.node.addEventListener("pointerover", (event) => {
        const at = event.target.closest(".reason")?.dataset.where;
        for (const span of text.children) span.classList.toggle("on", span.dataset.k === at);
      });
      const place = part.rank ? `the right passage has rank ${part.rank}` : "which passage is right is not known";
      return html("figure", {}, html("figcaption", {}, `${which ? "after: " : "before: "}${name}`), html("p", { class: "facts" }, place), list,
        html("div", { class: "wide" }, why.node), text);
    });
    this.figures.className = "figures side";
    this.figures.replaceChildren(...columns);
    this.key = "";
    this.readout.textContent = "";
    this.sum.replaceChildren();
    this.reads = null;
    this.spoken.textContent = columns.map((c) => c.querySelector(".facts").textContent).join(". ");
    if (this.table.open) this.twin();
  }

  // --- files

  async export(kind) {
    const { state } = this, searching = state.view === "search", name = `optical_${searching ? "search" : "alignment"}_${(searching ? state.question : state.pair) + 1}`;
    const save = (content, ending) => {
      const link = html("a", { href: URL.createObjectURL(new Blob([content])), download: `${name}.${ending}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      this.say(`saved ${name}.${ending}`);
    };
    if (kind === "link") {
      const text = this.ask ? JSON.stringify(this.different()) : location.href.split("#")[0] + "#" + hash(this.different());
      this.say(text);
      return navigator.clipboard?.writeText(text).then(() => this.say(`copied: ${text}`), () => {});
    }
    if (kind === "CSV") {
      const quoted = (x) => (/[",\n]/.test(x) ? `"${x.replaceAll('"', '""')}"` : x), line = (cells) => cells.map((x) => quoted(String(x))).join(",");
      const tables = searching ? this.rankings.map((r) => [r.head, ...r.lines])
        : this.reads.map((r) => [["", ...r.columns], ...r.rows.map((row, i) => [row, ...r.V.slice(i * r.columns.length, (i + 1) * r.columns.length)])]);
      return save(tables.map((t) => t.map(line).join("\n") + "\n").join("\n"), "csv");
    }
    if (kind === "Pharaoh") return searching ? this.say("links are in the alignment view") : save(this.reads.map((r) => r.found.map((c) => c.join("-")).join(" ") + "\n").join(""), "links");
    const rows = searching ? [this.pictures] : state.compare === "side" ? [this.panels.map((p) => p.words.node), this.panels.map((p) => Object.values(p.maps).map((m) => m.node)).flat()]
      : this.panels.flatMap((p) => [[p.words.node], Object.values(p.maps).map((m) => m.node)]);
    const whole = together(rows, getComputedStyle(this.top).getPropertyValue("--paper").trim() || "#fff", this.data.face);
    if (kind === "SVG") return save(whole.text, "svg");
    return save(await toPng(whole, kind === "PNG" ? Math.round(2 * whole.width) : 1920), "png");
  }
}

function grid(head, lines) {
  return html("div", { class: "scroll" }, html("table", {}, html("thead", {}, html("tr", {}, ...head.map((x) => html("th", { scope: "col" }, x)))),
    html("tbody", {}, ...lines.map((cells) => html("tr", {}, ...cells.map((x, k) => html(k ? "td" : "th", k ? {} : { scope: "row" }, x)))))));
}

// A state as the end of an address, and back.
function hash(state) {
  return Object.entries(state).map(([name, value]) => `${name}=${encodeURIComponent(typeof value === "object" ? JSON.stringify(value) : value)}`).join("&");
}

function unhash(text) {
  try {
    return Object.fromEntries(text.replace(/^#/, "").split("&").filter(Boolean).map((part) => {
      const [name, value] = part.split(/=(.*)/s), text = decodeURIComponent(value ?? "");
      return [name, text.startsWith("{") ? JSON.parse(text) : text];
    }));
  } catch {
    return {}; // somebody's typing: begin at the beginning
  }
}

// In a page of its own: the state stands in the address.
export function mount(root, data) {
  const save = (state) => history.replaceState(null, "", "#" + hash(state));
  return new Explorer(root, data, { state: { ...data.state, ...unhash(location.hash) }, save });
}

export default {
  render({ model, el }) {
    const waiting = new Map();
    const answer = (message) => { waiting.get(message.id)?.(message); waiting.delete(message.id); };
    const ask = (question) => new Promise((resolve) => {
      const id = `${Date.now()}-${Math.random()}`;
      waiting.set(id, resolve);
      model.send({ id, ...question });
    });
    const save = (state) => { model.set("state", state); model.save_changes(); };
    model.on("msg:custom", answer);
    const view = new Explorer(el, structuredClone(model.get("data")), { state: model.get("state"), save, ask });
    return () => { model.off("msg:custom", answer); view.close(); };
  },
};
