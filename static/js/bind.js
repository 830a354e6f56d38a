// Choose another key: press the one that stands there, then the one that shall.
//
// HTML has no field that takes a place on the keyboard. The server checks what is sent.
(() => {
  let asking = null;

  const words = (button) => button.closest("form").dataset;
  const say = (text) => {
    document.querySelector("[data-bind-says]").textContent = text;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-bind]");
    if (!button) return;
    asking?.removeAttribute("aria-pressed");
    asking = button;
    button.setAttribute("aria-pressed", "true");
    say(`${button.closest("tr").querySelector("th").textContent}: ${words(button).ask}`);
  });

  // Before keys.js, which would judge with it.
  window.addEventListener(
    "keydown",
    (event) => {
      if (!asking || ["Tab", "ShiftLeft", "ShiftRight"].includes(event.code)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      const button = asking;
      asking = null;
      button.removeAttribute("aria-pressed");
      if (event.code === "Escape") return say(words(button).kept);
      const mark = button.querySelector("kbd");
      button.previousElementSibling.value = mark.dataset.code = event.code;
      mark.textContent = event.key.length === 1 ? event.key.toUpperCase() : event.code;
      say(words(button).chosen);
    },
    true,
  );
})();
