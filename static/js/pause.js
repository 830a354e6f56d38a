// After a long stretch of judging, say once that a break would do good. Nothing stops, nothing is counted.
//
// A stretch ends with five minutes without any input. It is kept for the tab, so a reload does not begin it anew.
(() => {
  const note = document.getElementById("pause");
  if (!note) return;
  const MINUTE = 60_000;
  const AWAY = 5 * MINUTE;
  const PLACE = "tiebreak-stretch";
  const { from, last } = JSON.parse(sessionStorage.getItem(PLACE) || "{}");
  const now = Date.now();
  const stretch = now - (last || 0) < AWAY ? { from, last: now } : { from: now, last: now };

  const touch = () => {
    const moment = Date.now();
    if (moment - stretch.last >= AWAY) stretch.from = moment;
    stretch.last = moment;
  };
  for (const kind of ["keydown", "pointermove", "wheel", "touchstart"]) {
    document.addEventListener(kind, touch, { capture: true, passive: true });
  }
  document.addEventListener("tiebreak:shown", () => {
    sessionStorage.setItem(PLACE, JSON.stringify(stretch));
    if (Date.now() - stretch.from >= note.dataset.minutes * MINUTE) note.hidden = false;
  });
  note.addEventListener("click", (event) => {
    if (!event.target.closest("[data-pause-heard]")) return;
    note.hidden = true;
    stretch.from = Date.now();
  });
})();
