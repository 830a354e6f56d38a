// Long answers begin folded to the same height, and open and close together.
//
// Two long answers push the buttons away and hide that one is longer than the screen.
// Without scripts they are simply long.
(() => {
  const LONG = 0.9; // of the window's height

  const draw = () => {
    const panes = document.querySelector("#card .panes");
    const button = document.querySelector("#card [data-fold]");
    if (!panes || !button) return;
    const isLong = [...panes.querySelectorAll(".pane")].some((pane) => pane.scrollHeight > LONG * innerHeight);
    button.hidden = !isLong;
    panes.classList.toggle("folded", isLong);
    button.setAttribute("aria-expanded", String(!isLong));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-fold]");
    if (!button) return;
    const folded = document.querySelector("#card .panes").classList.toggle("folded");
    button.setAttribute("aria-expanded", String(!folded));
  });
  document.addEventListener("tiebreak:shown", draw);
  draw();
})();
