// Charts over windows: all share one x axis, one pointer and one picked window, so that the eye can fall from a
// breach to what moved at the same time.

const narrow = matchMedia("(max-width: 40rem)");
/** Left of every plot: the axis, or the names of rows. */
const gutter = () => (narrow.matches ? 50 : 176);
/** Right of every plot: the figures of thresholds. */
const edge = () => (narrow.matches ? 50 : 66);
const fontOf = (size = 12) => `${size}px ${getComputedStyle(document.body).fontFamily}`;

/** Everything that follows the pointer. */
const followers = new Set();
const pointer = { spot: null };
function point(spot, source) {
  pointer.spot = spot;
  for (const follower of followers) {
    if (follower.root.isConnected) follower.follow(spot, follower === source);
    else followers.delete(follower);
  }
}

/** Where the spot of a chart lies in what it shows next: who went to a window by keyboard stays with it. */
function stay(chart, next) {
  if (chart.spot === null || !chart.spec) return chart.spot;
  const found = next.places.indexOf(chart.spec.places[chart.spot]);
  const spot = found >= 0 ? found : Math.min(chart.spot, next.places.length - 1);
  if (chart.leads && document.activeElement === chart.plot && pointer.spot !== null) pointer.spot = spot;
  return next.places.length ? spot : null;
}

/** Steps of 1, 2 or 5 that give about `wanted` of them. */
function niceStep(width, wanted) {
  const rough = width / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return power * (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1);
}

/** A y axis that holds all values, and stays where it was as long as it does. */
const axes = new Map();
function steadyRange(key, values, { least = -Infinity, most = Infinity, zero = false } = {}) {
  const known = values.filter(is);
  if (!known.length) return axes.get(key) ?? [0, 1];
  let low = Math.min(...known);
  let high = Math.max(...known);
  if (zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 10, high + (Math.abs(high) || 1) / 10];
  const pad = (high - low) * 0.06;
  const step = niceStep(high - low, 8);
  let range = [
    zero && low === 0 ? 0 : Math.max(least, Math.floor((low - pad) / step) * step),
    zero && high === 0 ? 0 : Math.min(most, Math.ceil((high + pad) / step) * step),
  ];
  const before = axes.get(key);
  // One that was much wider belonged to other windows.
  if (before && before[1] - before[0] < 2.5 * (range[1] - range[0])) range = [Math.min(before[0], range[0]), Math.max(before[1], range[1])];
  axes.set(key, range);
  return range;
}

/** The windows that have their time written below them: as many as there is room for. */
function ticks({ places }, room) {
  const step = Math.max(1, Math.ceil((places.length * 92) / Math.max(1, room)));
  const found = [];
  const first = (26 * places.length) / Math.max(1, room); // further left it would stand in the axis
  for (let spot = places.length - 1 - Math.floor(step / 2.5); spot >= first; spot -= step) found.unshift(spot);
  return found.length ? found : places.length ? [places.length - 1] : [];
}

/** The time of a window below the axis, with its day where that is another than the last one's. */
function tick({ places, start, number: numbered }, spot, before) {
  const when = (k) => parsed(start(places[k]));
  const d = when(spot);
  if (!d) return numbered(places[spot]);
  const previous = before === undefined ? null : when(before);
  const next = when(Math.min(spot + 1, places.length - 1));
  const whole = d.getUTCHours() + d.getUTCMinutes() + d.getUTCSeconds() === 0 && (!next || (next - d) % 86_400_000 === 0);
  if (whole) return day(d);
  const time = next && Math.abs(next - d) < 60_000 ? clock(d) : clock(d).slice(0, 5);
  return previous && day(previous) === day(d) ? time : `${time}\n${day(d)}`;
}

/** A chart of uPlot with what all of ours have: reference in grey, a cross hair, a tooltip, the keyboard. */
class Chart {
  constructor(root) {
    this.root = root;
    root.innerHTML = `<div class="plot" tabindex="0" role="slider"></div><div class="cross" hidden></div><div class="picked" hidden></div><div class="flags"></div><div class="tip" hidden></div>`;
    [this.plot, this.cross, this.picked, this.flags, this.tip] = root.children;
    this.spot = null;
    followers.add(this);
    new ResizeObserver(() => this.fit()).observe(root);
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerdown", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => document.activeElement !== this.plot && point(null, this));
    this.plot.addEventListener("click", (event) => {
      const spot = this.spotAt(event.clientX);
      if (spot !== null) this.spec.pick?.(this.spec.places[spot]);
    });
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.plot.addEventListener("focus", () => this.plot.matches(":focus-visible") && point(this.start(), this));
    this.plot.addEventListener("blur", () => point(null, this));
  }

  gutter() {
    return this.spec?.tight ? 50 : gutter();
  }

  edge() {
    return this.spec?.tight ? 50 : edge();
  }

  /** Shows `spec`: places, references, height, range, paint, tell, speak, pick, picked, marks, plain (without x axis), tight (small). */
  show(spec) {
    this.spot = stay(this, spec);
    this.spec = spec;
    const xs = spec.places.map((_, spot) => spot);
    if (!this.u) this.make(xs);
    else if (this.drawnHeight !== spec.height || this.drawnGutter !== this.gutter()) this.fit(true);
    else this.u.setData([xs, xs.map(() => null)]);
    this.root.classList.toggle("timed", !spec.plain);
    this.plot.setAttribute("aria-label", spec.label);
    this.plot.setAttribute("aria-valuemin", 0);
    this.plot.setAttribute("aria-valuemax", Math.max(0, xs.length - 1));
    this.announce(this.spot ?? this.start());
    this.decorate();
    this.follow(pointer.spot, this.leads);
  }

  make(xs) {
    const axis = { font: fontOf(12), stroke: () => colour("muted"), grid: { stroke: () => colour("line"), width: 1 }, ticks: { show: false } };
    this.drawnHeight = this.spec.height;
    this.drawnGutter = this.gutter();
    this.u = new uPlot({
      width: Math.max(120, this.root.clientWidth),
      height: this.spec.height,
      padding: [10, this.edge(), 0, 0],
      legend: { show: false },
      cursor: { show: false },
      select: { show: false },
      scales: {
        x: { time: false, range: () => [-0.5, Math.max(0.5, this.spec.places.length - 0.5)] },
        y: { range: () => this.spec.range },
      },
      axes: [
        { ...axis, size: () => (this.spec.plain ? 4 : 40), gap: 4, grid: { show: false }, splits: () => ticks(this.spec, this.root.clientWidth - this.gutter() - this.edge()), values: (_, spots) => spots.map((spot, k) => (this.spec.plain ? "" : tick(this.spec, spot, spots[k - 1]))) },
        { ...axis, size: () => this.gutter(), gap: 6, splits: (_, __, low, high) => this.levels(low, high), values: (_, levels) => levels.map((level) => this.spec.axis?.(level) ?? number(level)) },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        drawClear: [(u) => this.ground(u)],
        draw: [(u) => { u.ctx.save(); this.spec.paint(new Brush(u, this.spec)); u.ctx.restore(); }],
      },
    }, [xs, xs.map(() => null)], this.plot);
  }

  fit(force) {
    const width = this.root.clientWidth;
    if (!this.u || !width) return;
    if (force || this.gutter() !== this.drawnGutter) {
      this.u.destroy();
      this.u = null;
      this.make(this.spec.places.map((_, spot) => spot));
    } else if (Math.abs(this.u.width - width) > 1) {
      this.u.setSize({ width, height: this.spec.height });
    }
    this.decorate();
  }

  redraw() {
    this.u?.redraw(false, true);
    this.decorate();
  }

  levels(low, high) {
    const step = niceStep(high - low, clamp(Math.round(this.spec.height / 60), 2, 7));
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
    return found;
  }

  /** The reference's ground and the rule at its end. */
  ground(u) {
    const { references } = this.spec;
    if (!references) return;
    const { ctx } = u;
    const { left, top, height } = u.bbox;
    const rule = u.valToPos(references - 0.5, "x", true);
    ctx.fillStyle = colour("past");
    ctx.fillRect(left, top, rule - left, height);
    ctx.fillStyle = colour("rule");
    ctx.fillRect(Math.round(rule) - devicePixelRatio / 2, top, devicePixelRatio, height);
  }

  spotAt(clientX) {
    const box = this.plot.getBoundingClientRect();
    const width = box.width - this.gutter() - this.edge();
    const spot = Math.floor(((clientX - box.left - this.gutter()) / width) * this.spec.places.length);
    return spot >= 0 && spot < this.spec.places.length ? spot : null;
  }

  point(event) {
    const spot = this.spotAt(event.clientX);
    this.spot = spot ?? this.spot;
    point(spot, this);
  }

  start() {
    const picked = this.spec.picked === null ? -1 : this.spec.places.indexOf(this.spec.picked);
    return this.spot !== null && this.spot < this.spec.places.length ? this.spot : picked >= 0 ? picked : this.spec.places.length - 1;
  }

  key(event) {
    const end = this.spec.places.length - 1;
    const from = this.start();
    const to = { ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, Home: 0, End: end, PageUp: from + 10, PageDown: from - 10 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.spot = clamp(to, 0, end);
      point(this.spot, this);
      this.announce(this.spot);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.spec.pick?.(this.spec.places[from]);
    } else if (event.key === "Escape") {
      point(null, this);
    }
  }

  announce(spot) {
    if (spot === null || spot < 0) return;
    this.plot.setAttribute("aria-valuenow", spot);
    this.plot.setAttribute("aria-valuetext", this.spec.speak(this.spec.places[spot]));
  }

  /** The pixel of a spot's middle, and half its width. */
  x(spot) {
    const width = this.root.clientWidth - this.gutter() - this.edge();
    return this.gutter() + ((spot + 0.5) * width) / Math.max(1, this.spec.places.length);
  }

  follow(spot, leads) {
    this.leads = leads;
    const on = spot !== null && this.spec && spot < this.spec.places.length;
    this.cross.hidden = !on;
    this.tip.hidden = !(on && leads);
    if (!on) return;
    this.cross.style.left = `${this.x(spot)}px`;
    if (!leads) return;
    paint(this.tip, this.spec.tell(this.spec.places[spot]));
    const right = this.x(spot) > this.root.clientWidth * 0.55;
    this.tip.style.left = right ? "auto" : `${this.x(spot) + 14}px`;
    this.tip.style.right = right ? `${this.root.clientWidth - this.x(spot) + 14}px` : "auto";
  }

  /** What stands on the canvas but is not painted: the picked window, and marks that the keyboard reaches. */
  decorate() {
    if (!this.spec) return;
    const { places, picked, marks = [] } = this.spec;
    const spot = picked === null || picked === undefined ? -1 : places.indexOf(picked);
    this.picked.hidden = spot < 0;
    if (spot >= 0) {
      const half = Math.max(3, (this.x(1) - this.x(0)) / 2);
      this.picked.style.left = `${this.x(spot) - half}px`;
      this.picked.style.width = `${2 * half}px`;
    }
    paint(this.flags, html`${marks.map((mark) => {
      const left = this.x(places.indexOf(mark.at) - (mark.between ? 0.5 : 0));
      const side = left > this.root.clientWidth * 0.6 ? "leftward" : "";
      return html`<button type="button" class="flag ${mark.kind} ${side}" style="left:${left.toFixed(1)}px" aria-label="${mark.label}"><span>${mark.label}</span></button>`;
    })}`);
  }
}

/** What our charts are painted with: in pixels of the canvas, by window. */
class Brush {
  constructor(u, spec) {
    this.u = u;
    this.ctx = u.ctx;
    this.spec = spec;
    this.dot = devicePixelRatio || 1;
    this.pace = u.bbox.width / this.dot / Math.max(1, spec.places.length);
    this.ctx.beginPath();
    this.ctx.rect(u.bbox.left, 0, u.bbox.width + (spec.tight ? 50 : edge()) * this.dot, u.bbox.top + u.bbox.height + 2 * this.dot);
    this.ctx.clip();
  }

  x(spot) {
    return this.u.valToPos(spot, "x", true);
  }

  y(value) {
    return this.u.valToPos(value, "y", true);
  }

  old(spot) {
    return spot < this.spec.references;
  }

  /** Calls back for each window that is shown. */
  each(visit) {
    this.spec.places.forEach((i, spot) => visit(i, spot));
  }

  /** A line through the values; what is undefined breaks it. */
  line(field, name, width = 1.5) {
    const { ctx } = this;
    for (const old of [true, false]) {
      ctx.beginPath();
      let going = false;
      this.each((i, spot) => {
        const value = at(field, i);
        const here = is(value) && this.old(spot) === old;
        if (here && going) ctx.lineTo(this.x(spot), this.y(value));
        else if (here) ctx.moveTo(this.x(spot), this.y(value));
        going = here;
      });
      ctx.strokeStyle = colour(old ? "grey" : name);
      ctx.lineWidth = width * this.dot;
      ctx.lineJoin = "round";
      ctx.stroke();
    }
  }

  /** What lies between two fields, window by window. */
  band(low, high, name) {
    const { ctx } = this;
    let run = [];
    const close = (old) => {
      if (run.length) {
        const half = run.length === 1 ? Math.min(this.pace / 2, 5) * this.dot : 0;
        ctx.beginPath();
        run.forEach(([spot, a], k) => ctx[k ? "lineTo" : "moveTo"](this.x(spot) - half, this.y(a)));
        if (half) ctx.lineTo(this.x(run[0][0]) + half, this.y(run[0][1]));
        if (half) ctx.lineTo(this.x(run[0][0]) + half, this.y(run[0][2]));
        [...run].reverse().forEach(([spot, , b]) => ctx.lineTo(this.x(spot) - half, this.y(b)));
        ctx.closePath();
        ctx.fillStyle = colour(old ? "band-past" : name);
        ctx.fill();
      }
      run = [];
    };
    this.each((i, spot) => {
      const [a, b] = [at(low, i), at(high, i)];
      if (spot === this.spec.references) close(true);
      if (is(a) && is(b)) run.push([spot, a, b]);
      else close(this.old(spot));
    });
    close(this.old(this.spec.places.length - 1));
  }

  /** A threshold: dashed, a step a window, with its figure at the edge. */
  threshold(field, taken = []) {
    const { ctx, dot } = this;
    ctx.beginPath();
    let last = null;
    this.each((i, spot) => {
      const value = at(field, i);
      if (!is(value)) {
        last = null;
        return;
      }
      if (last !== value) ctx.moveTo(this.x(spot - 0.5), this.y(value));
      ctx.lineTo(this.x(spot + 0.5), this.y(value));
      last = value;
    });
    ctx.setLineDash([5 * dot, 4 * dot]);
    ctx.strokeStyle = colour("limit");
    ctx.lineWidth = 1.25 * dot;
    ctx.stroke();
    ctx.setLineDash([]);
    if (last === null) return;
    const { left, top, width, height } = this.u.bbox;
    let y = clamp(this.y(last), top + 6 * dot, top + height - 4 * dot);
    for (const other of taken) if (Math.abs(other - y) < 13 * dot) y = other + (y < other ? -13 : 13) * dot;
    taken.push(y);
    ctx.fillStyle = colour("ink");
    ctx.font = fontOf(12 * dot);
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    ctx.fillText(this.spec.axis?.(last) ?? number(last), left + width + 6 * dot, y);
  }

  /** A mark: `round` or `diamond`, hollow or filled. */
  mark(spot, value, { shape = "round", filled = false, name, strength = 1, size = 3.4 }) {
    if (!is(value)) return;
    const { ctx, dot } = this;
    const fit = Math.min(size, Math.max(1.6, this.pace / 2.2));
    const r = (shape === "diamond" ? Math.max(this.spec.tight ? 3 : 4.2, fit * 1.45) : fit) * dot;
    const [x, y] = [this.x(spot), this.y(value)];
    ctx.beginPath();
    if (shape === "diamond") {
      ctx.moveTo(x, y - r);
      ctx.lineTo(x + r, y);
      ctx.lineTo(x, y + r);
      ctx.lineTo(x - r, y);
      ctx.closePath();
    } else {
      ctx.arc(x, y, r, 0, 2 * Math.PI);
    }
    const ink = colour(this.old(spot) ? "grey" : name);
    ctx.fillStyle = colour("surface");
    ctx.fill();
    ctx.globalAlpha = strength;
    if (filled) {
      ctx.fillStyle = ink;
      ctx.fill();
    }
    ctx.lineWidth = 1.6 * dot;
    ctx.strokeStyle = ink;
    ctx.stroke();
    ctx.globalAlpha = 1;
  }

  /** A window without a figure: hatched at the foot, so that a gap is seen to be one. */
  gap(spot) {
    const { ctx, dot } = this;
    const { top, height } = this.u.bbox;
    const half = Math.min(this.pace / 2, 8) * dot;
    const [x, y] = [this.x(spot), top + height];
    ctx.save();
    ctx.beginPath();
    ctx.rect(x - half, y - 7 * dot, 2 * half, 7 * dot);
    ctx.clip();
    ctx.beginPath();
    for (let k = -14; k < 2 * half / dot + 14; k += 4) {
      ctx.moveTo(x - half + k * dot, y);
      ctx.lineTo(x - half + (k + 7) * dot, y - 7 * dot);
    }
    ctx.strokeStyle = colour("muted");
    ctx.lineWidth = dot;
    ctx.stroke();
    ctx.restore();
  }

  /** A bar from zero or from the foot. */
  bar(spot, value, name, strength = 1) {
    if (!is(value)) return;
    const { ctx, dot } = this;
    const { top, height } = this.u.bbox;
    const half = Math.max(0.5, Math.min(this.pace * 0.36, 14)) * dot;
    const foot = clamp(this.y(0), top, top + height);
    const y = this.y(value);
    ctx.globalAlpha = strength;
    ctx.fillStyle = colour(name);
    ctx.fillRect(this.x(spot) - half, Math.min(y, foot), 2 * half, Math.max(Math.abs(foot - y), value ? dot : 0));
    ctx.globalAlpha = 1;
  }

  words(text, spot) {
    const { ctx, dot } = this;
    ctx.font = fontOf(12 * dot);
    ctx.fillStyle = colour("muted");
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    ctx.fillText(text, this.x(spot) + 5 * dot, this.u.bbox.top + 3 * dot);
  }
}

/** Charts by their island, made when first shown. */
const charts = new WeakMap();
function showChart(root, spec, Kind = Chart) {
  if (!root) return;
  if (!charts.has(root)) charts.set(root, new Kind(root));
  charts.get(root).show(spec);
}

/** Draws all again: the theme is another, or there is paper in place of a screen, which is narrower. */
function redrawAll() {
  palette.clear();
  for (const follower of followers) {
    if (!follower.root.isConnected) continue;
    follower.fit?.();
    follower.redraw();
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawAll);
addEventListener("beforeprint", () => {
  document.documentElement.dataset.paper = "";
  redrawAll();
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.paper;
  redrawAll();
});
