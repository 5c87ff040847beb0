"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  const chart = document.querySelector("svg.front");
  if (!chart) return;
  const marks = [...chart.querySelectorAll(".mark")];
  const NEAR = 40, SAME = 7, SHOWN = 4;

  function element(name, text, parent) {
    const node = parent.appendChild(document.createElement(name));
    node.textContent = text;
    return node;
  }

  function describe(entry) {
    const title = element("b", entry.name, tip);
    title.className = entry.regime;
    if (entry.front) element("em", "on the front", title);
    const list = tip.appendChild(document.createElement("dl"));
    for (const [name, value] of entry.lines) {
      element("dt", name, list);
      element("dd", value, list);
    }
  }

  function show(entry, also, box) {
    tip.replaceChildren();
    describe(entry);
    if (also.length) {
      const more = also.length > SHOWN ? `, and ${also.length - SHOWN} more` : "";
      element("p", "Also here: " + also.slice(0, SHOWN).map((other) => other.name).join(", ") + more, tip);
    }
    tip.hidden = false;
    const width = tip.offsetWidth, height = tip.offsetHeight, gap = 14;
    const right = box.right + gap + width <= document.documentElement.clientWidth;
    const left = right ? box.right + gap : Math.max(8, box.left - gap - width);
    const top = Math.min(Math.max(8, box.top - height / 2), Math.max(8, window.innerHeight - height - 8));
    tip.style.left = `${left + window.scrollX}px`;
    tip.style.top = `${top + window.scrollY}px`;
  }

  function hide() {
    tip.hidden = true;
    for (const mark of marks) mark.classList.remove("active");
  }

  const place = (mark) => mark.querySelector("path").getBoundingClientRect();
  const centre = (box) => [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
  const visible = () => marks.filter((mark) => !mark.classList.contains("off"));

  function activate(mark) {
    const box = place(mark), [x, y] = centre(box);
    const also = visible().filter((other) => {
      const [ox, oy] = centre(place(other));
      return other !== mark && Math.hypot(ox - x, oy - y) <= SAME;
    });
    hide();
    mark.classList.add("active");
    show(data.points[mark.dataset.index], also.map((other) => data.points[other.dataset.index]), box);
  }

  function nearest(event) {
    let best = null, distance = NEAR;
    for (const mark of visible()) {
      const [x, y] = centre(place(mark)), away = Math.hypot(event.clientX - x, event.clientY - y);
      if (away < distance) [best, distance] = [mark, away];
    }
    return best;
  }

  function follow(event) {
    const mark = nearest(event);
    if (mark) activate(mark);
    else hide();
  }

  const plot = chart.parentElement;
  plot.addEventListener("pointermove", follow);
  plot.addEventListener("pointerdown", follow);
  plot.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hide());
  for (const mark of marks) mark.addEventListener("focus", () => activate(mark));
  chart.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());

  chart.addEventListener("keydown", (event) => {
    const shown = visible(), last = shown.length - 1, now = shown.indexOf(document.activeElement);
    const next = { ArrowRight: now + 1, ArrowUp: now + 1, ArrowLeft: now - 1, ArrowDown: now - 1, Home: 0, End: last }[event.key];
    if (next === undefined || last < 0) return;
    event.preventDefault();
    const mark = shown[Math.min(Math.max(next, 0), last)];
    for (const other of marks) other.tabIndex = other === mark ? 0 : -1;
    mark.focus();
  });

  for (const button of document.querySelectorAll(".legend button")) {
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      for (const node of chart.querySelectorAll("." + button.dataset.regime)) node.classList.toggle("off", !on);
      const shown = visible();
      for (const mark of marks) mark.tabIndex = mark === shown[0] ? 0 : -1;
      hide();
    });
  }

  for (const bar of document.querySelectorAll(".bar")) {
    const enter = () => { hide(); show(data.bars[bar.dataset.tip], [], bar.querySelector(".stack").getBoundingClientRect()); };
    bar.addEventListener("pointerenter", enter);
    bar.addEventListener("focus", enter);
    bar.addEventListener("pointerleave", hide);
    bar.addEventListener("blur", hide);
  }

  document.getElementById("as-share").addEventListener("click", (event) => {
    const on = document.getElementById("bars").classList.toggle("as-share");
    event.currentTarget.setAttribute("aria-pressed", on);
  });

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const value = (row) => row.cells[column].dataset.value;
      const order = head.dataset.kind === "text"
        ? (a, b) => value(a).localeCompare(value(b), "en", { numeric: true })
        : (a, b) => value(a) - value(b);
      body.append(...[...body.rows].sort((a, b) => (up ? order(a, b) : order(b, a))));
    }));
  }
})();
