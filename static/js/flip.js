// On a narrow screen the answers stand below each other: go to the same place in the other one and back.
(() => {
  const panes = () => [...document.querySelectorAll("#card .pane")];

  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-flip]")) return;
    const [a, b] = panes().map((pane) => pane.getBoundingClientRect());
    if (a.top === b.top) return;
    const here = b.top <= innerHeight / 3 ? b : a;
    const other = here === a ? b : a;
    const read = Math.min(Math.max(-here.top, 0), Math.max(other.height - innerHeight / 2, 0));
    scrollBy({ top: other.top + read - 8, behavior: "instant" });
  });
})();
