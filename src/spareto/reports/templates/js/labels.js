// Labels beside points: the most important first, where they cover neither a mark nor each other.
const PLACES = [[-9, -10, "right"], [-12, 0, "right"], [9, -10, "left"], [0, -15, "center"], [12, 0, "left"], [9, 11, "left"], [0, 16, "center"], [-9, 11, "right"], [16, 24, "left"], [16, 40, "left"], [-16, -26, "right"], [16, -26, "left"], [-16, 26, "right"]];

function placeLabels(wanted, marks, lines, width, height) {
  const taken = [...marks.map(([x, y]) => [x - 6, y - 6, x + 6, y + 6]), ...lines];
  const meets = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
  const placed = [];
  for (const label of wanted) {
    const long = letter(label.text.length * (label.bold ? 7 : 6.4)), tall = letter(8);
    for (const [dx, dy, side] of PLACES) {
      const x = label.x + dx, y = label.y + dy;
      const left = side === "left" ? x : side === "right" ? x - long : x - long / 2;
      const box = [left, y - tall, left + long, y + tall];
      const own = (other) => Math.abs((other[0] + other[2]) / 2 - label.x) < 0.5 && Math.abs((other[1] + other[3]) / 2 - label.y) < 0.5;
      const inside = box[0] >= 0 && box[1] >= 0 && box[2] <= width && box[3] <= height;
      if (inside && !taken.some((other) => !own(other) && meets(box, other))) {
        taken.push(box);
        placed.push({ ...label, dx, dy, side });
        break;
      }
    }
  }
  return placed;
}
