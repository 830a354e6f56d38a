// Tell the server how long the pair was really looked at, and refuse what nobody can have read.
//
// HTML cannot measure time. Only time with the page in view and a hand on it counts: after
// a minute without any input somebody has gone for coffee, and that is not a hard
// comparison. The second half of a double press lands on the next card: for the first
// 350 ms a card takes no verdict.
(() => {
  const HASTY = 350;
  const AWAY = 60_000;
  const INPUT = ["keydown", "pointermove", "pointerdown", "wheel", "scroll", "touchstart"];
  let card = null;
  let shownAt = 0;
  let active = 0; // milliseconds until `last`
  let last = 0;

  const touch = () => {
    const now = performance.now();
    if (document.visibilityState === "visible") active += Math.min(now - last, AWAY);
    last = now;
  };

  const begin = () => {
    const shown = document.querySelector("#card.has-pair");
    if (shown === card) return;
    card = shown;
    active = 0;
    shownAt = last = performance.now();
  };

  for (const kind of INPUT) document.addEventListener(kind, touch, { capture: true, passive: true });
  document.addEventListener("visibilitychange", () => {
    // Going away ends a stretch that counts; coming back begins one.
    if (document.visibilityState === "hidden") active += Math.min(performance.now() - last, AWAY);
    last = performance.now();
  });
  document.addEventListener("tiebreak:shown", () => {
    begin();
    document.querySelector("#card [data-focus]")?.focus({ preventScroll: true });
  });
  document.addEventListener(
    "submit",
    (event) => {
      if (!event.target.matches("#card #verdict")) return;
      touch();
      if (performance.now() - shownAt < HASTY) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      const field = event.target.querySelector("[data-clock]");
      if (field) field.value = Math.round(active);
    },
    true,
  );
  begin();
})();
