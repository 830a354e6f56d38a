// Tell the server how long the pair was looked at, and refuse what nobody can have read.
//
// HTML cannot measure time. Only time with the page in view counts, so a lunch break is
// not a hard comparison. The second half of a double press lands on the next card: for
// the first 350 ms a card takes no verdict.
(() => {
  const HASTY = 350;
  let card = null;
  let seen = 0;
  let since = 0;

  const look = () => {
    const now = performance.now();
    if (document.visibilityState === "visible") since ||= now;
    else if (since) {
      seen += now - since;
      since = 0;
    }
  };

  const begin = () => {
    const shown = document.querySelector("#card.has-pair");
    if (shown === card) return;
    card = shown;
    seen = since = 0;
    look();
  };

  const elapsed = () => seen + (since ? performance.now() - since : 0);

  document.addEventListener("visibilitychange", look);
  document.addEventListener("htmx:afterSwap", () => {
    begin();
    document.querySelector("#card [data-focus]")?.focus({ preventScroll: true });
  });
  document.addEventListener(
    "submit",
    (event) => {
      if (!event.target.closest("#card")) return;
      if (elapsed() < HASTY) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      const field = event.target.querySelector("[data-clock]");
      if (field) field.value = Math.round(elapsed());
    },
    true,
  );
  begin();
})();
