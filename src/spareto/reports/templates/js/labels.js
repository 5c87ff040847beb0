// Labels beside points: the most important first, where they cover neither a mark nor each other,
// and no error bar if there is such a place.
const PLACES = [[-9, -10, "right"], [-12, 0, "right"], [9, -10, "left"], [0, -15, "center"], [12, 0, "left"], [9, 11, "left"], [0, 16, "center"], [-9, 11, "right"], [16, 24, "left"], [16, 40, "left"], [-16, -26, "right"], [16, -26, "left"], [-16, 26, "right"]];

function placeLabels(wanted, marks, lines, width, height, bars = []) {
  const taken = [...marks.map(([x, y]) => [x - 6, y - 6, x + 6, y + 6]), ...lines];
  const meets = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  const placed = [];
  for (const label of wanted) {
    const long = letter(label.text.length * (label.bold ? 7 : 6.4)), tall = letter(8);
    const own = (other) => Math.abs((other[0] + other[2]) / 2 - label.x) < 0.5 && Math.abs((other[1] + other[3]) / 2 - label.y) < 0.5;
    const fits = (avoided) => ([dx, dy, side]) => {
      const box = boxOf(label, dx, dy, side, long, tall);
      const inside = box[0] >= 0 && box[1] >= 0 && box[2] <= width && box[3] <= height;
      return inside && !avoided.some((other) => !own(other) && meets(box, other));
    };
    const found = PLACES.find(fits([...taken, ...bars])) || PLACES.find(fits(taken));
    if (!found) continue;
    const [dx, dy, side] = found;
    taken.push(boxOf(label, dx, dy, side, long, tall));
    placed.push({ ...label, dx, dy, side });
  }
  return placed;
}

function boxOf(label, dx, dy, side, long, tall) {
  const x = label.x + dx, y = label.y + dy;
  const left = side === "left" ? x : side === "right" ? x - long : x - long / 2;
  return [left, y - tall, left + long, y + tall];
}
