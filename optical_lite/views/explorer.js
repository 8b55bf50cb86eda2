// Explorer: a plan that moves under the hand. Python sends costs, words and gold links; everything else happens here.
//
// `mount(node, data)` shows it in a page; the default export is what anywidget asks for. With `ask`, a kernel reads
// what the data does not hold: other pairs, other students, one's own text. optical_lite.views.material makes the data.

import { METHODS, RULES } from "./solver.js";
import {
  BARS, MEANING, change, errorCurve, grid, heatmap, html, ranking, sentences, svg, toPng, together,
} from "./drawing.js";
import { addends, cellText, number, read, sideText } from "./reading.js";

const DEFAULT = {
  view: "align", pair: 0, student: "", other: "", compare: "one", layer: 0, level: "word", method: "sinkhorn",
  epsilon: 0.05, reach: 0.5, mass: 0.8, marginals: "uniform", rule: "intersection", threshold: 0, null: 0, position: 0,
  cell: -1, hand: {}, question: 0, passage: "",
};
const HINT = "Point at a word or a cell; click a cell for its sum", DRAG = "; drag a bar to change a mass";
const aligning = (s) => s.view === "align", searching = (s) => !aligning(s);
const blurred = (s) => aligning(s) && !["exact", "similarity"].includes(s.method);
const SLIDERS = { // label, lowest, highest, step (0: a logarithmic scale), and when it does something
  epsilon: ["epsilon", 0.003, 3, 0, blurred],
  reach: ["reach: price of mass left behind", 0.01, 10, 0, (s) => aligning(s) && s.method === "unbalanced"],
  mass: ["share of mass that moves", 0.05, 1, 0.05, (s) => aligning(s) && s.method === "partial"],
  threshold: ["threshold of a link", 0, 1, 0.02, aligning],
  null: ["no link for a word that keeps less", 0, 0.95, 0.05, (s) => blurred(s) && s.method !== "sinkhorn"],
  position: ["cost of distance from the diagonal", 0, 1, 0.05, aligning],
};
const within = (x, low, high) => Math.min(high, Math.max(low, x));
const same = (list) => list.map((x) => [x, x]);
const short = (text) => (text.length > 72 ? text.slice(0, 72).trimEnd() + "…" : text);
const title = ({ note, source, text }, k) => [k, `${k + 1}. ${note ? `[${note}] ` : ""}${short(source || text)}`];
const button = (text, onclick, more = {}) => html("button", { type: "button", onclick, ...more }, text);

// Lists to choose from: label, [value, text] of each choice, and when it does something.
const lists = (data) => ({
  view: ["view", [["align", "Alignment"], ...(data.questions.length ? [["search", "Search"]] : [])]],
  pair: ["sentence pair", data.pairs.map(title), aligning],
  question: ["question", data.questions.map(title), searching],
  compare: ["show", [["one", "one student"], ["side", "two, side by side"], ["difference", "one minus the other"]],
    aligning],
  student: ["student", same(data.names), () => true],
  other: ["other student", same(data.names), (s) => s.compare !== "one" || searching(s)],
  layer: ["layer", data.layers.map((l) => [l, l || "last"]), () => data.layers.length > 1],
  method: ["solver", same(METHODS), aligning],
  marginals: ["mass", [["uniform", "each token the same"], ["words", "each word the same"],
    ...(data.idf ? [["idf", "rare ones more (idf)"]] : [])], aligning],
  level: ["show and link", [["word", "words"], ["token", "sub-words"]], aligning],
  rule: ["rule", same(RULES), aligning],
});

// What a state from outside (a link, a notebook) may say: known names, with values that they can have.
function sane(given, known) {
  const found = {};
  for (const [name, value] of Object.entries(DEFAULT)) {
    const x = typeof value === "number" ? Number(given[name]) : given[name];
    if (given[name] === undefined || x === null || typeof x !== typeof value || Number.isNaN(x)) continue;
    if (name in known && !known[name][1].some(([value]) => value === x)) continue;
    if (name === "hand") { // factors of words, by side
      const fine = ([k, y]) => /^\d+$/.test(k) && y >= 1e-3 && y <= 1e3;
      const factors = (side) => [side, Object.fromEntries(Object.entries(x[side]).filter(fine))];
      found.hand = Object.fromEntries(["s", "t"].filter((side) => x[side]).map(factors));
    } else found[name] = name in SLIDERS ? within(x, SLIDERS[name][1], SLIDERS[name][2]) : x;
  }
  return found;
}

export class Explorer {
  constructor(root, data, { state = {}, save = () => {}, ask = null } = {}) {
    Object.assign(this, { root, data, save, ask, step: -1, key: "", memory: {}, controls: {}, lists: lists(data) });
    const [other, student] = data.compared;
    this.start = { ...DEFAULT, layer: data.layers[0], student, other };
    this.state = { ...this.start, ...sane(state, this.lists) };
    this.build();
    this.theme();
    this.watch = new MutationObserver(() => this.theme());
    this.watch.observe(document.body, { attributes: true });
    this.room = this.figures.clientWidth;
    this.sizes = new ResizeObserver(([entry]) => { // asking for the width while drawing would lay out the page twice
      if (Math.abs(entry.contentRect.width - this.room) > 8) [this.room] = [entry.contentRect.width, this.later()];
    });
    this.sizes.observe(this.figures);
    this.draw();
    // letters that came along are there a moment later: only then can words be measured
    if (data.face) document.fonts.load('14px "Noto Sans Devanagari"', "\u0921").then(() => { this.key = ""; this.draw(); });
  }

  close() {
    this.stop();
    for (const observer of [this.watch, this.sizes]) observer.disconnect();
    for (const timer of [this.saving, this.speaking]) clearTimeout(timer);
    cancelAnimationFrame(this.waiting);
  }

  // Dark where the page around it is dark.
  theme() {
    const behind = (node) => (node ? getComputedStyle(node).backgroundColor : "rgb(255, 255, 255)");
    let node = this.root.parentElement;
    while (node && behind(node) === "rgba(0, 0, 0, 0)") node = node.parentElement;
    const [r, g, b] = behind(node).match(/[\d.]+/g).map(Number);
    const theme = r + g + b < 384 ? "dark" : "light", look = getComputedStyle(this.top);
    if (theme === this.top.dataset.theme) return;
    this.top.dataset.theme = theme;
    // for what is painted on a canvas: asking at every move would lay out the page twice
    this.inks = ["--mass", "--less", "--ground"].map((name) => look.getPropertyValue(name).trim());
    this.later();
  }

  // --- controls

  // A part of the page that is there when it does something; `show` brings it up to date.
  part(name, node, when, show = () => {}) {
    this.controls[name] = { node, when, show };
    return node;
  }

  control(name, label, input, when, show) {
    return this.part(name, html("label", { class: `control ${name}` }, html("span", {}, label), input), when, show);
  }

  choice(name) {
    const [label, options, when] = this.lists[name], value = typeof DEFAULT[name] === "number" ? Number : String;
    const select = html("select", { onchange: () => this.set({ [name]: value(select.value) }) });
    const node = this.control(name, label, select, when, (state) => { select.value = state[name]; });
    this.fill(name, options);
    return node;
  }

  fill(name, options) {
    const option = ([value, text]) => html("option", { value }, text);
    this.controls[name].node.lastChild.replaceChildren(...options.map(option));
  }

  slider(name) {
    const [label, low, high, step, when] = SLIDERS[name], output = html("output", {});
    const [to, from] = step ? [Number, Number] : [Math.log10, (x) => Number((10 ** x).toPrecision(3))];
    const oninput = () => this.set({ [name]: from(input.value) });
    const input = html("input", { type: "range", min: to(low), max: to(high), step: step || 0.01, oninput });
    const node = this.control(name, label, input, when, (state) => {
      input.value = to(state[name]);
      output.textContent = String(state[name]);
      input.setAttribute("aria-valuetext", String(state[name]));
    });
    node.firstChild.append(" ", output);
    return node;
  }

  build() {
    const choice = (name) => this.choice(name), slider = (name) => this.slider(name);
    const tab = ([name, text]) => button(text, () => this.set({ view: name }), { class: "tab", "data-view": name });
    const [, views] = this.lists.view, reset = button("reset masses", () => this.set({ hand: {} }));
    this.tabs = html("div", { class: "tabs" }, ...(views.length > 1 ? views.map(tab) : []));
    const texts = [
      choice("pair"), ...this.own("pair", aligning, "align", ["your own sentence", "its English"]),
      choice("question"), ...this.own("question", searching, "search", ["your own question"]),
    ];
    const parts = [
      ...["compare", "student", "other"].map(choice), this.training(), choice("layer"), choice("method"),
      ...["epsilon", "reach", "mass"].map(slider), this.iterations(), choice("marginals"),
      this.part("reset", reset, (s) => aligning(s) && Object.keys(s.hand).length > 0),
      ...["level", "rule"].map(choice), ...["threshold", "null", "position"].map(slider),
    ];
    this.figures = html("div", { class: "figures" });
    this.readout = html("p", { class: "readout" });
    this.sums = html("div", { class: "sum" });
    const summary = html("summary", {}, "the same as a table");
    this.table = html("details", { class: "twin", ontoggle: () => this.twin() }, summary, html("div"));
    const file = (kind, when = () => true) => this.part(kind, button(kind, () => this.export(kind)), when);
    const kept = [...["SVG", "PNG", "PNG for slides", "CSV", "link"].map((x) => file(x)), file("Pharaoh", aligning)];
    this.message = html("p", { class: "message", role: "status" });
    this.spoken = html("p", { class: "spoken", role: "status" });
    const stage = html("div", { class: "stage" }, this.message, this.figures, this.readout, this.sums, this.table,
      html("div", { class: "exports" }, ...kept), this.spoken);
    const board = html("div", { class: "board" }, html("div", { class: "controls" }, ...parts), stage);
    this.top = html("div", { class: "optical" }, html("style", {}, this.data.face || ""), this.tabs,
      html("div", { class: "texts" }, ...texts), board);
    this.root.replaceChildren(this.top);
  }

  // Boxes for one's own text, where a kernel can read it.
  own(kind, when, does, labels) {
    if (!this.ask) return [];
    const box = (label) => html("input", { type: "text", placeholder: label, "aria-label": label, dir: "auto" });
    const boxes = labels.map(box);
    const onsubmit = (event) => {
      event.preventDefault();
      this.request(kind, { texts: boxes.map((box) => box.value), note: "own" });
    };
    return [this.part(`own ${kind}`, html("form", { class: "own", onsubmit }, ...boxes, html("button", {}, does)), when)];
  }

  // The steps of the run to which the student belongs, as [step, student].
  steps() {
    return this.data.runs.find((run) => run.some(([, name]) => name === this.state.student)) || this.data.runs[0] || [];
  }

  training() {
    const oninput = () => this.set({ student: this.steps()[input.value][1] });
    const input = html("input", { type: "range", min: 0, step: 1, oninput }), output = html("output");
    const node = this.control("run", "training step ", input, () => this.steps().length > 1, (state) => {
      const steps = this.steps(), at = steps.findIndex(([, name]) => name === state.student);
      input.max = steps.length - 1;
      input.value = Math.max(0, at);
      output.textContent = at < 0 ? "–" : String(steps[at][0]);
      input.setAttribute("aria-valuetext", output.textContent);
    });
    node.firstChild.append(output);
    return node;
  }

  iterations() {
    const oninput = () => { this.pause(); this.seek(Number(this.iteration.value)); };
    this.iteration = html("input", { type: "range", min: 0, step: 1, "aria-label": "half iteration", oninput });
    this.playButton = button("▶ iterate", () => (this.timer ? this.pause() : this.play()), { class: "play" });
    this.curvePlace = html("div", { class: "curve" });
    this.played = [button("solution", () => this.set({})), this.iteration, this.curvePlace];
    return this.part("player", html("div", { class: "player" }, this.playButton, ...this.played), blurred);
  }

  showControls() {
    const { state } = this;
    for (const { node, when, show } of Object.values(this.controls)) {
      show(state);
      node.hidden = !when(state);
    }
    const labels = aligning(state) ? ["student", "other student"] : ["after: student", "before: student"];
    ["student", "other"].forEach((name, k) => { this.controls[name].node.firstChild.textContent = labels[k]; });
    this.top.dataset.view = state.view;
    for (const tab of this.tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.view === state.view));
  }

  // --- state

  set(patch) {
    const only = Object.keys(patch).join();
    Object.assign(this.state, patch);
    if (["pair", "level", "compare"].includes(only)) this.state.cell = -1;
    if (only === "pair") this.state.hand = {};
    if (only === "view") this.say(""); // what was said of the other view
    if (only !== "cell") this.stop();
    this.later();
  }

  later() {
    this.waiting ||= requestAnimationFrame(() => { this.waiting = 0; this.draw(); });
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.save(this.different()), 300);
  }

  // What differs from the state one starts with: short links, small files.
  different() {
    const changed = ([name, x]) => JSON.stringify(x) !== JSON.stringify(this.start[name]);
    return Object.fromEntries(Object.entries(this.state).filter(changed));
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
    if (list.includes(item)) return this.later();
    if (list.at(-1).note === "own") list.pop();
    list.push(item);
    this.fill(kind, list.map(title));
    this.key = "";
    this.set({ [kind]: list.length - 1 });
  }

  // --- alignment

  draw() {
    const { state, data } = this, two = state.compare !== "one";
    this.showControls();
    if (state.view === "search") return this.drawSearch();
    const pair = data.pairs[state.pair], names = two ? [state.student, state.other] : [state.student];
    if (names.some((name) => pair.students?.[name]?.costs[state.layer] === undefined))
      return this.ask ? this.request("pair", pair) : this.say("this page does not hold these costs");
    this.pair = pair;
    // `called` stands before a line where there is more than one student
    const one = (name) => ({ ...read(state, pair, name, this.step, this.memory), called: two ? `${name}: ` : "" });
    this.reads = names.map(one);
    const key = JSON.stringify([state.pair, names, state.compare, state.level, pair.source, this.room]);
    if (key !== this.key) this.panels = this.lay(pair, this.reads, this.room || 980);
    this.key = key;
    this.paint(pair, this.reads);
  }

  // New pictures for a new pair or another layout.
  lay(pair, reads, room) {
    const { compare } = this.state, minus = compare === "difference", beside = compare !== "one" && room > 760;
    const own = beside ? room / 2 - 20 : room - 8, [half, third] = room > 760 ? [own / 2, room / 3] : [own, room];
    const share = { one: half - BARS, side: own - BARS, difference: third - 24 }[compare];
    this.memory = {};
    // a difference has no bars
    this.hint = minus ? HINT : HINT + DRAG;
    this.readout.textContent = this.hint;
    const panels = reads.map((one, k) => {
      const odd = [new Set(one.part.unknown), new Set(pair.tu)], { rows, columns } = one;
      const words = sentences(pair.s, pair.t, odd, own, `links of ${one.name}`), maps = {};
      const map = (title, bars) => heatmap(rows, columns, title, share, bars);
      if (rows.length && columns.length) {
        maps.plan = map(minus ? `plan of ${one.name}` : "plan T: the fuller, the more mass", !minus);
        if (compare === "one") maps.cost = map("cost C: the fuller, the cheaper");
        if (minus && k && rows.join() === reads[0].rows.join()) maps.difference = map("first minus second; ochre is less");
      }
      return { words, maps, facts: html("p", { class: "facts" }) };
    });
    this.say(minus && !panels[1].maps.difference ? "their sub-words differ: show words to subtract" : "");
    this.figures.className = `figures ${beside ? "side" : ""}`;
    const nodes = ({ maps }) => Object.values(maps).map((map) => map.node);
    const row = (some) => html("div", { class: "maps" }, ...some.flatMap(nodes));
    const figures = panels.map((panel, k) => html("figure", {}, html("figcaption", {}, reads[k].name),
      html("div", { class: "wide" }, panel.words.node), panel.facts, minus ? null : row([panel])));
    this.figures.replaceChildren(...figures, ...(minus ? [row(panels)] : []));
    panels.forEach((panel, k) => this.listen(panel, k));
    return panels;
  }

  paint(pair, reads) {
    const [first, second] = reads, { played } = first.solution;
    reads.forEach((one, k) => {
      const { words, maps, facts } = this.panels[k], { told, V, top, keep, have, framed } = one;
      words.paint(told, one.W, one.wordTop);
      maps.plan?.paint(V.map((v) => v / top), this.inks, framed, [0, 1].map((side) => [keep[side], have[side]]));
      maps.plan?.flash(played && played.steps[played.at].side);
      maps.cost?.paint(one.part.cheap, this.inks, framed);
      maps.difference?.paint(first.V.map((v, at) => (v - second.V[at]) / top), this.inks);
      facts.replaceChildren(...this.facts(one, pair));
    });
    for (const node of this.played) node.hidden = !played;
    if (played) {
      this.iteration.max = played.steps.length - 1;
      this.iteration.value = played.at;
      if (this.curved !== played.steps) {
        this.curved = played.steps;
        this.curve = errorCurve(played.steps.map((step) => step.error), "marginal error by half iteration");
        this.curvePlace.replaceChildren(this.curve.node);
      }
      this.curve.paint(played.at);
    }
    this.point();
    this.showSums(pair);
    if (this.table.open) this.twin();
    clearTimeout(this.speaking);
    const speak = () => { this.spoken.textContent = this.panels.map((panel) => panel.facts.textContent).join(". "); };
    this.speaking = setTimeout(speak, 600);
  }

  facts(one, pair) {
    const { solution, scored, found } = one, { played } = solution, parts = [];
    if (one.similar) parts.push("no transport: cells are (1 + cosine) / 2");
    else parts.push(`transport cost ${solution.cost.toFixed(4)}, mass moved ${solution.moved.toFixed(3)}`);
    if (played) {
      const { side, error } = played.steps[played.at], said = side && `, ${side} were rescaled`;
      parts.push(`half iteration ${played.at}${said}: marginal error ${error.toExponential(1)}`);
    } else if (!solution.converged) parts.push(html("strong", {}, "NOT CONVERGED"));
    parts.push(`${found.length} link${found.length === 1 ? "" : "s"}`);
    const strange = [...one.part.unknown.map((i) => pair.s[i]), ...pair.tu.map((j) => pair.t[j])];
    if (strange.length) parts.push(`unknown to the tokenizer, so never linked: ${strange.join(" ")}`);
    const joined = () => parts.flatMap((part, k) => (k ? ["; ", part] : [part]));
    if (!scored) return joined();
    parts.push(`precision ${scored.precision.toFixed(2)}, recall ${scored.recall.toFixed(2)}`);
    parts.push(html("b", {}, `AER ${scored.aer.toFixed(3)}`));
    const kinds = Object.entries(MEANING).map(([kind, meaning]) => {
      const drawn = svg("path", { d: "M1 4h28", class: `link ${kind}` });
      const count = [...one.told.values()].filter((x) => x === kind).length;
      const line = svg("svg", { width: 30, height: 8, class: "pic key", "aria-hidden": "true" }, drawn);
      return html("span", { class: "kind" }, line, ` ${meaning}: ${count}`);
    });
    return [...joined(), html("span", { class: "kinds" }, ...kinds)];
  }

  // --- what a pointer or a key points at

  listen({ words, maps }, which) {
    const onpointerleave = () => { words.focus(null); this.hover(null); };
    const onpointerover = ({ target: { dataset: d } }) => {
      const [side, k] = [Number(d.side), Number(d.k)], one = this.reads[which];
      if (d.i !== undefined && this.state.level === "word") this.hover(d.i * one.M + Number(d.j), which);
      else if (d.side !== undefined && !this.dragging)
        this.readout.textContent = sideText(one, this.pair, side, k, d.word !== undefined);
      if (d.word !== undefined) words.focus(side, k);
    };
    change(words.node, { onpointerover, onpointerleave });
    for (const [kind, map] of Object.entries(maps)) {
      const keys = "arrow keys move, Enter shows the sum, plus and minus change the mass of the row, with Shift of the column";
      const onpointerdown = (event) => { // on a bar: its word weighs more or less, and the others share the rest
        const { bar, side, k } = event.target.dataset;
        if (bar === undefined) return;
        event.preventDefault();
        map.drawing.setPointerCapture(event.pointerId);
        this.dragging = { side: Number(side), k: Number(k) };
      };
      const onpointermove = (event) => {
        const { side, k } = this.dragging || {}, at = map.cellAt(event);
        if (this.dragging) this.weigh(which, side, k, map.massAt(event, side));
        else if (at !== null && (at !== this.at || which !== this.of)) this.hover(at, which);
      };
      const onlostpointercapture = () => { this.dragging = null; };
      const onclick = (event) => { if (map.cellAt(event) !== null) this.set({ cell: map.cellAt(event) }); };
      change(map.drawing, { tabindex: 0, role: "application", "aria-label": `${kind}: ${keys}`, onclick,
        onkeydown: (event) => this.keys(event, map, which), onpointerover, onpointerleave, onpointerdown, onpointermove,
        onlostpointercapture });
    }
  }

  keys(event, map, which) {
    const move = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: map.columns, ArrowUp: -map.columns }[event.key];
    const times = { "+": 1.25, "=": 1.25, "*": 1.25, "-": 0.8, _: 0.8 }[event.key], at = this.at ?? -1;
    if (move) this.hover(at < 0 ? 0 : within(at + move, 0, map.rows * map.columns - 1), which, true);
    else if (event.key === "Enter" && at >= 0) this.set({ cell: at });
    else if (times && at >= 0) {
      const side = event.shiftKey ? 1 : 0, k = side ? at % map.columns : Math.floor(at / map.columns);
      this.weigh(which, side, k, this.reads[which].have[side][k] * times);
    } else return;
    event.preventDefault();
  }

  weigh(which, side, k, wanted) {
    const one = this.reads[which], owner = side ? this.pair.to : one.part.words, letter = "st"[side];
    const word = this.state.level === "word" ? k : owner[k], before = this.state.hand[letter] || {};
    const now = within(one.have[side][k], 1e-4, 0.999), want = within(wanted, 0.002, 0.9);
    const factor = within(((before[word] ?? 1) * want * (1 - now)) / (now * (1 - want)), 1e-3, 1e3);
    this.set({ hand: { ...this.state.hand, [letter]: { ...before, [word]: Number(factor.toPrecision(4)) } } });
  }

  // The figures in which a cell is the one that is pointed at in one of them: tokens of two students can differ.
  sharing(at) {
    const rows = this.reads[this.of || 0].rows.join();
    return this.reads.filter((one) => at !== null && at < one.V.length && one.rows.join() === rows);
  }

  point() {
    const at = this.at ?? (this.state.cell >= 0 ? this.state.cell : null), shown = this.sharing(at);
    this.panels.forEach(({ maps }, k) => {
      for (const map of Object.values(maps)) map.point(shown.includes(this.reads[k]) ? at : null);
    });
  }

  hover(at, which = this.of || 0, speak = false) {
    if (!this.reads) return;
    [this.at, this.of] = [at, Math.min(which, this.reads.length - 1)];
    this.point();
    const lines = this.sharing(at).map((one) => one.called + cellText(this.state, one, at));
    this.readout.textContent = lines.join(" | ") || this.hint;
    if (speak) this.spoken.textContent = lines.join(". ");
  }

  showSums(pair) {
    const { cell } = this.state, blocks = this.sharing(cell < 0 ? null : cell).flatMap((one) => {
      const { title, head, lines } = addends(this.state, pair, one, cell);
      return [html("h4", {}, one.called + title), grid(head, lines)];
    });
    this.sums.replaceChildren(...blocks, ...(blocks.length ? [button("close", () => this.set({ cell: -1 }))] : []));
  }

  // Whatever is shown, as tables: [title, head, lines].
  tables(show = (x) => x) {
    if (searching(this.state)) return this.rankings.flatMap((r) => r.tables);
    return (this.reads || []).map(({ name, rows, columns, V }) => {
      const row = (i) => Array.from(V.slice(i * columns.length, (i + 1) * columns.length), show);
      return [`${name}, plan`, ["", ...columns], rows.map((label, i) => [label, ...row(i)])];
    });
  }

  twin() {
    const nodes = ([title, head, lines]) => [html("h4", {}, title), grid(head, lines)];
    this.table.lastChild.replaceChildren(...(this.table.open ? this.tables(number).flatMap(nodes) : []));
  }

  // --- iterations

  seek(step) {
    this.step = step;
    this.later();
  }

  // Slowly at first, when each update can be followed; faster when they only polish.
  play() {
    const last = () => Number(this.iteration.max), next = () => {
      if (this.step >= last()) return this.pause();
      this.seek(Math.min(last(), this.step + (this.step > 40 ? 4 : 1)));
      this.timer = setTimeout(next, this.step < 6 ? 900 : this.step < 20 ? 350 : 120);
    };
    this.seek(this.step < 0 || this.step >= last() ? 0 : this.step);
    this.timer = setTimeout(next, 900);
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
    if (names.some((name) => !q.students?.[name]))
      return this.ask ? this.request("question", q) : this.say("this page does not hold these rankings");
    const known = (id) => names.every((name) => q.students[name].why[id]), first = q.students[state.student].top[0][0];
    const chosen = known(state.passage) ? state.passage : q.right.find(known) ?? first;
    this.rankings = names.map((name, k) => ranking(`${["before", "after"][k]}: ${name}`, q, q.students[name],
      data.passages, chosen, known, (passage) => this.set({ passage })));
    Object.assign(this, { key: "", reads: null });
    this.figures.className = "figures side";
    this.figures.replaceChildren(...this.rankings.map((r) => r.node));
    this.readout.textContent = "";
    this.sums.replaceChildren();
    this.spoken.textContent = this.rankings.map((r) => r.facts).join(". ");
    if (this.table.open) this.twin();
  }

  // --- files

  saveAs(content, ending) {
    const { view, pair, question } = this.state, name = view === "align" ? `alignment_${pair + 1}` : `search_${question + 1}`;
    const link = html("a", { href: URL.createObjectURL(new Blob([content])), download: `${name}.${ending}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    this.say(`saved ${name}.${ending}`);
  }

  async export(kind) {
    const { panels } = this;
    if (kind === "link") {
      const state = this.different(), page = () => location.href.split("#")[0] + "#" + hash(state);
      const text = this.ask ? JSON.stringify(state) : page();
      this.say(text);
      return navigator.clipboard?.writeText(text).then(() => this.say(`copied: ${text}`), () => {});
    }
    if (kind === "CSV") {
      const quoted = (x) => (/[",\n]/.test(x) ? `"${x.replaceAll('"', '""')}"` : x);
      const line = (cells) => cells.map((x) => quoted(String(x))).join(",") + "\n";
      return this.saveAs(this.tables().map(([, head, lines]) => [head, ...lines].map(line).join("")).join("\n"), "csv");
    }
    if (kind === "Pharaoh") {
      const line = (one) => one.found.map((cell) => cell.join("-")).join(" ") + "\n";
      return this.saveAs(this.reads.map(line).join(""), "links");
    }
    const maps = (panel) => Object.values(panel.maps), words = (panel) => panel.words;
    const rows = aligning(this.state) ? [panels.map(words), panels.flatMap(maps)]
      : [this.rankings.map((r) => ({ node: r.picture }))];
    const whole = together(rows, getComputedStyle(this.top).getPropertyValue("--paper").trim(), this.data.face);
    if (kind === "SVG") return this.saveAs(whole.text, "svg");
    return this.saveAs(await toPng(whole, kind === "PNG" ? Math.round(2 * whole.width) : 1920), "png");
  }
}

// A state as the end of an address, and back.
function hash(state) {
  const plain = ([name, value]) => [name, typeof value === "object" ? JSON.stringify(value) : value];
  return String(new URLSearchParams(Object.entries(state).map(plain)));
}

function unhash(text) {
  const found = Object.fromEntries(new URLSearchParams(text.slice(1)));
  try {
    return found.hand ? { ...found, hand: JSON.parse(found.hand) } : found;
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
