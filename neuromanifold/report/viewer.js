"use strict";
// A manifold that can be turned: an orthographic drawing on a canvas, farthest things first. Without scripts, on paper,
// and where a canvas cannot be had, the still figure stays.
(() => {
  const SAMPLE = "rgba(110, 110, 110, 0.45)", INK = "#1b1f24", SOFT = "#59636e";

  function turned(flat, yaw, pitch) {
    const cy = Math.cos(yaw), sy = Math.sin(yaw), cp = Math.cos(pitch), sp = Math.sin(pitch);
    const n = flat.length / 3, out = new Float64Array(flat.length);
    for (let i = 0; i < n; i++) {
      const x = flat[3 * i], y = flat[3 * i + 1], z = flat[3 * i + 2];
      const across = cy * x + sy * y, away = -sy * x + cy * y;
      out[3 * i] = across;
      out[3 * i + 1] = cp * z + sp * away;
      out[3 * i + 2] = cp * away - sp * z; // larger is farther
    }
    return out;
  }

  // Lists of corners: of the pieces of a curve, or of the cells of a surface.
  function pieces(scene) {
    const found = [];
    if (scene.rows === 1) {
      for (let i = 0; i + 1 < scene.columns; i++) found.push([i, i + 1]);
      return found;
    }
    for (let r = 0; r + 1 < scene.rows; r++) {
      for (let c = 0; c + 1 < scene.columns; c++) {
        const i = r * scene.columns + c;
        found.push([i, i + 1, i + scene.columns + 1, i + scene.columns]);
      }
    }
    for (const r of scene.caps) found.push(Array.from({ length: scene.columns }, (_, c) => r * scene.columns + c));
    return found;
  }

  function start(figure) {
    const scene = JSON.parse(figure.querySelector("script").textContent);
    const canvas = figure.querySelector("canvas"), pen = canvas.getContext("2d");
    if (!pen) return;
    const cells = pieces(scene), axes = [0, 0, 0, 0.55, 0, 0, 0, 0.55, 0, 0, 0, 0.55];
    const home = { yaw: -0.9, pitch: 0.45, zoom: 1 };
    let view = { ...home }, colouring = 0, waiting = false;
    figure.classList.add("live");

    function draw() {
      waiting = false;
      const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
      if (!width) return;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      const size = 0.36 * Math.min(width, height) * view.zoom;
      const px = (p, i) => width / 2 + size * p[3 * i], py = (p, i) => height / 2 - size * p[3 * i + 1];
      const points = turned(scene.points, view.yaw, view.pitch), samples = turned(scene.samples, view.yaw, view.pitch);
      const { palette, places } = scene.colourings[colouring];
      const things = [];
      for (let i = 0; i < samples.length / 3; i++) things.push([samples[3 * i + 2], i, null]);
      for (const cell of cells) {
        let depth = 0;
        for (const i of cell) depth += points[3 * i + 2];
        // A little nearer than the samples that it runs through.
        things.push([depth / cell.length - 0.02, cell[0], cell]);
      }
      things.sort((a, b) => b[0] - a[0]);
      pen.lineCap = "round";
      for (const [, i, cell] of things) {
        if (cell === null) {
          pen.fillStyle = SAMPLE;
          pen.fillRect(px(samples, i) - 1, py(samples, i) - 1, 2, 2);
          continue;
        }
        pen.beginPath();
        cell.forEach((j, k) => pen[k ? "lineTo" : "moveTo"](px(points, j), py(points, j)));
        pen.strokeStyle = pen.fillStyle = palette[places[i]];
        pen.lineWidth = cell.length === 2 ? 4 : 0.7;
        if (cell.length > 2) pen.fill();
        pen.stroke();
      }
      drawAxes(width, height);
    }

    function drawAxes(width, height) {
      // In a corner, so that they never hide the manifold.
      const ends = turned(axes, view.yaw, view.pitch), x = 62, y = height - 58;
      pen.font = "12px system-ui, sans-serif";
      pen.lineWidth = 1.2;
      for (let i = 1; i < 4; i++) {
        const dx = 70 * ends[3 * i], dy = -70 * ends[3 * i + 1];
        pen.strokeStyle = SOFT;
        pen.beginPath();
        pen.moveTo(x, y);
        pen.lineTo(x + dx, y + dy);
        pen.stroke();
        pen.fillStyle = INK;
        pen.fillText(scene.axes[i - 1].split(" ")[0], x + 1.25 * dx - 10, y + 1.25 * dy + 4);
      }
    }

    function soon() {
      if (!waiting) {
        waiting = true;
        requestAnimationFrame(draw);
      }
    }

    function move(yaw, pitch) {
      view.yaw += yaw;
      view.pitch = Math.max(-1.55, Math.min(1.55, view.pitch + pitch));
      soon();
    }

    function scale(factor) {
      view.zoom = Math.max(0.4, Math.min(6, view.zoom * factor));
      soon();
    }

    let held = null;
    canvas.addEventListener("pointerdown", (event) => {
      held = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!held) return;
      move((event.clientX - held[0]) * -0.01, (event.clientY - held[1]) * 0.01);
      held = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { held = null; });
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return; // a page is scrolled by the wheel alone
      event.preventDefault();
      scale(Math.exp(-0.01 * event.deltaY));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const keys = {
        ArrowLeft: () => move(0.1, 0), ArrowRight: () => move(-0.1, 0),
        ArrowUp: () => move(0, -0.1), ArrowDown: () => move(0, 0.1),
        "+": () => scale(1.15), "-": () => scale(1 / 1.15),
        Home: () => { view = { ...home }; soon(); },
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });

    const chooser = figure.querySelector("select"), bar = figure.querySelector(".bar");
    function coloured() {
      const { palette, low, high } = scene.colourings[colouring];
      bar.children[0].textContent = low;
      bar.children[1].style.background = `linear-gradient(to right, ${palette.join(", ")})`;
      bar.children[2].textContent = high;
      soon();
    }
    chooser.addEventListener("change", () => { colouring = chooser.selectedIndex; coloured(); });
    new ResizeObserver(soon).observe(canvas);
    coloured();
  }

  for (const figure of document.querySelectorAll("figure.turns")) start(figure);

  // Paper cannot unfold.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open])")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
})();
