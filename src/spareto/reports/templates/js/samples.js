// A few samples: what came in, which neurons fired, how the decision grew.
let sampleShown = 0;

function drawSamples() {
  const details = D.details[state.p], box = at("samples");
  if (!details || !details.samples.length) {
    box.replaceChildren();
    return;
  }
  const samples = details.samples, place = Math.min(sampleShown, samples.length - 1), sample = samples[place];
  const buttons = samples.map((each, index) => h("button.pill", { type: "button", "aria-pressed": String(index === place), onclick: () => { sampleShown = index; drawSamples(); } }, `class ${each.label}`));
  const raster = sample.rasters.find((each) => each.name === D.layers[state.layer]) || sample.rasters[0];
  const made = [framesPanel(sample), ...(raster ? [rasterPanel(raster)] : []), answerPanel(sample)];
  box.replaceChildren(h("div.sample-head", null, h("h3", { style: { margin: "0 12px 0 0" } }, `Some ${D.study.split} samples`), ...buttons), h("div.grid.twos", null, made.map((each) => each.node)));
  for (const each of made) if (each.fill) each.fill();
}

function framesPanel(sample) {
  const made = panel("Input frames", `Sample ${sample.index} of the ${D.study.split} split, one picture a timestep; the stronger a pixel, the more events.`, { plot: false, wide: true });
  const ink = css("--ink");
  const pictures = sample.frames.map((frame, step) => {
    const canvas = h("canvas", { width: sample.width, height: sample.height, role: "img", "aria-label": `Timestep ${step + 1}: ${[...frame].filter((each) => each !== "0").length} pixels with events` });
    const pen = canvas.getContext("2d");
    pen.fillStyle = ink;
    [...frame].forEach((digit, index) => {
      if (digit === "0") return;
      pen.globalAlpha = Math.min(1, 0.4 + Number(digit) / 4);
      pen.fillRect(index % sample.width, Math.floor(index / sample.width), 1, 1);
    });
    return canvas;
  });
  made.extra.append(pictures.length ? h("div.frames", { style: { "--across": Math.min(pictures.length, 10) } }, pictures) : absent("The frames of this network are no pictures."));
  return made;
}

function rasterPanel(raster) {
  const made = panel("Spikes", `${raster.name}: ${raster.shown.length} of ${raster.neurons.toLocaleString("en-US")} neurons, a row each; a mark is a spike.`);
  made.fill = () => {
    const x = [], y = [];
    raster.spikes.forEach((row, step) => [...row].forEach((letter, index) => letter === "1" && (x.push(step + 1), y.push(index))));
    draw(made.plot, [{ x, y, mode: "markers", name: "spike", marker: { symbol: "square", size: Math.max(3, Math.min(7, 190 / raster.shown.length - 1)), color: css("--accent") }, hovertemplate: "timestep %{x}<extra></extra>" }],
      layout(axis("timestep", { range: [0.5, raster.spikes.length + 0.5], dtick: Math.max(1, Math.ceil(raster.spikes.length / 10)) }), axis("neuron", { range: [-1, raster.shown.length], showticklabels: false, gridcolor: "rgba(0,0,0,0)" })));
    tell(made.plot, `Spike raster of ${raster.name}: ${x.length} spikes of ${raster.shown.length} neurons in ${raster.spikes.length} timesteps.`);
    made.extra.replaceChildren(numbers("spikes", ["timestep", "spikes of the shown neurons"], raster.spikes.map((row, step) => [String(step + 1), String([...row].filter((each) => each === "1").length)])));
  };
  return made;
}

function answerPanel(sample) {
  const steps = sample.answers.length, last = sample.answers[steps - 1] || [], answer = last.indexOf(Math.max(...last));
  const made = panel("Decision over time", `The answer after so many timesteps: ${answer}, ${answer === sample.label ? "right" : `wrong, it is ${sample.label}`}.`);
  made.fill = () => {
    const strong = (index) => index === sample.label || index === answer;
    const traces = last.map((_, index) => ({ x: sample.answers.map((_, step) => step + 1), y: sample.answers.map((row) => row[index]), mode: "lines+markers", name: `class ${index}`, line: { width: strong(index) ? 2.5 : 1, color: index === sample.label ? css("--accent") : index === answer ? css("--prune") : css("--soft") }, opacity: strong(index) ? 1 : 0.35, hovertemplate: `class ${index} after %{x}: %{y:.3g}<extra></extra>` }));
    const named = [...new Set([sample.label, answer])].map((index) => ({ x: steps, y: last[index], text: `class ${index}`, showarrow: false, xanchor: "left", xshift: 8, font: { size: letter(12), color: index === sample.label ? css("--accent") : css("--prune") } }));
    draw(made.plot, traces, layout(axis("timesteps seen", { dtick: Math.max(1, Math.ceil(steps / 10)), range: [0.7, steps + 0.2] }), axis("answer", {}), { annotations: named, margin: { l: 52, r: 64, t: 10, b: 44 } }));
    tell(made.plot, `Answer over time: class ${sample.label} ends at ${amount(last[sample.label])}.`);
    made.extra.replaceChildren(numbers("the decision", ["timesteps", ...last.map((_, index) => `class ${index}`)], sample.answers.map((row, step) => [String(step + 1), ...row.map(amount)])));
  };
  return made;
}
