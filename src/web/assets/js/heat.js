// Drift as a heat map: columns by rank against windows, on the x axis of the charts above it.

const shades = 6;

/** How far a figure is beyond its threshold: below 1 it is within; null where there is nothing to compare. */
function beyond(one, i) {
  const value = at(one.value, i);
  if (!is(value)) return null;
  const [low, high] = [at(one.lower_threshold, i), at(one.upper_threshold, i)];
  if (is(high) && high > 0) return value / high;
  if (is(high)) return value > high ? 8 : 0;
  if (is(low) && value < low) return value > 0 ? low / value : 8;
  return isOut(one, i) ? 2 : 0.5;
}

/** The shade of a cell, 0 within its threshold, the last at eight times and more. */
function shade(ratio) {
  if (ratio <= 1) return 0;
  return Math.min(shades - 1, 1 + Math.floor((Math.log2(ratio) / 3) * (shades - 1)));
}

class HeatMap {
  constructor(root) {
    this.root = root;
    root.innerHTML = `<ol class="rows"></ol><div class="plot" tabindex="0" role="slider" aria-valuemin="0"><canvas></canvas></div><div class="cross" hidden></div><div class="picked" hidden></div><div class="cell" hidden></div><div class="tip" hidden></div>`;
    [this.rows, this.plot, this.cross, this.picked, this.cell, this.tip] = root.children;
    this.canvas = this.plot.firstElementChild;
    this.row = 0;
    this.spot = null;
    followers.add(this);
    new ResizeObserver(() => this.root.clientWidth !== this.drawnWidth && this.redraw()).observe(root);
    this.plot.addEventListener("pointermove", (event) => this.point(event));
    this.plot.addEventListener("pointerdown", (event) => this.point(event));
    this.plot.addEventListener("pointerleave", () => document.activeElement !== this.plot && point(null, this));
    this.plot.addEventListener("click", () => this.open());
    this.plot.addEventListener("keydown", (event) => this.key(event));
    this.plot.addEventListener("focus", () => this.plot.matches(":focus-visible") && this.go(this.row, this.spot ?? this.spec.places.length - 1));
    this.plot.addEventListener("blur", () => point(null, this));
  }

  get height() {
    return narrow.matches ? 36 : 22;
  }

  /** Shows `spec`: places, references, rows of { name, note, one (series), column }, tell, speak, open, picked, opened. */
  show(spec) {
    this.spot = stay(this, spec);
    this.spec = spec;
    this.row = clamp(this.row, 0, Math.max(0, spec.rows.length - 1));
    this.plot.setAttribute("aria-label", spec.label);
    this.plot.setAttribute("aria-valuemax", Math.max(0, spec.places.length * spec.rows.length - 1));
    paint(this.rows, html`${spec.rows.map((row, k) => html`<li data-key="${row.name}" class="${row.column !== null && row.column === spec.opened ? "opened" : ""}">
      ${row.column === null ? html`<span class="row-name" title="${row.name}">${row.name}</span>`
        : html`<button type="button" class="row-name" data-do="openColumn" data-column="${row.column}" aria-expanded="${row.column === spec.opened}" title="${row.name}${row.note ? `: ${row.note}` : ""}">${row.name}</button>`}
    </li>`)}`);
    this.redraw();
    this.announce();
    this.follow(pointer.spot, this.leads);
  }

  pace() {
    return Math.max(1, this.root.clientWidth - gutter() - edge()) / Math.max(1, this.spec.places.length);
  }

  x(spot) {
    return gutter() + (spot + 0.5) * this.pace();
  }

  redraw() {
    const width = this.root.clientWidth;
    if (!this.spec || !width) return;
    this.drawnWidth = width;
    const { rows, places, references } = this.spec;
    const dot = devicePixelRatio || 1;
    const tall = this.height;
    const inner = width - gutter() - edge();
    this.plot.style.left = `${gutter()}px`;
    this.plot.style.width = `${inner}px`;
    this.root.style.height = `${rows.length * tall + 38}px`;
    this.root.style.setProperty("--row", `${tall}px`);
    this.canvas.width = Math.round(inner * dot);
    this.canvas.height = Math.round((rows.length * tall + 38) * dot);
    this.canvas.style.width = `${inner}px`;
    this.canvas.style.height = `${rows.length * tall + 38}px`;
    const ctx = this.canvas.getContext("2d");
    ctx.scale(dot, dot);
    ctx.font = fontOf(11);
    const pace = this.pace();
    const gap = pace > 5 ? 1 : 0;
    const foot = narrow.matches ? 16 : 0; // the name stands above its cells
    const hues = Array.from({ length: shades }, (_, k) => colour(`heat-${k}`));
    const past = Array.from({ length: shades }, (_, k) => colour(`cold-${k}`));
    rows.forEach((row, k) => {
      const top = k * tall + foot;
      const high = tall - foot - 2;
      const late = [];
      // Thin cells of one shade are one rectangle: a thousand windows have fifty thousand cells.
      let run = null;
      const flush = () => {
        if (!run) return;
        ctx.fillStyle = run.ink;
        ctx.fillRect(run.from * pace, top, Math.max((run.to - run.from + 1) * pace - gap, 0.8), high);
        run = null;
      };
      places.forEach((i, spot) => {
        const ratio = beyond(row.one, i);
        const breach = isOut(row.one, i);
        const cell = [spot * pace, top, Math.max(pace - gap, 0.8), high, spot, ratio, breach];
        if (ratio === null) {
          ctx.fillStyle = colour("muted");
          ctx.fillRect(spot * pace + pace / 2 - Math.min(3, pace / 3), top + high / 2 - 0.5, Math.min(6, pace / 1.5), 1);
        } else if (breach) {
          late.push(cell);
        } else {
          const ink = (spot < references ? past : hues)[shade(ratio)];
          if (!gap && run?.ink === ink && run.to === spot - 1) {
            run.to = spot;
          } else {
            flush();
            run = { ink, from: spot, to: spot };
          }
        }
      });
      flush();
      // Where cells are thinner than a pixel, the ones that matter are painted last.
      for (const [x, y, wide, , spot, ratio] of late) {
        const deep = Math.max(1, shade(ratio));
        ctx.fillStyle = (spot < references ? past : hues)[deep];
        ctx.fillRect(x, y, wide, high);
        if (pace < 5) continue;
        ctx.beginPath();
        ctx.arc(x + wide / 2, y + high / 2, Math.min(2.2, pace / 4), 0, 2 * Math.PI);
        ctx.fillStyle = colour(deep >= shades / 2 && spot >= references ? "heat-dot-deep" : "heat-dot");
        ctx.fill();
      }
    });
    if (references) {
      ctx.fillStyle = colour("rule");
      ctx.fillRect(Math.round(references * pace) - 0.5 - gap / 2, 0, 1, rows.length * tall);
    }
    ctx.font = fontOf(12);
    ctx.fillStyle = colour("muted");
    ctx.textAlign = "center";
    ctx.textBaseline = "top";
    const spots = ticks(this.spec, inner);
    spots.forEach((spot, k) => tick(this.spec, spot, spots[k - 1]).split("\n").forEach((line, n) => {
      const half = ctx.measureText(line).width / 2;
      ctx.fillText(line, clamp((spot + 0.5) * pace, half, inner - half), rows.length * tall + 5 + n * 15);
    }));
    this.decorate();
  }

  decorate() {
    const spot = this.spec.picked === null ? -1 : this.spec.places.indexOf(this.spec.picked);
    this.picked.hidden = spot < 0;
    this.picked.style.left = `${this.x(spot) - Math.max(3, this.pace() / 2)}px`;
    this.picked.style.width = `${Math.max(6, this.pace())}px`;
  }

  point(event) {
    const box = this.plot.getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top) / this.height);
    const spot = Math.floor((event.clientX - box.left) / this.pace());
    if (row < 0 || row >= this.spec.rows.length || spot < 0 || spot >= this.spec.places.length) return;
    this.go(row, spot);
  }

  go(row, spot) {
    this.row = clamp(row, 0, this.spec.rows.length - 1);
    this.spot = clamp(spot, 0, this.spec.places.length - 1);
    this.announce();
    point(this.spot, this);
  }

  key(event) {
    const spot = this.spot ?? this.spec.places.length - 1;
    const to = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], PageUp: [0, -10], PageDown: [0, 10], Home: [0, -1e9], End: [0, 1e9] }[event.key];
    if (to) {
      event.preventDefault();
      this.go(this.row + to[0], spot + to[1]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      this.open();
    } else if (event.key === "Escape") {
      point(null, this);
    }
  }

  open() {
    const row = this.spec.rows[this.row];
    if (row && this.spot !== null) this.spec.open(row.column, this.spec.places[this.spot]);
  }

  announce() {
    const spot = this.spot ?? this.spec.places.length - 1;
    const row = this.spec.rows[this.row];
    if (!row || spot < 0) return;
    this.plot.setAttribute("aria-valuenow", this.row * this.spec.places.length + spot);
    this.plot.setAttribute("aria-valuetext", this.spec.speak(row, this.spec.places[spot]));
  }

  follow(spot, leads) {
    this.leads = leads;
    const on = spot !== null && this.spec && spot < this.spec.places.length;
    this.cross.hidden = !on;
    this.tip.hidden = this.cell.hidden = !(on && leads && this.spec.rows.length);
    if (!on) return;
    this.cross.style.left = `${this.x(spot)}px`;
    if (this.tip.hidden) return;
    paint(this.tip, this.spec.tell(this.spec.rows[this.row], this.spec.places[spot]));
    const right = this.x(spot) > this.root.clientWidth * 0.55;
    this.tip.style.left = right ? "auto" : `${this.x(spot) + 14}px`;
    this.tip.style.right = right ? `${this.root.clientWidth - this.x(spot) + 14}px` : "auto";
    this.tip.style.top = `${(this.row + 1) * this.height + 6}px`;
    this.cell.style.left = `${this.x(spot) - this.pace() / 2 - 1}px`;
    this.cell.style.width = `${this.pace() + 1}px`;
    this.cell.style.top = `${this.row * this.height + (narrow.matches ? 15 : 0) - 1}px`;
    this.cell.style.height = `${this.height - (narrow.matches ? 15 : 0)}px`;
  }
}
